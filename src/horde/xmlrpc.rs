//! XML-RPC values to text and back, as PHP's extension writes and reads them (`horde-rpc.md` 4).
//!
//! JSON values are the model. PHP writes null as an empty string, so that `null` and `""` cannot be told apart in answers; it cuts
//! strings at the first NUL byte; and it writes each byte of UTF-8 above 0x7F as a character reference of its own. Members of objects that
//! are not public come without a name, in the order of their declaration: they are a list under the empty name.

use std::borrow::Cow;

use base64::Engine as _;
use memchr::memmem;
use quick_xml::{Reader, events::Event};
use serde_json::{Map, Value};

use super::{
    Call,
    diagnose::{self, Failure, Kind},
    http::Reply,
};

/// Deepest nesting of values that is read or written.
const DEPTH: usize = 64;
/// Most values in one answer.
const MOST_VALUES: usize = 4_000_000;

/// Whether that value arrives at PHP as it is: XML cannot carry all control characters, and PHP's extension knows no null.
pub(super) fn can_carry(value: &Value) -> bool {
    fn carries(value: &Value, depth: usize) -> bool {
        match value {
            _ if depth == 0 => false,
            Value::Null => false,
            Value::Bool(_) | Value::Number(_) => true,
            Value::String(text) => is_xml(text),
            Value::Array(items) => items.iter().all(|item| carries(item, depth - 1)),
            Value::Object(members) => members.iter().all(|(name, item)| is_xml(name) && carries(item, depth - 1)),
        }
    }
    carries(value, DEPTH)
}

/// Whether XML 1.0 can carry that text through a parser that turns CR into LF.
fn is_xml(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() && !matches!(c, '\u{FFFE}' | '\u{FFFF}') || matches!(c, '\t' | '\n' | '\r'))
}

/// The request body of one `system.multiCall`.
pub(super) fn multicall(calls: &[Call]) -> String {
    let mut out = String::with_capacity(256 * calls.len() + 256);
    out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?><methodCall><methodName>system.multiCall</methodName><params><param>");
    out.push_str("<value><array><data>");
    for call in calls {
        out.push_str("<value><struct><member><name>methodName</name><value><string>");
        escape(&call.method, &mut out);
        out.push_str("</string></value></member><member><name>params</name>");
        array(&call.params, &mut out);
        out.push_str("</member></struct></value>");
    }
    out.push_str("</data></array></value></param></params></methodCall>");
    out
}

fn array(items: &[Value], out: &mut String) {
    out.push_str("<value><array><data>");
    items.iter().for_each(|item| write(item, out));
    out.push_str("</data></array></value>");
}

/// Writes a `<value>`.
fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("<value><nil/></value>"),
        Value::Bool(flag) => typed("boolean", if *flag { "1" } else { "0" }, out),
        Value::Number(number) => match number.as_i64() {
            Some(n) if i32::try_from(n).is_ok() => typed("int", &n.to_string(), out),
            None if number.is_f64() => typed("double", &number.to_string(), out),
            // XML-RPC has 32 bits only; PHP reads digits as a number where it wants one.
            _ => typed("string", &number.to_string(), out),
        },
        Value::String(text) => typed("string", text, out),
        Value::Array(items) => array(items, out),
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

fn typed(name: &str, text: &str, out: &mut String) {
    for part in ["<value><", name, ">"] {
        out.push_str(part);
    }
    escape(text, out);
    for part in ["</", name, "></value>"] {
        out.push_str(part);
    }
}

/// Appends text as XML content.
pub(super) fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\r' => out.push_str("&#13;"),
            c => out.push(c),
        }
    }
}

/// The entries of the answer to a multiCall of `count` calls, and what PHP printed beside it.
pub(super) type Entries = (Vec<Result<Value, Failure>>, Option<String>);

/// Reads the answer to a multiCall: one entry per call, in order.
pub(super) fn entries(reply: &Reply, count: usize) -> Result<Entries, Failure> {
    let start = memmem::find(&reply.body, b"<?xml").or_else(|| memmem::find(&reply.body, b"<methodResponse"));
    let Some(start) = start.filter(|_| reply.status == 200) else { return Err(diagnose::page(reply)) };
    let (noise, xml) = reply.body.split_at_checked(start).unwrap_or((&[], &reply.body));
    // Declared as Latin-1, but in truth ASCII with references.
    let latin = |_| Cow::Owned(xml.iter().map(|b| char::from(*b)).collect());
    let xml: Cow<'_, str> = std::str::from_utf8(xml).map_or_else(latin, Cow::Borrowed);
    let half = |problem: String| Failure::trouble(Kind::HalfAnswer, format!("XML-RPC: {problem}"));
    if !xml.contains("<methodResponse") {
        // Another XML document, or an HTML page written as one.
        return Err(diagnose::page(reply));
    }
    let items = match Decoder::new(&xml).response().map_err(half)? {
        Response::Fault(fault) => return Err(fault_of(&fault).unwrap_or_else(|| diagnose::fault("fault without text"))),
        Response::Value(Value::Array(items)) => items,
        Response::Value(_) => return Err(half("multiCall answers no list".into())),
    };
    if items.len() != count {
        return Err(half(format!("{} results for {count} calls", items.len())));
    }
    let noise = (!noise.trim_ascii().is_empty()).then(|| diagnose::bare(&String::from_utf8_lossy(noise)));
    Ok((items.into_iter().map(entry).collect(), noise))
}

