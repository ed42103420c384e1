//! What is asked of Horde for all users of a site at once, with the login of any of them: where the histories of applications and
//! containers stand, and in which containers something has happened.

use serde_json::{Value as Json, json};

use super::{
    Error,
    app::{Manner, fault, number, uids},
    kronolith, mnemo, nag, turba,
};
use crate::{
    horde::{self, Call, Session},
    proto::class::Class,
};

const CURSOR: &str = "getHighestModSeq";
const CHANGES: &str = "getChangesByModSeq";

/// What an entry of a list of questions came to; the text says why it has no answer.
pub type Told<T> = Result<T, String>;

/// Several questions that are asked in this order.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// Numbers of the newest changes of applications.
    pub counters: Vec<Class>,
    /// Containers: the numbers of their newest changes, or that of the whole site where they have none.
    pub points: Vec<(Class, String)>,
    /// Whether anything has happened in a container after the first number and up to the second. Only for classes of which
    /// [`tells_moves`] is true.
    pub moves: Vec<(Class, String, u64, u64)>,
    /// Numbers of the newest changes of applications, after all that.
    pub tops: Vec<Class>,
}

/// The answers, entry by entry.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct Answer {
    pub counters: Vec<Told<u64>>,
    pub points: Vec<Told<u64>>,
    pub moves: Vec<Told<bool>>,
    pub tops: Vec<Told<u64>>,
}

/// Whether Horde tells anybody of the changes in anybody's container of that class.
pub fn tells_moves(class: Class) -> bool {
    manner(class).is_some_and(|manner| !manner.guarded)
}

/// Asks, in as few PHP requests as the site allows.
///
/// # Errors
/// Horde cannot be had, or the login is not accepted.
pub async fn ask(session: &Session, question: &Question) -> Result<Answer, Error> {
    let counter = |class: &Class| call(*class, CURSOR, Vec::new());
    let point = |(class, id): &(Class, String)| call(*class, CURSOR, vec![json!(id)]);
    let phases = vec![
        question.counters.iter().map(counter).collect(),
        question.points.iter().map(point).collect(),
        question.moves.iter().map(moves).collect(),
        question.tops.iter().map(counter).collect(),
    ];
    let mut phases = session.sweep(phases).await.map_err(fault::of_site)?.into_iter();
    let mut next = || phases.next().unwrap_or_default();
    Ok(Answer {
        counters: next().into_iter().map(|answer| told(answer, number)).collect(),
        points: next().into_iter().map(|answer| told(answer, number)).collect(),
        moves: next().into_iter().map(|answer| told(answer, any_change)).collect(),
        tops: next().into_iter().map(|answer| told(answer, number)).collect(),
    })
}

fn manner(class: Class) -> Option<&'static Manner> {
    match class {
        Class::Contacts => Some(&turba::MANNER),
        Class::Calendar => Some(&kronolith::MANNER),
        Class::Tasks => Some(&nag::MANNER),
        Class::Notes => Some(&mnemo::MANNER),
        Class::Email => None,
    }
}

fn call(class: Class, name: &str, params: Vec<Json>) -> Call {
    Call { method: format!("{}.{name}", manner(class).map_or("mail", |manner| manner.api)), params }
}

fn moves((class, id, from, to): &(Class, String, u64, u64)) -> Call {
    let bare = manner(*class).is_some_and(|manner| manner.bare);
    call(*class, CHANGES, vec![json!(from), json!(to), if bare { json!(id) } else { json!([id]) }])
}

fn told<T>(answer: Result<Json, horde::Error>, read: fn(&Json) -> Option<T>) -> Told<T> {
    let answer = answer.map_err(|error| error.to_string())?;
    read(&answer).ok_or_else(|| "an answer of another form than expected".to_owned())
}

/// Whether lists of changes name anything.
fn any_change(answer: &Json) -> Option<bool> {
    match answer {
        Json::Array(list) if list.is_empty() => Some(false),
        Json::Object(lists) => {
            let lists: Option<Vec<_>> =
                ["add", "modify", "delete"].iter().map(|name| uids(lists.get(*name)?)).collect();
            lists.map(|lists| lists.iter().any(|list| !list.is_empty()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_application_is_asked_in_its_manner() {
        let of = |class| moves(&(class, "c".to_owned(), 3, 5));
        for (class, method, place) in [
            (Class::Calendar, "calendar.getChangesByModSeq", json!(["c"])),
            (Class::Tasks, "tasks.getChangesByModSeq", json!("c")),
            (Class::Notes, "notes.getChangesByModSeq", json!("c")),
        ] {
            assert!(tells_moves(class));
            assert_eq!((of(class).method.as_str(), of(class).params), (method, vec![json!(3), json!(5), place]));
        }
        assert!(!tells_moves(Class::Contacts) && !tells_moves(Class::Email));
    }

    #[test]
    fn lists_of_changes_are_read_leniently_but_not_guessed() {
        assert_eq!(any_change(&json!([])), Some(false));
        assert_eq!(any_change(&json!({"add": [], "modify": [], "delete": []})), Some(false));
        assert_eq!(any_change(&json!({"add": [], "modify": {"1": "uid"}, "delete": []})), Some(true));
        for strange in [json!({"add": []}), json!("x"), json!(null), json!(["x"])] {
            assert_eq!(any_change(&strange), None, "{strange}");
        }
    }
}
