//! What an Autodiscover document asks for.

use quick_xml::{
    events::Event,
    name::{Namespace, ResolveResult},
    reader::NsReader,
};

use super::{Fault, INNER, INVALID, NO_PROVIDER};

/// Deepest nesting and most elements that are read.
const DEEPEST: usize = 16;
const MOST: usize = 200;

/// Namespace of requests for ActiveSync.
const MOBILESYNC: &str = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/requestschema/2006";

/// A request for the settings of ActiveSync.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// EMailAddress, "" when there is none.
    pub(super) address: String,
}

/// What is collected while reading.
#[derive(Default)]
struct Found {
    mobilesync: bool,
    requests: usize,
    address: String,
    schema: String,
}

impl Asked {
    /// Reads a document. Some clients send none: they mean ActiveSync and the address that they log in with.
    ///
    /// # Errors
    /// 600: not XML, a document type, too large, not one Request, no schema; 601: another schema than that of ActiveSync.
    pub(super) fn read(body: &[u8]) -> Result<Self, Fault> {
        if body.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let found = collect(body).ok_or(INVALID)?;
        if found.requests != 1 {
            return Err(INVALID);
        }
        match found.schema.as_str() {
            INNER => Ok(Self { address: found.address }),
            "" if found.mobilesync => Ok(Self { address: found.address }),
            "" => Err(INVALID),
            _ => Err(NO_PROVIDER),
        }
    }
}

fn collect(body: &[u8]) -> Option<Found> {
    let mut reader = NsReader::from_str(std::str::from_utf8(body).ok()?);
    let mut found = Found::default();
    let mut open: Vec<String> = Vec::new();
    for _ in 0..MOST {
        match reader.read_resolved_event().ok()? {
            (namespace, Event::Start(start)) => {
                found.mobilesync |= matches!(namespace, ResolveResult::Bound(Namespace(ns)) if ns == MOBILESYNC);
                let name = start.local_name().as_ref().to_ascii_lowercase();
                found.requests += usize::from(name == "request");
                open.push(name);
                if open.len() > DEEPEST {
                    return None;
                }
            }
            (_, Event::End(_)) => {
                open.pop();
            }
            (_, Event::Text(text)) => keep(&mut found, &open, &text),
            (_, Event::GeneralRef(entity)) => {
                let text = match quick_xml::escape::resolve_predefined_entity(&entity) {
                    Some(text) => text.to_owned(),
                    None => entity.resolve_char_ref().ok()??.to_string(),
                };
                keep(&mut found, &open, &text);
            }
            (_, Event::CData(text)) => keep(&mut found, &open, &text),
            (_, Event::DocType(_)) => return None,
            (_, Event::Eof) => {
                found.address = found.address.trim().to_owned();
                found.schema = found.schema.trim().to_owned();
                return open.is_empty().then_some(found);
            }
            _ => {}
        }
    }
    None
}

fn keep(found: &mut Found, open: &[String], text: &str) {
    match open.last().map(String::as_str) {
        Some("emailaddress") => found.address.push_str(text),
        Some("acceptableresponseschema") => found.schema.push_str(text),
        _ => {}
    }
}