/// One entry: `[result]`, or `[{faultCode, faultString}]`, which looks like a result.
fn entry(item: Value) -> Result<Value, Failure> {
    let value = match item {
        Value::Array(mut one) if one.len() == 1 => one.pop().unwrap_or_default(),
        // Without the list around: the form of other servers.
        other @ Value::Object(_) => other,
        _ => return Err(Failure::trouble(Kind::HalfAnswer, "XML-RPC: an entry of multiCall holds no result")),
    };
    match fault_of(&value) {
        Some(fault) => Err(fault),
        None => Ok(value),
    }
}

/// The fault that this value is, if it is one.
fn fault_of(value: &Value) -> Option<Failure> {
    let members = value.as_object().filter(|members| members.len() == 2)?;
    let (code, text) = (members.get("faultCode")?, members.get("faultString")?.as_str()?);
    code.is_i64().then(|| diagnose::fault(text))
}

enum Response {
    Value(Value),
    Fault(Value),
}

/// Reads values out of XML; errors are texts for the log.
struct Decoder<'a> {
    reader: Reader<&'a [u8]>,
    left: usize,
}

/// A step inside an element.
enum Step<'a> {
    Open(Cow<'static, str>),
    Close,
    Text(Cow<'a, str>),
}

/// Elements of which an answer has hundreds of thousands.
const ELEMENTS: [&str; 10] =
    ["value", "member", "name", "string", "int", "struct", "array", "data", "boolean", "double"];

/// The name of an element, which takes no memory if it is one of many.
fn element(name: &str) -> Cow<'static, str> {
    let known = ELEMENTS.iter().find(|known| **known == name);
    known.map_or_else(|| Cow::Owned(name.to_owned()), |known| Cow::Borrowed(*known))
}

/// Appends a text; the first one takes no memory.
fn append<'a>(all: &mut Cow<'a, str>, text: Cow<'a, str>) {
    if all.is_empty() {
        *all = text;
    } else {
        all.to_mut().push_str(&text);
    }
}

