//! What messages, attachments and folders are called by outside. What comes back from a phone is checked strictly.

use std::fmt;

/// A message of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid {
    /// UIDVALIDITY of its folder.
    pub validity: u32,
    /// uid in it.
    pub uid: u32,
}

impl Uid {
    /// Reads `<uidvalidity>.<uid>`.
    pub fn parse(text: &str) -> Option<Self> {
        let (validity, uid) = text.split_once('.')?;
        let uid = Self { validity: number(validity)?, uid: number(uid)? };
        Some(uid)
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.validity, self.uid)
    }
}

/// A number from 1 on, in the only form that we write.
fn number(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| plain)
}

/// A message anywhere (LongId), or one of its parts (FileReference).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Id of the folder.
    pub container: String,
    /// The message.
    pub uid: Uid,
    /// Section number of the part; `None`: the message itself.
    pub part: Option<String>,
}

impl Reference {
    /// Reads `<container>:<uidvalidity>.<uid>` with or without `:<section>`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut pieces = text.split(':');
        let (container, uid, part) = (pieces.next()?, pieces.next()?, pieces.next());
        let sound = pieces.next().is_none() && is_container(container) && part.is_none_or(is_section);
        let uid = Uid::parse(uid)?;
        sound.then(|| Self { container: container.to_owned(), uid, part: part.map(str::to_owned) })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.container, self.uid)?;
        self.part.as_ref().map_or(Ok(()), |part| write!(f, ":{part}"))
    }
}

/// Whether a text has the form of a folder's id.
pub fn is_container(text: &str) -> bool {
    text.len() == 11
        && text.strip_prefix('f').is_some_and(|hex| hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

/// `2.1.3`: what can stand in a command as it is.
fn is_section(text: &str) -> bool {
    text.len() <= 100 && text.split('.').all(|piece| number(piece).is_some())
}

/// The id of the folder that a text stands for.
pub(super) fn container_id(seed: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, seed.as_bytes());
    digest.as_ref().iter().take(5).fold("f".to_owned(), |id, byte| format!("{id}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        let id = container_id("x");
        for text in [format!("{id}:1795537442.7"), format!("{id}:1.4294967295:2.1")] {
            assert_eq!(Reference::parse(&text).unwrap().to_string(), text);
        }
        for wrong in [
            "",
            ":",
            "1.2",
            "f:1.2",
            "f00000000zz:1.2",
            "f0000000000:1",
            "f0000000000:01.2",
            "f0000000000:1.0",
            "f0000000000:1.2:",
            "f0000000000:1.2:TEXT",
            "f0000000000:1.2:1]",
            "f0000000000:1.2:1.",
            "f0000000000:1.2:1:2",
            "f0000000000:1.4294967296",
            "f0000000000:+1.2",
            "F0000000000:1.2",
        ] {
            assert_eq!(Reference::parse(wrong), None, "{wrong}");
        }
    }
}
