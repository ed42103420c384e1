//! Answers of PHP, read leniently.

use serde_json::Value as Json;

use crate::source::Container;

/// The answer of `sources`: (id, title) in Horde's order.
pub(super) fn names(answer: &Json) -> Option<Vec<(String, String)>> {
    match answer {
        Json::Array(list) if list.is_empty() => Some(Vec::new()),
        Json::Object(map) => {
            let titled = map.iter().map(|(id, title)| {
                let title = title.as_str().filter(|t| !t.is_empty()).unwrap_or(id);
                (id.clone(), title.to_owned())
            });
            Some(titled.collect())
        }
        _ => None,
    }
}

/// The default first: the one that Horde names, else the first that can be written to, else the first.
pub(super) fn containers(all: Vec<(String, String)>, writable: &[(String, String)], default: &str) -> Vec<Container> {
    let may_write = |id: &str| writable.iter().any(|(w, _)| w == id);
    let default = all.iter().position(|(id, _)| id == default);
    let default = default.or_else(|| all.iter().position(|(id, _)| may_write(id))).unwrap_or(0);
    let mut list: Vec<_> = all
        .into_iter()
        .enumerate()
        .map(|(n, (id, name))| Container {
            default: n == default,
            writable: may_write(&id),
            id,
            name,
            ..Container::default()
        })
        .collect();
    list.sort_by_key(|container| !container.default);
    list
}

/// A list of uids.
pub(in crate::source) fn uids(list: &Json) -> Option<Vec<String>> {
    let one = |uid: &Json| uid.as_str().map(str::to_owned).or_else(|| uid.as_u64().map(|n| n.to_string()));
    match list {
        Json::Array(list) => list.iter().map(one).collect(),
        // PHP writes an array whose keys have gaps as an object.
        Json::Object(map) => map.values().map(one).collect(),
        _ => None,
    }
}

/// A number, however PHP wrote it; a site without any history has none, which is 0.
pub(in crate::source) fn number(answer: &Json) -> Option<u64> {
    match answer {
        Json::Null | Json::Bool(false) => Some(0),
        Json::String(text) if text.is_empty() => Some(0),
        Json::String(text) => text.parse().ok(),
        answer => answer.as_u64(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_of_php_are_read_leniently() {
        assert_eq!(names(&json!([])), Some(vec![]));
        assert!(names(&json!("x")).is_none() && names(&json!(["x"])).is_none());
        assert_eq!(uids(&json!({"1": "a", "3": 7})), Some(vec!["a".to_owned(), "7".into()]));
        assert_eq!(uids(&json!(["a", null])), None);
        assert_eq!(
            [json!(5), json!("5"), json!(""), json!(null), json!("x"), json!(-1)].map(|v| number(&v)),
            [Some(5), Some(5), Some(0), Some(0), None, None,]
        );
    }

    #[test]
    fn the_default_container_comes_first() {
        let all = names(&json!({"b": "B [x]", "a": "", "c": "C"})).unwrap();
        let writable = names(&json!({"c": "C", "a": "A"})).unwrap();
        let ids = |default: &str| {
            let list = containers(all.clone(), &writable, default);
            assert_eq!(list.iter().filter(|container| container.default).count(), 1);
            list.into_iter().map(|container| (container.id, container.writable)).collect::<Vec<_>>()
        };
        assert_eq!(ids("c")[0], ("c".into(), true));
        assert_eq!(ids("b")[0], ("b".into(), false));
        // A default that is not there: the first that can be written to.
        let other = ids("gone");
        assert!(other[0].1 && other.len() == 3, "{other:?}");
        assert_eq!(containers(vec![], &[], "a"), vec![]);
    }
}