impl<'a> Decoder<'a> {
    fn new(xml: &'a str) -> Self {
        let mut reader = Reader::from_str(xml);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, left: MOST_VALUES }
    }

    fn step(&mut self) -> Result<Step<'a>, String> {
        loop {
            let step = match self.reader.read_event().map_err(|e| e.to_string())? {
                Event::Start(tag) => Step::Open(element(tag.local_name().as_ref())),
                Event::End(_) => Step::Close,
                Event::Text(text) => Step::Text(text.xml10_content()),
                Event::CData(text) => Step::Text(text.xml10_content()),
                Event::GeneralRef(name) => Step::Text(resolve(&name)?.into()),
                Event::Eof => return Err("it ends too early".into()),
                Event::DocType(_) => return Err("a document type declaration".into()),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::Empty(_) => continue,
            };
            return Ok(step);
        }
    }

    /// The next tag; text between tags must be blank.
    fn tag(&mut self) -> Result<Option<Cow<'static, str>>, String> {
        loop {
            match self.step()? {
                Step::Open(name) => return Ok(Some(name)),
                Step::Close => return Ok(None),
                Step::Text(text) if text.trim().is_empty() => {}
                Step::Text(_) => return Err("text between elements".into()),
            }
        }
    }

    fn open(&mut self, name: &str) -> Result<(), String> {
        match self.tag()? {
            Some(found) if found == name => Ok(()),
            found => Err(format!("<{name}> expected, not {found:?}")),
        }
    }

    fn close(&mut self) -> Result<(), String> {
        self.tag()?.map_or(Ok(()), |name| Err(format!("<{name}> not expected")))
    }

    fn response(&mut self) -> Result<Response, String> {
        self.open("methodResponse")?;
        let response = match self.tag()?.as_deref() {
            Some("fault") => {
                self.open("value")?;
                Response::Fault(self.value(DEPTH)?)
            }
            Some("params") => {
                self.open("param")?;
                self.open("value")?;
                let value = self.value(DEPTH)?;
                self.close()?;
                Response::Value(value)
            }
            other => return Err(format!("{other:?} in <methodResponse>")),
        };
        self.close()?;
        self.close()?;
        Ok(response)
    }

    /// What stands between `<value>` and `</value>`, including the latter.
    fn value(&mut self, depth: usize) -> Result<Value, String> {
        let depth = depth.checked_sub(1).ok_or("values are nested too deeply")?;
        self.left = self.left.checked_sub(1).ok_or("too many values")?;
        let mut bare = Cow::default();
        let kind = loop {
            match self.step()? {
                Step::Text(text) => append(&mut bare, text),
                Step::Close => return Ok(Value::String(decode(bare.into_owned()))),
                Step::Open(kind) => break kind,
            }
        };
        if !bare.trim().is_empty() {
            return Err("text before a typed value".into());
        }
        let value = match kind.as_ref() {
            "array" => self.array(depth)?,
            "struct" => self.members(depth)?,
            kind => {
                let text = self.text()?;
                scalar(kind, text)?
            }
        };
        self.close()?;
        Ok(value)
    }

    fn text(&mut self) -> Result<Cow<'a, str>, String> {
        let mut text = Cow::default();
        loop {
            match self.step()? {
                Step::Text(part) => append(&mut text, part),
                Step::Close => return Ok(text),
                Step::Open(name) => return Err(format!("<{name}> inside of a text")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, String> {
        self.open("data")?;
        let mut items = Vec::new();
        while let Some(name) = self.tag()? {
            if name != "value" {
                return Err(format!("<{name}> in an array"));
            }
            items.push(self.value(depth)?);
        }
        self.close()?;
        Ok(Value::Array(items))
    }

    fn members(&mut self, depth: usize) -> Result<Value, String> {
        let (mut members, mut unnamed) = (Map::new(), Vec::new());
        while let Some(name) = self.tag()? {
            if name != "member" {
                return Err(format!("<{name}> in a struct"));
            }
            self.open("name")?;
            let name = decode(self.text()?.into_owned());
            self.open("value")?;
            let value = self.value(depth)?;
            if name.is_empty() {
                unnamed.push(value);
            } else {
                members.insert(name, value);
            }
            self.close()?;
        }
        if !unnamed.is_empty() {
            members.insert(String::new(), Value::Array(unnamed));
        }
        Ok(Value::Object(members))
    }
}

/// The text of `&name;`. Control characters that XML forbids are left out.
pub(super) fn resolve(name: &str) -> Result<String, String> {
    let text = match name {
        "lt" => "<".into(),
        "gt" => ">".into(),
        "amp" => "&".into(),
        "quot" => "\"".into(),
        "apos" => "'".into(),
        name => {
            let number = name.strip_prefix('#').ok_or_else(|| format!("unknown entity {name:?}"))?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            let c = code.ok().and_then(char::from_u32).ok_or_else(|| format!("bad character reference {name:?}"))?;
            if c == '\0' { String::new() } else { c.into() }
        }
    };
    Ok(text)
}

/// Undoes the reference per byte: code points that are all bytes and together UTF-8 are UTF-8. Of 200 to 209, with which Greek and Cyrillic
/// letters begin, the extension loses the zero; 20 to 29 are no characters of any text, and never before a continuation byte.
fn decode(text: String) -> String {
    if text.is_ascii() {
        return text;
    }
    let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    let Some(mut bytes) = bytes else { return text };
    let mut next = 0;
    for byte in bytes.iter_mut().rev() {
        if (20..=29).contains(byte) && (128..=191).contains(&next) {
            *byte += 180;
        }
        next = *byte;
    }
    String::from_utf8(bytes).unwrap_or(text)
}

/// Dates stay texts; base64 stays base64, as JSON would carry it.
fn scalar(kind: &str, text: Cow<'_, str>) -> Result<Value, String> {
    let bad = || format!("{:?} as {kind}", diagnose::shorten(&text));
    match kind {
        "string" | "dateTime.iso8601" => Ok(Value::String(decode(text.into_owned()))),
        "i4" | "i8" | "int" => text.trim().parse::<i64>().map(Value::from).map_err(|_| bad()),
        "double" => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::from(number)),
            _ => Err(bad()),
        },
        "boolean" => match text.trim() {
            "1" | "true" => Ok(Value::Bool(true)),
            "0" | "false" => Ok(Value::Bool(false)),
            _ => Err(bad()),
        },
        "nil" => Ok(Value::Null),
        "base64" => {
            let text: String = text.split_whitespace().collect();
            match base64::engine::general_purpose::STANDARD.decode(&text) {
                Ok(_) => Ok(Value::String(text)),
                Err(_) => Err("broken base64".into()),
            }
        }
        kind => Err(format!("unknown type <{kind}>")),
    }
}

#[cfg(test)]
#[path = "xmlrpc_tests.rs"]
mod tests;
