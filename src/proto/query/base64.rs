//! The binary query of 12.1 and later (MS-ASHTTP 2.2.1.1.1.1).

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use percent_encoding::percent_decode;

use super::{BadQuery, Command, Query, text};
use crate::proto::Version;

/// Padding may be missing, and unused bits of the last character may be set.
const FORGIVING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What tag 7 (Options) says of one byte.
const SAVE_IN_SENT: u8 = 1;
const ACCEPT_MULTIPART: u8 = 2;

pub(super) fn parse(query: &[u8]) -> Result<Query, BadQuery> {
    let bytes = FORGIVING.decode(alphabet_of(query)).map_err(|_| BadQuery("not base64"))?;
    let mut fields = Fields(&bytes);
    let version = Version::from_code(fields.byte("ends before the version")?).ok_or(BadQuery("unknown version"))?;
    let code = fields.byte("ends before the command")?;
    let locale = match fields.take(2, "ends before the locale")? {
        [low, high] => u16::from_le_bytes([*low, *high]),
        _ => 0,
    };
    let mut found = Query { version: Some(version), locale: Some(locale), ..Query::default() };
    found.command = Command::from_code(code);
    found.command_name = found.command.map_or_else(|| code.to_string(), |command| command.name().to_owned());
    found.device_id = match fields.counted("device id past the end")? {
        [] => return Err(BadQuery("no device id")),
        id => device_id(id),
    };
    found.policy_key = match fields.counted("policy key past the end")? {
        [] => None,
        [a, b, c, d] => Some(u32::from_le_bytes([*a, *b, *c, *d])),
        _ => return Err(BadQuery("policy key of an impossible length")),
    };
    found.device_type = text(fields.counted("device type past the end")?);
    while let Some(tag) = fields.next() {
        parameter(&mut found, tag, fields.counted("parameter past the end")?);
    }
    Ok(found)
}

/// Careless decoding on the way turns "+" into a space; some clients percent-encode or use the URL-safe alphabet.
fn alphabet_of(query: &[u8]) -> Vec<u8> {
    percent_decode(query)
        .filter(|b| !matches!(b, b'=' | b'\r' | b'\n'))
        .map(|b| match b {
            b' ' | b'-' => b'+',
            b'_' => b'/',
            other => other,
        })
        .collect()
}

/// An id of the characters that ids may have is text. A raw GUID becomes hexadecimal; what else there is stays as it is and is
/// refused with the other ids that cannot be file names.
fn device_id(id: &[u8]) -> String {
    let is_text = id.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if !is_text && id.len() == 16 { id.iter().map(|b| format!("{b:02X}")).collect() } else { text(id) }
}

fn parameter(found: &mut Query, tag: u8, value: &[u8]) {
    let name = match tag {
        0 => "AttachmentName",
        1 => "CollectionId",
        3 => "ItemId",
        4 => "LongId",
        6 => "Occurrence",
        7 => {
            let options = value.first().copied().unwrap_or_default();
            found.save_in_sent = options & SAVE_IN_SENT != 0;
            found.accept_multipart = options & ACCEPT_MULTIPART != 0;
            return;
        }
        8 => {
            found.user = text(value);
            return;
        }
        _ => return,
    };
    found.keep(name, text(value));
}

/// What is left to read.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn byte(&mut self, missing: &'static str) -> Result<u8, BadQuery> {
        self.next().ok_or(BadQuery(missing))
    }

    fn take(&mut self, length: usize, missing: &'static str) -> Result<&'a [u8], BadQuery> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(BadQuery(missing))?;
        self.0 = rest;
        Ok(taken)
    }

    /// A length of one byte, then that many bytes.
    fn counted(&mut self, missing: &'static str) -> Result<&'a [u8], BadQuery> {
        let length = self.byte(missing)?;
        self.take(usize::from(length), missing)
    }
}
