//! The one line per request.

use std::time::Instant;

/// What the line says; logged when it is dropped, so that a request whose phone has gone is in the log, too.
#[derive(Debug)]
pub(super) struct Line {
    start: Instant,
    /// Names and values, as they are written.
    text: String,
    ended: bool,
    level: log::Level,
}

/// Longest value, characters.
const LONGEST: usize = 120;

impl Line {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), text: String::new(), ended: false, level: log::Level::Info }
    }

    /// When the request came.
    pub(super) fn start(&self) -> Instant {
        self.start
    }

    /// Adds a field; an empty value is left out.
    pub(super) fn add(&mut self, name: &'static str, value: impl ToString) {
        let value = value.to_string();
        if !value.is_empty() {
            self.text.extend([name, "=", &quoted(&value), " "]);
        }
    }

    /// Gives back the room that it does not need, before a long wait.
    pub(super) fn shrink(&mut self) {
        self.text.shrink_to_fit();
    }

    /// The line is one of very many that say nothing new: it is for those who ask for more than the ordinary log.
    pub(super) fn quiet(&mut self) {
        self.level = log::Level::Debug;
    }

    /// The request has its answer.
    pub(super) fn end(mut self) {
        self.ended = true;
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let ending = match (self.ended, std::thread::panicking()) {
            (true, _) => "",
            (false, true) => "status=500 a defect, ",
            (false, false) => "the phone has gone, ",
        };
        let (text, time) = (&self.text, self.start.elapsed().as_millis());
        log::log!(target: "horde_eas::request", self.level, "{text}{ending}{time} ms");
    }
}

/// As it is, or in quotes with escapes where it could be taken for something else.
fn quoted(value: &str) -> String {
    let short: String = value.chars().take(LONGEST).collect();
    let plain = short.chars().all(|c| !c.is_control() && !c.is_whitespace() && !matches!(c, '"' | '=' | '\\'));
    if plain { short } else { format!("{short:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_forge_lines() {
        assert_eq!(quoted("alice"), "alice");
        assert_eq!(quoted("a b"), "\"a b\"");
        assert_eq!(quoted("x\r\nuser=root"), "\"x\\r\\nuser=root\"");
        assert_eq!(quoted("\u{1b}[2J"), "\"\\u{1b}[2J\"");
        assert_eq!(quoted(&"x".repeat(1000)).len(), LONGEST);
    }
}
