//! BODYSTRUCTURE (RFC 9051 7.5.2) as a tree. What is missing or strange is left empty: servers differ in the extension data.

use super::value::Value;

/// Most parts that are looked at in one message.
const MOST: usize = 2000;

/// A part of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Structure {
    /// Number for BODY\[...\]: "1", "2.1"; empty for the multipart that is the whole message.
    pub section: String,
    /// Type and subtype in lower case: "text", "multipart".
    pub kind: String,
    /// See [`Structure::kind`].
    pub subtype: String,
    /// Parameters of the type; names in lower case, values as the server has them (perhaps RFC 2231 or RFC 2047 in them).
    pub params: Vec<(String, String)>,
    /// Content-ID with its brackets.
    pub id: Option<String>,
    /// Content-Description.
    pub description: Option<String>,
    /// Content-Transfer-Encoding in lower case; empty for a multipart.
    pub encoding: String,
    /// Length as it is transferred, bytes; 0 for a multipart.
    pub size: u64,
    /// "inline", "attachment", ... in lower case.
    pub disposition: Option<String>,
    /// Parameters of the disposition, as [`Structure::params`].
    pub disposition_params: Vec<(String, String)>,
    /// Content-Location.
    pub location: Option<String>,
    /// Parts of a multipart; of a message/rfc822 its content.
    pub parts: Vec<Structure>,
}

impl Structure {
    /// Reads the value of `BODYSTRUCTURE`. `None` if it is none at all.
    pub fn read(value: &Value) -> Option<Self> {
        read(value, "", true, &mut MOST.clone())
    }

    /// Whether it has parts of its own that are no message.
    pub fn is_multipart(&self) -> bool {
        self.kind == "multipart"
    }

    /// This part and all below it, in their order.
    pub fn all(&self) -> impl Iterator<Item = &Structure> {
        let mut open = vec![self];
        std::iter::from_fn(move || {
            let part = open.pop()?;
            open.extend(part.parts.iter().rev());
            Some(part)
        })
    }

    /// The part with that number.
    pub fn part(&self, section: &str) -> Option<&Structure> {
        self.all().find(|part| part.section == section && (!section.is_empty() || part.is_multipart()))
    }
}

/// `parent` is the number of what contains it; `top` whether it stands for a whole message there.
fn read(value: &Value, parent: &str, top: bool, left: &mut usize) -> Option<Structure> {
    let fields = value.list();
    *left = left.checked_sub(1)?;
    if matches!(fields.first(), Some(Value::List(_))) {
        return Some(multipart(fields, parent, left));
    }
    let at = |n: usize| fields.get(n);
    let kind = lower(at(0))?;
    let section = if top { below(parent, 1) } else { parent.to_owned() };
    // After the seven fields that all have: text has its lines, a message its envelope, structure and lines.
    let (extension, inner) = match kind.as_str() {
        "text" => (8, None),
        "message" if matches!(at(8), Some(Value::List(_))) => (10, at(8)),
        _ => (7, None),
    };
    let parts = inner.and_then(|inner| read(inner, &section, true, left)).into_iter().collect();
    let (disposition, disposition_params) = read_disposition(at(extension + 1));
    Some(Structure {
        subtype: lower(at(1)).unwrap_or_default(),
        params: params(at(2)),
        id: string(at(3)),
        description: string(at(4)),
        encoding: lower(at(5)).unwrap_or_default(),
        size: at(6).and_then(Value::number).unwrap_or_default(),
        disposition,
        disposition_params,
        location: string(at(extension + 3)),
        parts,
        section,
        kind,
    })
}

fn multipart(fields: &[Value], parent: &str, left: &mut usize) -> Structure {
    let count = fields.iter().take_while(|field| matches!(field, Value::List(_))).count();
    let parts = fields.iter().take(count).enumerate();
    let parts = parts.filter_map(|(n, part)| read(part, &below(parent, n + 1), false, left)).collect();
    let at = |n: usize| fields.get(count + n);
    let (disposition, disposition_params) = read_disposition(at(2));
    Structure {
        section: parent.to_owned(),
        kind: "multipart".to_owned(),
        subtype: lower(at(0)).unwrap_or_default(),
        params: params(at(1)),
        disposition,
        disposition_params,
        location: string(at(4)),
        parts,
        ..Structure::default()
    }
}

