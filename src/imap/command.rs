//! Commands as they travel. Whatever a string says, it cannot become another command: it is quoted, or sent by length.

/// Longest quoted string; longer ones are literals.
const LONGEST: usize = 500;

/// A piece of a command.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Goes as it is; has no line end.
    Text(String),
    /// Goes by length.
    Literal(Vec<u8>),
}

/// A command, or the arguments of one, without tag and line end.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Command {
    pub(super) pieces: Vec<Piece>,
}

impl Command {
    /// Begins with words that are ours, never somebody else's.
    pub fn new(words: &str) -> Self {
        Self::default().words(words)
    }

    /// Adds words that are ours.
    #[must_use]
    pub fn words(mut self, words: &str) -> Self {
        // A line end here would be a defect of this program; it must not become a command.
        let words = words.chars().filter(|c| !c.is_control());
        match self.pieces.last_mut() {
            Some(Piece::Text(text)) => text.extend(words),
            _ => self.pieces.push(Piece::Text(words.collect())),
        }
        self
    }

    /// Adds a string with any content but NUL, which no string can have and which is left out.
    #[must_use]
    pub fn string(self, text: &str) -> Self {
        if text.len() <= LONGEST && text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            return self.words(&format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")));
        }
        let mut command = self;
        command.pieces.push(Piece::Literal(text.bytes().filter(|b| *b != 0).collect()));
        command
    }

    /// Adds a blank and a string.
    #[must_use]
    pub fn argument(self, text: &str) -> Self {
        self.words(" ").string(text)
    }

    /// Adds the pieces of another one.
    #[must_use]
    pub fn join(mut self, other: &Self) -> Self {
        for piece in &other.pieces {
            match piece {
                Piece::Text(text) => self = self.words(text),
                Piece::Literal(bytes) => self.pieces.push(Piece::Literal(bytes.clone())),
            }
        }
        self
    }

    /// Whether all strings are ASCII.
    pub fn is_ascii(&self) -> bool {
        self.pieces.iter().all(|piece| match piece {
            Piece::Text(text) => text.is_ascii(),
            Piece::Literal(bytes) => bytes.is_ascii(),
        })
    }
}

/// A flag that can stand in a command: an atom, perhaps with a backslash.
pub fn is_flag(flag: &str) -> bool {
    let atom = flag.strip_prefix('\\').unwrap_or(flag);
    !atom.is_empty() && atom.bytes().all(|b| b.is_ascii_graphic() && !b"(){%*\"\\]".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(command: Command) -> Vec<String> {
        let show = |piece: Piece| match piece {
            Piece::Text(text) => text,
            Piece::Literal(bytes) => format!("{{{}}}{}", bytes.len(), String::from_utf8_lossy(&bytes)),
        };
        command.pieces.into_iter().map(show).collect()
    }

    #[test]
    fn no_string_becomes_a_command() {
        assert_eq!(pieces(Command::new("A").argument("x\"y\\").words(" B")), ["A \"x\\\"y\\\\\" B"]);
        assert_eq!(pieces(Command::new("A").argument("x\r\na2 LOGOUT")), ["A ", "{12}x\r\na2 LOGOUT"]);
        assert_eq!(pieces(Command::new("A").argument("\0ü")), ["A ", "{2}ü"]);
        assert_eq!(pieces(Command::new("A\r\nB")), ["AB"]);
        assert_eq!(pieces(Command::new("A").argument("")), ["A \"\""]);
        assert_eq!(pieces(Command::new("A").argument(&"x".repeat(501))).len(), 2);
        let part = Command::new("X").argument("ü");
        assert_eq!(pieces(Command::new("A ").join(&part).words(")")), ["A X ", "{2}ü", ")"]);
    }

    #[test]
    fn flags() {
        for good in ["\\Seen", "$Forwarded", "a-b"] {
            assert!(is_flag(good), "{good}");
        }
        for bad in ["", "\\", "a b", "a)", "x\r\n", "ü", "\\*", "a\"", "\\\\Seen"] {
            assert!(!is_flag(bad), "{bad}");
        }
    }
}
