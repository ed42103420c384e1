//! Addresses in headers (RFC 5322 3.4), read from any header and written as phones want them and as mails need them.

use mail_parser::{Address, HeaderValue, parsers::MessageStream};

use super::{charset, word};

/// Longest To, Cc, From and ReplyTo that a phone takes, characters (MS-ASEMAIL 2.2.2.78).
const LONGEST: usize = 32_768;
/// More addresses of one header are not read.
const MOST: usize = 20_000;

/// A name and an address; either may be "".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mailbox {
    /// Display name, decoded.
    pub name: String,
    /// `local@domain`; what stands in its place in a broken header.
    pub address: String,
}

impl Mailbox {
    /// `"Name" <addr>`, or what there is of it (MS-ASEMAIL 2.2.2.36).
    pub fn shown(&self) -> String {
        match (self.name.as_str(), self.address.as_str()) {
            ("", address) => address.to_owned(),
            (name, "") => format!("\"{}\"", quoted(name)),
            (name, address) => format!("\"{}\" <{address}>", quoted(name)),
        }
    }

    /// As it is written into a header; "" when the address is none that a mail can go to.
    pub fn written(&self) -> String {
        if !self.is_sendable() {
            return String::new();
        }
        let name = charset::printable(&self.name).replace(['\r', '\n', '\t'], " ");
        let name = name.trim();
        if name.is_empty() {
            self.address.clone()
        } else if name.is_ascii() && name.len() <= 200 && !name.contains("=?") {
            format!("\"{}\" <{}>", quoted(name), self.address)
        } else {
            format!("{} <{}>", word::encoded(name), self.address)
        }
    }

    /// Whether a mail can be sent to it: one `@`, nothing that SMTP or a header would read otherwise. Domains may be in UTF-8.
    pub fn is_sendable(&self) -> bool {
        let Some((local, domain)) = self.address.rsplit_once('@') else { return false };
        let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>()[],;:\\\"".contains(c);
        let literal = domain.strip_prefix('[').and_then(|d| d.strip_suffix(']'));
        let domain_is_good = literal.map_or_else(
            || !domain.is_empty() && domain.chars().all(plain) && !domain.contains('@'),
            |literal| !literal.is_empty() && literal.chars().all(|c| c.is_ascii_alphanumeric() || ".:-".contains(c)),
        );
        let quoted = local.strip_prefix('"').and_then(|l| l.strip_suffix('"'));
        let local_is_good = quoted.map_or_else(
            || !local.is_empty() && local.chars().all(|c| plain(c) && c != '@'),
            |inner| !inner.is_empty() && inner.chars().all(|c| (c == ' ' || c == '@' || plain(c)) && !c.is_control()),
        );
        self.address.len() <= 320 && domain_is_good && local_is_good
    }

    /// Name, or address without one.
    pub fn label(&self) -> &str {
        if self.name.is_empty() { &self.address } else { &self.name }
    }
}

fn quoted(name: &str) -> String {
    name.replace('\\', "\\\\").replace('"', "\\\"")
}

/// The addresses of a raw header value; groups are opened, an empty one gives none.
pub fn parse(raw: &str) -> Vec<Mailbox> {
    let line = format!("{}\n", word::joined(raw));
    let value = match MessageStream::new(line.as_bytes()).parse_address() {
        HeaderValue::Address(address) => address,
        _ => return Vec::new(),
    };
    let addresses = match value {
        Address::List(list) => list,
        Address::Group(groups) => groups.into_iter().flat_map(|group| group.addresses).collect(),
    };
    let clean = |text: Option<std::borrow::Cow<'_, str>>| {
        charset::printable(&text.unwrap_or_default()).replace(['\r', '\n', '\t'], " ").trim().to_owned()
    };
    let mailbox =
        |address: mail_parser::Addr<'_>| Mailbox { name: clean(address.name), address: clean(address.address) };
    addresses.into_iter().take(MOST).map(mailbox).map(sorted).filter(|mailbox| !mailbox.label().is_empty()).collect()
}

/// A name that repeats the address says nothing; a name alone that is an address is one.
fn sorted(mut mailbox: Mailbox) -> Mailbox {
    if mailbox.address.is_empty() && mailbox.name.contains('@') && !mailbox.name.contains(' ') {
        mailbox.address = std::mem::take(&mut mailbox.name);
    }
    if mailbox.name.trim_matches('\'') == mailbox.address {
        mailbox.name.clear();
    }
    mailbox
}