fn below(parent: &str, number: usize) -> String {
    if parent.is_empty() { number.to_string() } else { format!("{parent}.{number}") }
}

fn string(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::text)
}

fn lower(value: Option<&Value>) -> Option<String> {
    string(value).map(|text| text.to_ascii_lowercase())
}

fn params(value: Option<&Value>) -> Vec<(String, String)> {
    let pairs = value.map(Value::list).unwrap_or_default().chunks(2);
    pairs.filter_map(|pair| Some((lower(pair.first())?, string(pair.get(1)).unwrap_or_default()))).collect()
}

fn read_disposition(value: Option<&Value>) -> (Option<String>, Vec<(String, String)>) {
    let fields = value.map(Value::list).unwrap_or_default();
    (lower(fields.first()), params(fields.get(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::value::{Cursor, Frame};

    fn of(text: &str) -> Option<Structure> {
        let frame = Frame { text: text.replace('\n', "").into(), ..Frame::default() };
        Structure::read(Cursor::new(&frame).values().unwrap().first()?)
    }

    #[test]
    fn a_simple_message() {
        let part = of(r#"("text" "plain" ("charset" "utf-8") NIL NIL "7BIT" 12 1 NIL NIL NIL NIL)"#).unwrap();
        assert_eq!((part.section.as_str(), part.size), ("1", 12));
        assert_eq!(part.params, [("charset".to_owned(), "utf-8".to_owned())]);
        assert_eq!((part.encoding.as_str(), part.disposition), ("7bit", None));
    }

    #[test]
    fn parts_are_numbered_as_servers_do() {
        let text = r#"((("TEXT" "PLAIN" NIL NIL NIL "7bit" 1 1 NIL NIL NIL NIL)("text" "html" NIL NIL NIL "8bit" 2 1 NIL NIL NIL NIL) "alternative" ("boundary" "b") NIL NIL NIL)
            ("message" "rfc822" NIL NIL NIL "7bit" 99 ("date" NIL NIL NIL NIL NIL NIL NIL NIL NIL) (("text" "plain" NIL NIL NIL "7bit" 3 1)("image" "png" ("name" "x.png") "<id@x>" "d" "base64" 40 NIL ("inline" ("filename" "y.png")) NIL "http://loc") "mixed") 12 NIL ("attachment" NIL) NIL NIL)
            ("message" "rfc822" NIL NIL NIL "7bit" 99 ("date") ("text" "plain" NIL NIL NIL "7bit" 3 1) 12 NIL ("attachment" NIL) NIL NIL) "mixed" ("boundary" "a") NIL NIL NIL)"#;
        let whole = of(text).unwrap();
        let sections: Vec<_> = whole.all().map(|p| (p.section.as_str(), p.subtype.as_str())).collect();
        let expected = [
            ("", "mixed"),
            ("1", "alternative"),
            ("1.1", "plain"),
            ("1.2", "html"),
            ("2", "rfc822"),
            ("2", "mixed"),
            ("2.1", "plain"),
            ("2.2", "png"),
            ("3", "rfc822"),
            ("3.1", "plain"),
        ];
        assert_eq!(sections, expected);
        let image = whole.part("2.2").unwrap();
        assert_eq!((image.id.as_deref(), image.location.as_deref()), (Some("<id@x>"), Some("http://loc")));
        assert_eq!(image.disposition_params, [("filename".to_owned(), "y.png".to_owned())]);
        assert_eq!(whole.part("2").unwrap().disposition.as_deref(), Some("attachment"));
    }

    #[test]
    fn strange_ones_give_what_they_have() {
        assert_eq!(of("NIL"), None);
        assert_eq!(of("()"), None);
        assert_eq!(of("(\"application\")").unwrap().section, "1");
        assert_eq!(of("(() NIL)").unwrap().parts, []);
        assert_eq!(of("(\"text\" \"plain\" (\"charset\") NIL NIL NIL x)").unwrap().size, 0);
    }
}
