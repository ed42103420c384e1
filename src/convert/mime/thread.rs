//! What belongs together: topics, conversations.

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::digest;

use super::header::Headers;

/// Most levels of a ConversationIndex that are told.
const DEEPEST: usize = 50;
/// 100 ns steps from 1601 to 1970 (FILETIME).
const EPOCH: i64 = 116_444_736_000_000_000;

/// Prefixes of answers and forwarded mails.
const PREFIXES: [&str; 27] = [
    "re", "aw", "antw", "antwort", "sv", "vs", "r", "rif", "ref", "res", "odp", "ynt", "fw", "fwd", "wg", "tr", "rv",
    "enc", "i", "vb", "pd", "ilt", "回复", "答复", "转发", "回覆", "轉寄",
];

/// The subject without its prefixes ("Re:", `AW: Fwd[2]:`): ThreadTopic.
pub fn topic(subject: &str) -> String {
    let mut topic = subject.trim();
    while let Some((prefix, rest)) = topic.split_once([':', '：']) {
        let word = prefix.trim().trim_end_matches(|c: char| c.is_ascii_digit() || "[]()".contains(c)).to_lowercase();
        if !PREFIXES.contains(&word.as_str()) {
            break;
        }
        topic = rest.trim_start();
    }
    topic.to_owned()
}

/// What all messages of a thread have in common, 16 bytes (MS-ASEMAIL 2.2.2.21): a hash of the id of the first message as far as the headers
/// know it, of the topic where they have no ids.
pub fn conversation_id(headers: &Headers, subject: &str) -> Vec<u8> {
    let first = |name: &str| headers.ids(name).into_iter().next();
    let root = first("references").or_else(|| first("in-reply-to")).or_else(|| first("message-id"));
    let hashed = match root {
        Some(id) => digest::digest(&digest::SHA256, id.trim().as_bytes()),
        None => digest::digest(&digest::SHA256, format!("topic {}", topic(subject).to_lowercase()).as_bytes()),
    };
    hashed.as_ref().get(..16).unwrap_or_default().to_vec()
}

/// The place of a message in its thread (MS-ASEMAIL 2.2.2.22; MS-OXOMSG 2.2.1.3): five bytes of the time of its first message, five more for
/// each answer on the way. From Thread-Index where the sender wrote it; else from the message's own time and the number of its References.
pub fn conversation_index(headers: &Headers, time: i64) -> Vec<u8> {
    let written: String = headers.raw("thread-index").split_whitespace().collect();
    if let Ok(index) = STANDARD.decode(&written)
        && index.len() >= 22
    {
        // A reserved byte, the time, an id, the answers.
        let answers = index.get(22..).unwrap_or_default();
        let whole = answers.len() / 5 * 5;
        let answers = answers.get(..whole.min(5 * DEEPEST)).unwrap_or_default();
        return [index.get(1..6).unwrap_or_default(), answers].concat();
    }
    let file_time = time.saturating_mul(10_000_000).saturating_add(EPOCH).max(0).to_be_bytes();
    let mut index = file_time.get(1..6).unwrap_or_default().to_vec();
    let answers = headers.ids("references").len().max(headers.ids("in-reply-to").len().min(1));
    index.resize(5 + 5 * answers.min(DEEPEST), 0);
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(text: &str) -> Headers {
        Headers::parse(text.as_bytes(), "")
    }

    #[test]
    fn topics_have_no_prefixes() {
        for (subject, wanted) in [
            ("Re: a", "a"),
            ("AW: Re: WG: a", "a"),
            ("Fwd: a", "a"),
            ("RE[2]: a", "a"),
            ("a: b", "a: b"),
            ("Antw: a", "a"),
            ("", ""),
        ] {
            assert_eq!(topic(subject), wanted, "{subject}");
        }
    }

    #[test]
    fn a_thread_has_one_id() {
        let root = conversation_id(&headers("Message-ID: <a@b>\n"), "x");
        assert_eq!(root.len(), 16);
        assert_eq!(root, conversation_id(&headers("Message-ID: <c@d>\nIn-Reply-To: <a@b>\n"), "Re: x"));
        assert_eq!(
            root,
            conversation_id(&headers("Message-ID: <e@f>\nReferences: <a@b>\n <c@d>\nIn-Reply-To: <c@d>\n"), "y")
        );
        assert_ne!(root, conversation_id(&headers("Message-ID: <c@d>\n"), "x"));
        assert_eq!(conversation_id(&headers(""), "Re: Topic"), conversation_id(&headers(""), "topic"));
    }

    #[test]
    fn the_index_grows_by_five_bytes_for_each_answer() {
        let index = |text: &str| conversation_index(&headers(text), 1_795_510_800);
        assert_eq!(index("").len(), 5);
        assert_eq!(index("References: <a@b> <c@d>\n").len(), 15);
        assert_eq!(index("In-Reply-To: <a@b>\n").len(), 10);
        let sent = STANDARD.encode((0..32).collect::<Vec<u8>>());
        assert_eq!(index(&format!("Thread-Index: {sent}\n")), [1, 2, 3, 4, 5, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31]);
        assert_eq!(index("Thread-Index: AAAA\n").len(), 5);
        // 2026-11-24T09:00:00Z: 0x01dd5e... steps of 100 ns since 1601.
        assert_eq!(index("")[0], 0xdd);
    }
}
