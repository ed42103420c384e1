//! XML-RPC as PHP's extension has it: requests of `system.multiCall`, and their answers.

use quick_xml::{Reader, events::Event};
use serde_json::{Map, Value};

/// An element with what is in it.
#[derive(Debug, Default)]
struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

fn tree(xml: &str) -> Option<Element> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().expand_empty_elements = true;
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => {
                open.push(Element { name: tag.local_name().as_ref().to_owned(), ..Element::default() });
            }
            Event::End(_) => {
                let done = open.pop()?;
                open.last_mut()?.children.push(done);
            }
            Event::Text(text) => open.last_mut()?.text += &text.xml10_content(),
            Event::GeneralRef(name) => open.last_mut()?.text.push(match &*name {
                "lt" => '<',
                "gt" => '>',
                "amp" => '&',
                "#13" => '\r',
                _ => return None,
            }),
            Event::Eof => return open.pop()?.children.pop(),
            _ => {}
        }
    }
}

fn value(element: &Element) -> Option<Value> {
    let Some(typed) = element.children.first() else { return Some(Value::from(element.text.as_str())) };
    Some(match typed.name.as_str() {
        "string" => Value::from(typed.text.as_str()),
        "int" | "i4" => Value::from(typed.text.trim().parse::<i64>().ok()?),
        "double" => Value::from(typed.text.trim().parse::<f64>().ok()?),
        "boolean" => Value::from(typed.text.trim() == "1"),
        "array" => typed.children.first()?.children.iter().map(value).collect::<Option<Vec<Value>>>()?.into(),
        "struct" => {
            let member = |member: &Element| {
                let [name, content] = member.children.as_slice() else { return None };
                Some((name.text.clone(), value(content)?))
            };
            typed.children.iter().map(member).collect::<Option<Map<_, _>>>()?.into()
        }
        _ => return None,
    })
}

/// Methods and parameters of a `system.multiCall`; `None` when the text is none.
pub(super) fn calls(xml: &str) -> Option<Vec<(String, Vec<Value>)>> {
    let root = tree(xml)?;
    let [name, params] = root.children.as_slice() else { return None };
    if name.text != "system.multiCall" {
        return None;
    }
    let list = value(params.children.first()?.children.first()?)?;
    let call = |call: &Value| {
        let method = call.get("methodName")?.as_str()?.to_owned();
        Some((method, call.get("params")?.as_array()?.clone()))
    };
    list.as_array()?.iter().map(call).collect()
}

fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'<' => out.push_str("&lt;"),
            b'>' => out.push_str("&gt;"),
            b'&' => out.push_str("&amp;"),
            b'\r' => out.push_str("&#13;"),
            // One reference for each byte, as the extension writes them.
            0x80.. => out.push_str(&format!("&#{byte};")),
            byte => out.push(char::from(byte)),
        }
    }
}

fn write(value: &Value, out: &mut String) {
    let mut typed = |kind: &str, text: &str| {
        out.push_str(&format!("<value><{kind}>"));
        escape(text, out);
        out.push_str(&format!("</{kind}></value>"));
    };
    match value {
        Value::Null => typed("string", ""),
        Value::Bool(flag) => typed("boolean", if *flag { "1" } else { "0" }),
        Value::Number(number) if number.is_f64() => typed("double", &number.to_string()),
        Value::Number(number) => typed("int", &number.to_string()),
        Value::String(text) => typed("string", text),
        Value::Array(items) => {
            out.push_str("<value><array><data>");
            items.iter().for_each(|item| write(item, out));
            out.push_str("</data></array></value>");
        }
        Value::Object(members) => {
            out.push_str("<value><struct>");
            for (name, item) in members {
                out.push_str("<member><name>");
                escape(name, out);
                out.push_str("</name>");
                write(item, out);
                out.push_str("</member>");
            }
            out.push_str("</struct></value>");
        }
    }
}

/// The answer to a multiCall: what each call gave, or the text of its fault.
pub(super) fn answer(results: Vec<Result<Value, String>>) -> String {
    let entry = |result| match result {
        Ok(value) => Value::Array(vec![value]),
        Err(text) => serde_json::json!([{ "faultCode": 0, "faultString": text }]),
    };
    let mut out = "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n<methodResponse>\n<params>\n<param>\n".to_owned();
    write(&Value::Array(results.into_iter().map(entry).collect()), &mut out);
    out.push_str("\n</param>\n</params>\n</methodResponse>\n");
    out
}