/// Several addresses as one text for a phone, as many as it takes.
pub fn shown(mailboxes: &[Mailbox], separator: &str) -> String {
    limited(mailboxes.iter().map(Mailbox::shown), separator)
}

/// The names of addresses (DisplayTo), separated by semicolons.
pub fn labels(mailboxes: &[Mailbox]) -> String {
    limited(mailboxes.iter().map(|mailbox| mailbox.label().to_owned()), "; ")
}

fn limited(texts: impl Iterator<Item = String>, separator: &str) -> String {
    let mut all = String::new();
    let mut length = 0;
    for text in texts {
        let more = text.chars().count() + separator.len();
        if length + more > LONGEST {
            break;
        }
        if !all.is_empty() {
            all.push_str(separator);
        }
        all.push_str(&text);
        length += more;
    }
    all
}

/// Addresses as a folded header value; those that no mail can go to are left out.
pub fn written(mailboxes: &[Mailbox]) -> String {
    let each: Vec<String> = mailboxes.iter().map(Mailbox::written).filter(|text| !text.is_empty()).collect();
    each.join(",\r\n ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_read_and_shown() {
        for (raw, text) in [
            ("a@example.test", "a@example.test"),
            ("<a@example.test>", "a@example.test"),
            ("\"A, B\" <a@example.test>, C <c@example.test>", "\"A, B\" <a@example.test>, \"C\" <c@example.test>"),
            ("=?iso-8859-1?Q?J=FCrgen?= <j@example.test>", "\"Jürgen\" <j@example.test>"),
            ("=?utf-8?B?SsO8cmfDvA==?= =?utf-8?Q?M=C3=BCller?= <j@example.test>", "\"JürgüMüller\" <j@example.test>"),
            ("=?utf-8?B?R3LDvMM=?=\r\n =?utf-8?B?n2U=?= <g@example.test>", "\"Grüße\" <g@example.test>"),
            ("a@example.test (A B)", "\"A B\" <a@example.test>"),
            ("undisclosed-recipients:;", ""),
            (
                "Team: a@example.test, B <b@example.test>;, c@example.test",
                "a@example.test, \"B\" <b@example.test>, c@example.test",
            ),
            ("\"say \\\"hi\\\"\" <a@example.test>", "\"say \\\"hi\\\"\" <a@example.test>"),
            ("'a@example.test' <a@example.test>", "a@example.test"),
            ("only a name", "\"only a name\""),
            ("Jürgen <j@example.test>", "\"Jürgen\" <j@example.test>"),
            ("", ""),
        ] {
            assert_eq!(shown(&parse(raw), ", "), text, "{raw}");
        }
    }

    #[test]
    fn a_thousand_recipients_are_cut_between_two() {
        let raw: Vec<String> = (0..3_000).map(|n| format!("Name {n} <user{n}@example.test>")).collect();
        let mailboxes = parse(&raw.join(",\r\n "));
        assert_eq!(mailboxes.len(), 3_000);
        let text = shown(&mailboxes, ", ");
        assert!(text.len() <= LONGEST && text.len() > LONGEST - 100 && text.ends_with('>'), "{}", text.len());
    }

    #[test]
    fn what_smtp_would_read_otherwise_is_not_sendable() {
        for (address, sendable) in [
            ("a@example.test", true),
            ("a.b+c@example.test", true),
            ("\"a b\"@example.test", true),
            ("a@[127.0.0.1]", true),
            ("ü@bücher.test", true),
            ("a", false),
            ("a@", false),
            ("@example.test", false),
            ("a b@example.test", false),
            ("a@example.test> SIZE=1", false),
            ("a@b@example.test", false),
            ("a\r\nRCPT@example.test", false),
            ("<a@example.test", false),
        ] {
            assert_eq!(Mailbox { name: String::new(), address: address.into() }.is_sendable(), sendable, "{address}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(name in "[ -~äöüß€]{0,80}", local in "[a-z0-9.]{1,20}") {
            let mailbox = Mailbox { name: name.trim().to_owned(), address: format!("{local}@example.test") };
            let written = mailbox.written();
            prop_assert!(written.is_ascii());
            prop_assert!(!written.replace("\r\n ", "").contains(['\r', '\n']));
            let read = parse(&written);
            prop_assert_eq!(read.len(), 1, "{}", written);
            prop_assert_eq!(&read[0].address, &mailbox.address);
            let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            prop_assert_eq!(squeezed(&read[0].name), squeezed(&mailbox.name));
        }

        #[test]
        fn any_header_is_read(raw in "[ -~\r\nü]{0,80}") {
            let _ = shown(&parse(&raw), ", ");
        }
    }
}
