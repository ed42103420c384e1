//! What stands in a response: atoms, strings, lists. Read tolerantly; what cannot be read is an error for this response alone.

use bytes::Bytes;

/// Deepest nesting of lists; what lies deeper is left out.
const DEEPEST: usize = 100;
/// Most values in one response.
const MOST: usize = 200_000;

/// Bytes that a server announced by length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// They are here.
    Whole(Bytes),
    /// So many went to the sink of the command.
    Streamed(u64),
    /// So many were read past: more than an answer may have.
    Skipped(u64),
}

/// A line with its literals taken out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// The line, without its end and without the announcements of literals.
    pub text: Vec<u8>,
    /// Literals, each with the offset in the text where it stands; ascending.
    pub literals: Vec<(usize, Literal)>,
    /// The line was longer than can be: only its begin is here.
    pub cut: bool,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `NIL`
    Nil,
    /// A word, number, flag, or a name like `BODY[HEADER.FIELDS (DATE)]<0>`.
    Atom(String),
    /// A quoted string or a literal.
    Text(Bytes),
    /// So many bytes went to the sink.
    Streamed(u64),
    /// So many bytes were read past.
    Skipped(u64),
    /// `( ... )`
    List(Vec<Value>),
}

impl Value {
    /// Bytes of an atom or a string.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Atom(atom) => Some(atom.as_bytes()),
            Self::Text(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// An atom or a string as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> Option<String> {
        self.bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// A number.
    pub fn number(&self) -> Option<u64> {
        std::str::from_utf8(self.bytes()?).ok()?.parse().ok()
    }

    /// The values of a list; none of anything else.
    pub fn list(&self) -> &[Value] {
        if let Self::List(list) = self { list } else { &[] }
    }
}

/// Reads the values of a frame from an offset on.
pub struct Cursor<'a> {
    frame: &'a Frame,
    at: usize,
    literal: usize,
}

impl<'a> Cursor<'a> {
    /// At the begin of the frame.
    pub fn new(frame: &'a Frame) -> Self {
        Self { frame, at: 0, literal: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.frame.text.get(self.at).copied()
    }

    /// The text that is left; literals in it are not seen.
    pub fn rest(&self) -> &'a [u8] {
        self.frame.text.get(self.at..).unwrap_or_default()
    }

    fn literal_here(&self) -> Option<&'a Literal> {
        self.frame.literals.get(self.literal).filter(|(at, _)| *at == self.at).map(|(_, literal)| literal)
    }

    /// The next word: up to a blank. Empty at the end.
    pub fn word(&mut self) -> &'a [u8] {
        self.blanks();
        let rest = self.rest();
        let end = rest.iter().position(|b| *b == b' ').unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn blanks(&mut self) {
        while self.literal_here().is_none() && self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    /// All values up to the end.
    ///
    /// # Errors
    /// A string without end, brackets that do not match, too many values. The text says what.
    pub fn values(&mut self) -> Result<Vec<Value>, &'static str> {
        let mut open: Vec<Vec<Value>> = vec![Vec::new()];
        let (mut below, mut count) = (0_usize, 0_usize);
        loop {
            self.blanks();
            let value = if let Some(literal) = self.literal_here() {
                self.literal += 1;
                match literal {
                    Literal::Whole(bytes) => Value::Text(bytes.clone()),
                    Literal::Streamed(length) => Value::Streamed(*length),
                    Literal::Skipped(length) => Value::Skipped(*length),
                }
            } else {
                match self.peek() {
                    None => break,
                    Some(b'(') => {
                        self.at += 1;
                        if open.len() < DEEPEST {
                            open.push(Vec::new());
                        } else {
                            below += 1;
                        }
                        continue;
                    }
                    Some(b')') => {
                        self.at += 1;
                        if below > 0 {
                            below -= 1;
                            continue;
                        }
                        let list = open.pop().unwrap_or_default();
                        if open.is_empty() {
                            return Err("a bracket too many");
                        }
                        Value::List(list)
                    }
                    Some(b'"') => Value::Text(self.quoted()?),
                    Some(_) => self.atom()?,
                }
            };
            count += 1;
            if count > MOST {
                return Err("too many values");
            }
            if below == 0
                && let Some(list) = open.last_mut()
            {
                list.push(value);
            }
        }
        let values = open.pop().unwrap_or_default();
        if open.is_empty() && below == 0 { Ok(values) } else { Err("a bracket that is not closed") }
    }

    fn quoted(&mut self) -> Result<Bytes, &'static str> {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let byte = self.peek().ok_or("a string without end")?;
            self.at += 1;
            match byte {
                b'"' => return Ok(out.into()),
                b'\\' => {
                    out.push(self.peek().ok_or("a string without end")?);
                    self.at += 1;
                }
                byte => out.push(byte),
            }
        }
    }

    /// In square brackets everything belongs to the name: `BODY[HEADER.FIELDS (DATE "X Y")]`.
    fn atom(&mut self) -> Result<Value, &'static str> {
        let mut out = Vec::new();
        let mut section = false;
        loop {
            if let Some(literal) = self.literal_here() {
                match literal {
                    Literal::Whole(bytes) if section => out.extend_from_slice(bytes),
                    _ => break,
                }
                self.literal += 1;
            }
            match self.peek() {
                None if section => return Err("a section without end"),
                None => break,
                Some(b' ' | b'(' | b')') if !section => break,
                Some(byte) => {
                    section = (section || byte == b'[') && byte != b']';
                    out.push(byte);
                    self.at += 1;
                }
            }
        }
        let atom = String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
        Ok(if atom.eq_ignore_ascii_case("nil") { Value::Nil } else { Value::Atom(atom) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Value>, &'static str> {
        Cursor::new(&Frame { text: text.into(), ..Frame::default() }).values()
    }

    fn atom(text: &str) -> Value {
        Value::Atom(text.into())
    }

    #[test]
    fn values_of_all_kinds() {
        let there =
            read(r#"FETCH (UID 7 FLAGS (\Seen $X) BODY[HEADER.FIELDS (DATE "A B")]<0> NIL x "a \"b\\" ())"#).unwrap();
        assert_eq!(there[0], atom("FETCH"));
        assert_eq!(
            there[1].list(),
            [
                atom("UID"),
                atom("7"),
                atom("FLAGS"),
                Value::List(vec![atom("\\Seen"), atom("$X")]),
                atom("BODY[HEADER.FIELDS (DATE \"A B\")]<0>"),
                Value::Nil,
                atom("x"),
                Value::Text(Bytes::from_static(b"a \"b\\")),
                Value::List(vec![]),
            ]
        );
    }

    #[test]
    fn literals_stand_where_they_were() {
        let frame = Frame {
            text: b"(BODY[] BINARY[1] ) x".to_vec(),
            literals: vec![(8, Literal::Whole(Bytes::from_static(b") ("))), (18, Literal::Streamed(9))],
            cut: false,
        };
        let there = Cursor::new(&frame).values().unwrap();
        let text = Value::Text(Bytes::from_static(b") ("));
        assert_eq!(there, [Value::List(vec![atom("BODY[]"), text, atom("BINARY[1]"), Value::Streamed(9)]), atom("x")]);
    }

    #[test]
    fn nonsense_is_an_error() {
        for text in ["(", ")", "\"x", "\"x\\", "BODY[", "(()", "())"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn too_deep_is_left_out() {
        let deep = 100_000;
        let text = format!("{}x{} y", "(".repeat(deep), ")".repeat(deep));
        assert_eq!(read(&text).unwrap()[1], atom("y"));
    }
}
