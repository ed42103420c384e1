//! What a server answers (RFC 5321 4.2, RFC 3463).

use std::fmt;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// Longest answer, bytes, all lines together.
const MOST: u64 = 16 << 10;

/// Longest text that is kept for the log, characters.
const WORDS: usize = 300;

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: u16,
    /// Texts of the lines without the code.
    pub(super) lines: Vec<String>,
}

impl Reply {
    /// First digit: 2 done, 3 go on, 4 not now, 5 no.
    pub(super) fn class(&self) -> u16 {
        self.code / 100
    }

    /// Subject and detail of the enhanced status code, as `2.2` of `5.2.2` (RFC 3463).
    pub(super) fn detail(&self) -> Option<&str> {
        let word = self.lines.first()?.split_whitespace().next()?;
        let (class, detail) = word.split_once('.')?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let (subject, rest) = detail.split_once('.')?;
        (class == self.class().to_string() && is_number(subject) && is_number(rest)).then_some(detail)
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// The connection broke, or this is no answer.
    pub(super) async fn read(stream: &mut (impl AsyncBufRead + Unpin)) -> Result<Self, String> {
        let mut left = stream.take(MOST);
        let (mut first, mut lines) = (None, Vec::new());
        loop {
            let mut line = Vec::new();
            left.read_until(b'\n', &mut line).await.map_err(|e| e.to_string())?;
            if line.pop() != Some(b'\n') {
                let all = left.limit() == 0;
                return Err(if all { "the server says more than anybody needs to say" } else { "the server hung up" }
                    .to_owned());
            }
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end();
            let (code, text) = line.split_at_checked(3).unwrap_or((line, ""));
            let number = code.parse().ok().filter(|code| (200..600).contains(code));
            let (Some(code), Some(text)) = (number, behind(text)) else {
                return Err(format!("the server does not speak SMTP: {line:.80?}"));
            };
            if *first.get_or_insert(code) != code {
                return Err(format!("the server mixes its answers: {line:.80?}"));
            }
            lines.push(text.1.to_owned());
            if text.0 {
                return Ok(Self { code, lines });
            }
        }
    }
}

/// Whether the line is the last, and its text.
fn behind(text: &str) -> Option<(bool, &str)> {
    match text.strip_prefix('-') {
        Some(text) => Some((false, text)),
        None if text.is_empty() => Some((true, "")),
        None => text.strip_prefix(' ').map(|text| (true, text)),
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: String = self.lines.join(" ").chars().filter(|c| !c.is_control()).take(WORDS).collect();
        write!(f, "{} {words}", self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(text: &str) -> Result<Reply, String> {
        Reply::read(&mut text.as_bytes()).await
    }

    #[tokio::test]
    async fn answers() {
        let reply = read("250-a b\r\n250-\r\n250\r\n220 next\r\n").await.unwrap();
        assert_eq!(reply, Reply { code: 250, lines: vec!["a b".into(), String::new(), String::new()] });
        assert_eq!(read("552 5.2.2 full\n").await.unwrap().detail(), Some("2.2"));
        for none in ["552 full\r\n", "552\r\n", "552 4.2.2 other class\r\n", "552 5.2 x\r\n", "552 5.2.x y\r\n"] {
            assert_eq!(read(none).await.unwrap().detail(), None, "{none}");
        }
        assert_eq!(read("554 a\x1b[31m\r\n").await.unwrap().to_string(), "554 a[31m");
    }

    #[tokio::test]
    async fn what_is_no_answer() {
        for bad in
            ["", "2", "250", "250-a\r\n", "HTTP/1.1 400\r\n", "250-a\r\n251 b\r\n", "250x\r\n", "199 x\r\n", "äöü\r\n"]
        {
            assert!(read(bad).await.is_err(), "{bad}");
        }
        let endless = "250-x\r\n".repeat(10_000);
        assert!(read(&endless).await.unwrap_err().contains("more than anybody"));
    }
}
