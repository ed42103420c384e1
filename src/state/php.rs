//! Reads what PHP's `serialize()` writes: old state files, and preferences of Horde. Bounded in depth and size; no classes are made of
//! anything, and no bytes can cause more than an error.

use std::fmt;

/// Deepest nesting.
const DEPTH: usize = 32;

/// A value. Objects are their fields.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `N;`
    Null,
    /// `b:1;`
    Bool(bool),
    /// `i:1;`
    Int(i64),
    /// `d:1.5;`
    Double(f64),
    /// `s:1:"x";`, any bytes.
    Text(Vec<u8>),
    /// `a:` or `O:`, keys and values in order.
    List(Vec<(Value, Value)>),
}

/// What is wrong, and at which byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// From 0.
    pub offset: usize,
    /// What was expected there.
    pub expected: &'static str,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} expected at byte {}", self.expected, self.offset)
    }
}

impl std::error::Error for Error {}

impl Value {
    /// Keys and values of an array or object.
    pub fn entries(&self) -> Option<&[(Value, Value)]> {
        match self {
            Self::List(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a key; keys that are numbers are found by their digits, too.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries()?.iter().find(|(k, _)| k.text().as_deref() == Some(key)).map(|(_, value)| value)
    }

    /// A single value as text (bytes that are not UTF-8 as Latin-1); `None` for arrays and objects.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Null => Some(String::new()),
            Self::Bool(b) => Some(if *b { "1" } else { "" }.to_owned()),
            Self::Int(n) => Some(n.to_string()),
            Self::Double(n) => Some(n.to_string()),
            Self::Text(bytes) => Some(match std::str::from_utf8(bytes) {
                Ok(text) => text.to_owned(),
                Err(_) => bytes.iter().map(|b| char::from(*b)).collect(),
            }),
            Self::List(_) => None,
        }
    }
}

/// For people: `[a, key: b]`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::List(entries) = self else { return f.write_str(&self.text().unwrap_or_default()) };
        f.write_str("[")?;
        for (i, (key, value)) in entries.iter().enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            match key {
                Self::Int(_) => write!(f, "{comma}{value}")?,
                key => write!(f, "{comma}{key}: {value}")?,
            }
        }
        f.write_str("]")
    }
}

/// Reads one value that fills `bytes`.
///
/// # Errors
/// The bytes are not what PHP writes, or hold references or classes with their own form, which no file of ours has.
pub fn unserialize(bytes: &[u8]) -> Result<Value, Error> {
    let mut reader = Reader { bytes, at: 0 };
    let value = reader.value(DEPTH)?;
    if reader.at == bytes.len() { Ok(value) } else { Err(reader.expected("end")) }
}

/// Reads the value at the beginning of `bytes`; anything may follow.
///
/// # Errors
/// As [`unserialize`].
pub fn first(bytes: &[u8]) -> Result<Value, Error> {
    Reader { bytes, at: 0 }.value(DEPTH)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn expected(&self, expected: &'static str) -> Error {
        Error { offset: self.at, expected }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, wanted: &'static str) -> Result<(), Error> {
        if !self.rest().starts_with(wanted.as_bytes()) {
            return Err(self.expected(wanted));
        }
        self.at += wanted.len();
        Ok(())
    }

    /// The text up to `end`, which is skipped, too.
    fn until(&mut self, end: u8) -> Result<&'a str, Error> {
        let rest = self.rest();
        // Numbers are short; without a bound a hostile file costs its square.
        let length = rest.iter().take(40).position(|b| *b == end).ok_or_else(|| self.expected("a number"))?;
        let text = rest.get(..length).and_then(|text| std::str::from_utf8(text).ok());
        let text = text.ok_or_else(|| self.expected("a number"))?;
        self.at += length + 1;
        Ok(text)
    }

    fn number<T: std::str::FromStr>(&mut self, end: u8) -> Result<T, Error> {
        let at = self.at;
        self.until(end)?.parse().map_err(|_| Error { offset: at, expected: "a number" })
    }

    fn quoted(&mut self) -> Result<&'a [u8], Error> {
        let length: usize = self.number(b':')?;
        self.skip("\"")?;
        let text = self.rest().get(..length).ok_or_else(|| self.expected("a string of that length"))?;
        self.at += length;
        self.skip("\"")?;
        Ok(text)
    }

    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        let depth = depth.checked_sub(1).ok_or_else(|| self.expected("less nesting"))?;
        let (kind, separator) = match self.rest() {
            [b'N', b';', ..] => (b'N', b';'),
            [kind, separator, ..] => (*kind, *separator),
            _ => return Err(self.expected("a value")),
        };
        if kind != b'N' && separator != b':' {
            return Err(self.expected("a value"));
        }
        let start = self.at;
        self.at += 2;
        match kind {
            b'N' => Ok(Value::Null),
            b'b' => Ok(Value::Bool(self.until(b';')? != "0")),
            b'i' => self.number(b';').map(Value::Int),
            b'd' => self.number(b';').map(Value::Double),
            b's' => {
                let text = self.quoted()?.to_vec();
                self.skip(";")?;
                Ok(Value::Text(text))
            }
            b'a' => self.list(depth),
            b'O' => {
                self.quoted()?;
                self.skip(":")?;
                self.list(depth)
            }
            _ => Err(Error { offset: start, expected: "a value" }),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, Error> {
        let count: usize = self.number(b':')?;
        self.skip("{")?;
        // No room is set aside for a count that the bytes do not bear out.
        let mut entries = Vec::new();
        for _ in 0..count {
            let at = self.at;
            let key = self.value(1)?;
            if !matches!(key, Value::Int(_) | Value::Text(_)) {
                return Err(Error { offset: at, expected: "a key" });
            }
            entries.push((key, self.value(depth)?));
        }
        self.skip("}")?;
        Ok(Value::List(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_kind() {
        let value = unserialize(
            b"a:6:{i:0;s:3:\"a\"b\";s:1:\"k\";i:-5;i:2;b:1;i:3;N;i:4;d:1.5;i:5;O:8:\"stdClass\":1:{s:1:\"x\";a:0:{}}}",
        );
        let value = value.expect("value");
        assert_eq!(value.get("0").and_then(Value::text).as_deref(), Some("a\"b"));
        assert_eq!(value.get("k"), Some(&Value::Int(-5)));
        assert_eq!(value.get("4"), Some(&Value::Double(1.5)));
        assert_eq!(value.get("5").and_then(|o| o.get("x")), Some(&Value::List(Vec::new())));
        assert_eq!(value.to_string(), "[a\"b, k: -5, 1, , 1.5, [x: []]]");
    }

    #[test]
    fn hostile_input_is_an_error() {
        for bytes in [
            "",
            "N",
            "s:5:\"abc\";",
            "s:18446744073709551615:\"\";",
            "a:999999999:{",
            "a:1:{a:0:{}i:1;}",
            "O:1:\"x\"",
            "i:;",
            "R:1;",
            "N;N;",
            "x:1;",
            "i:1",
            "s:-1:\"\";",
        ] {
            assert!(unserialize(bytes.as_bytes()).is_err(), "{bytes}");
        }
        assert!(unserialize("a:1:{i:0;".repeat(10_000).as_bytes()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..100)) {
            let _ = unserialize(&bytes);
        }

        #[test]
        fn anything_like_it_is_read_without_panic(text in "[aOsibdN0-9:;{}\"]{0,60}") {
            let _ = unserialize(text.as_bytes());
            let _ = first(text.as_bytes());
        }
    }
}
