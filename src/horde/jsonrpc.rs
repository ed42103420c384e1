//! Horde's JSON-RPC: requests, and what counts as an answer (`horde-rpc.md` 3).

use serde_json::{Map, Value};

use super::{
    diagnose::{self, Failure, Kind},
    http::Reply,
};

/// How many places are tried where JSON could begin behind warnings.
const PLACES: usize = 64;

/// The request body. Positional parameters only: PHP 8 takes an object for named arguments.
pub(super) fn request(id: u64, method: &str, params: &[Value]) -> Vec<u8> {
    serde_json::json!({"version": "1.1", "id": id, "method": method, "params": params}).to_string().into_bytes()
}

/// An answer, and whether PHP printed something beside it.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) value: Value,
    /// What PHP printed, for the log.
    pub(super) noise: Option<String>,
}

/// Reads the answer to the call `id`. A result is only what came with status 200, as JSON, whole, with `result`.
pub(super) fn answer(reply: &Reply, id: u64) -> Result<Answer, Failure> {
    if !matches!(reply.status, 200 | 500) {
        return Err(diagnose::page(reply));
    }
    let json = reply.content_type.starts_with("application/json");
    let Some((mut object, noise)) = find(&reply.body) else {
        let cut = json || reply.body.trim_ascii_start().starts_with(b"{");
        return Err(match diagnose::page(reply) {
            Failure::Trouble(_) if cut && reply.status == 200 => {
                Failure::trouble(Kind::HalfAnswer, format!("JSON of {} bytes that ends too early", reply.body.len()))
            }
            failure => failure,
        });
    };
    if object.get("id").is_some_and(|theirs| *theirs != id) {
        return Err(Failure::trouble(Kind::Foreign, ""));
    }
    match (object.remove("error"), object.remove("result")) {
        (Some(error), _) if !error.is_null() => Err(fault(&error)),
        // Warnings that were printed first have spoiled the content type.
        (_, Some(value)) if reply.status == 200 && (json || noise.is_some()) => Ok(Answer { value, noise }),
        (_, Some(_)) if reply.status == 200 => {
            Err(Failure::trouble(Kind::NotRpc, format!("JSON with the content type {:?}", reply.content_type)))
        }
        (_, Some(_)) => Err(Failure::trouble(Kind::ServerError, "a result with HTTP status 500")),
        _ => Err(Failure::trouble(Kind::NotRpc, "JSON without result or error")),
    }
}

/// The text of an error; it is all there is to tell errors apart by.
fn fault(error: &Value) -> Failure {
    let text = error.get("message").unwrap_or(error);
    diagnose::fault(text.as_str().unwrap_or(&text.to_string()))
}

/// The JSON object in the body, and what stands around it.
fn find(body: &[u8]) -> Option<(Map<String, Value>, Option<String>)> {
    if let Ok(Value::Object(object)) = serde_json::from_slice(body) {
        return Some((object, None));
    }
    let places = body.windows(2).enumerate().filter(|(_, pair)| pair == b"{\"");
    for (start, _) in places.take(PLACES) {
        let mut stream = serde_json::Deserializer::from_slice(body.get(start..)?).into_iter::<Value>();
        if let Some(Ok(Value::Object(object))) = stream.next()
            && (object.contains_key("result") || object.contains_key("error"))
        {
            let end = start + stream.byte_offset();
            let around = [body.get(..start), body.get(end..)].map(|part| text(part.unwrap_or_default()));
            return Some((object, Some(around.join(" ").trim().to_owned())));
        }
    }
    None
}

fn text(bytes: &[u8]) -> String {
    diagnose::bare(&String::from_utf8_lossy(bytes.get(..bytes.len().min(4096)).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn reply(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Reply {
        Reply { status, content_type: content_type.into(), body: body.into(), ..Reply::default() }
    }

    #[test]
    fn parameters_are_positional() {
        let text = String::from_utf8(request(3, "a.b", &[json!([]), json!(null), json!("ä\n")])).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["params"], json!([[], null, "ä\n"]));
        assert!(!text.contains('\n'), "one line: PHP reads it line by line");
    }

    #[test]
    fn a_result_may_be_null_or_look_like_an_answer() {
        let body = r#"{"version":"1.1","result":null,"id":3}"#;
        assert_eq!(answer(&reply(200, "application/json", body), 3).unwrap().value, Value::Null);
        let body = r#"<b>Notice</b>: {"a":1} {"version":"1.1","result":{"result":2},"id":3}"#;
        let found = answer(&reply(200, "text/html", body), 3).unwrap();
        assert_eq!(found.value, json!({"result": 2}));
        assert!(found.noise.unwrap().starts_with("Notice"));
    }

    #[test]
    fn a_result_with_a_bad_status_is_none() {
        let body = r#"{"version":"1.1","result":[],"id":3}"#;
        for status in [201, 206, 404, 500, 503] {
            assert!(answer(&reply(status, "application/json", body), 3).is_err(), "{status}");
        }
    }

    proptest! {
        #[test]
        fn only_whole_answers_with_status_200_give_a_value(
            status in prop_oneof![Just(200u16), Just(500), 100u16..600],
            kind in prop_oneof![Just("application/json"), Just("text/html"), Just("")],
            end in 0usize..60,
            junk in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let whole = br#"{"version":"1.1","result":["a"],"id":3}"#;
            let mut body = junk;
            body.extend(whole.iter().take(end));
            if let Ok(found) = answer(&reply(status, kind, body), 3) {
                prop_assert_eq!((status, found.value, end >= whole.len()), (200, json!(["a"]), true));
            }
        }

        #[test]
        fn no_page_makes_it_panic(status in 100u16..600, body in ".{0,300}|(<[a-z!/]*|>|&lt;|<h3>|</h3>|</head>|\\{\"){0,60}") {
            let failure = diagnose::page(&reply(status, "text/html", body));
            let text = failure.into_error(true).to_string();
            prop_assert!(!text.contains('\n') && text.chars().count() < 1200);
        }
    }
}
