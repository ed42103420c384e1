//! Addresses as they may stand in a command.

use std::{fmt, str::FromStr};

/// Longest local part and longest whole, bytes (RFC 5321 4.5.3.1; the path without its angle brackets).
const MOST: (usize, usize) = (64, 254);

/// A mailbox that can be named in MAIL and RCPT without becoming anything else (RFC 5321 4.1.2, RFC 6531 3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    text: String,
    at: usize,
}

impl Address {
    /// What stands behind the at sign.
    pub fn domain(&self) -> &str {
        self.text.get(self.at + 1..).unwrap_or_default()
    }

    /// Whether servers without SMTPUTF8 can be told of it.
    pub fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (local, domain) = text.rsplit_once('@').ok_or("no address")?;
        if local.len() > MOST.0 || text.len() > MOST.1 {
            return Err("the address is too long".to_owned());
        }
        let quoted = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        if !quoted.map_or_else(|| is_dotted(local, is_atom), is_quoted) {
            return Err("what stands before the @ is no name".to_owned());
        }
        let literal = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_literal = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b":.-".contains(&b));
        if !literal.map_or_else(|| is_dotted(domain, is_host), is_literal) {
            return Err("what stands behind the @ is no domain".to_owned());
        }
        Ok(Self { text: text.to_owned(), at: local.len() })
    }
}

/// Parts with single dots between them. A dot at the end or two in a row exist as local parts at some providers.
fn is_dotted(text: &str, is: fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(|c| c == '.' || is(c))
}

fn is_atom(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || is_beyond_ascii(c)
}

fn is_host(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_' || is_beyond_ascii(c)
}

fn is_beyond_ascii(c: char) -> bool {
    !c.is_ascii() && !c.is_control() && !c.is_whitespace()
}

/// Whether the text between quotes is one: printable, quotes and backslashes behind a backslash.
fn is_quoted(text: &str) -> bool {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let ok = match c {
            '"' => false,
            '\\' => chars.next().is_some_and(|c| c.is_ascii_graphic() || c == ' '),
            c => !c.is_control(),
        };
        if !ok {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_become_part_of_a_command() {
        for good in
            ["a@b", "a.b+c@mail.example.test", "\"a b\"@x.test", "\"a\\\"@b\"@x.test", "ü@müller.test", "x@[127.0.0.1]"]
        {
            assert_eq!(good.parse::<Address>().unwrap().to_string(), good);
        }
        assert_eq!("\"a@b\"@x.test".parse::<Address>().unwrap().domain(), "x.test");
        let long = format!("{}@x.test", "a".repeat(65));
        for bad in [
            "",
            "a",
            "@",
            "a@",
            "@b",
            "a b@x",
            "a@x y",
            "a@x>",
            "<a@x",
            "a@x\r\nRCPT TO:<b@y>",
            "a\n@x",
            "\"a\"b\"@x",
            "\"a\\\"@x",
            "\"\r\n\"@x",
            "a@x\0",
            "a@[x>]",
            "a\u{85}@x",
            "a@x\u{2028}y",
            &long,
        ] {
            assert!(bad.parse::<Address>().is_err(), "{bad:?}");
        }
    }
}
