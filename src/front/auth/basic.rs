//! What an Authorization header says, and which user of Horde is meant.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use secrecy::SecretString;

use crate::{config::Config, horde::Login};

const FORGIVING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Longest user name and password, bytes.
const LONGEST: usize = 255;

/// User and password of a `Basic` header, as the phone sent them: UTF-8, or Latin-1 where it is not that (Outlook).
pub(super) fn read(header: &[u8]) -> Option<(String, String)> {
    let (scheme, rest) = header.split_at_checked(5)?;
    let encoded = rest.trim_ascii();
    if !scheme.eq_ignore_ascii_case(b"basic") || encoded.len() == rest.len() || encoded.len() > 4 * LONGEST {
        return None;
    }
    let bytes = FORGIVING.decode(encoded).ok()?;
    let text = String::from_utf8(bytes).unwrap_or_else(|e| e.into_bytes().into_iter().map(char::from).collect());
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// The user name of a header as the phone sent it.
pub(crate) fn name(header: &[u8]) -> Option<String> {
    read(header).map(|(user, _)| user)
}

/// The user of Horde that a login name means: without `DOMAIN\`, without `@domain` where the configuration says so.
/// `None` for names that no user can have: they would be trouble as file names and in logs.
pub(crate) fn user(config: &Config, name: &str) -> Option<String> {
    let name = name.trim();
    let name = name.rsplit_once('\\').map_or(name, |(_, user)| user);
    let name = match name.rsplit_once('@') {
        Some((user, domain)) if config.strips(domain) => user,
        _ => name,
    };
    let name = if config.login.lower_case { name.to_lowercase() } else { name.to_owned() };
    let usable =
        !name.is_empty() && name.len() <= LONGEST && !name.contains('/') && !name.chars().any(char::is_control);
    (usable && name != "." && name != "..").then_some(name)
}

/// The login of a request; `None` when there is none that could be right. An empty password is none: some directories take it for
/// an anonymous login and say yes.
pub(super) fn login(config: &Config, header: &[u8]) -> Option<Login> {
    let (name, password) = read(header)?;
    let usable = !password.is_empty() && password.len() <= LONGEST && !password.contains('\0');
    let user = user(config, &name)?;
    usable.then(|| Login { user, password: SecretString::from(password) })
}

#[cfg(test)]
mod tests {
    use base64::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;
    use crate::config::Strip;

    fn header(text: &[u8]) -> Vec<u8> {
        format!("Basic {}", BASE64_STANDARD.encode(text)).into_bytes()
    }

    #[test]
    fn utf_8_and_latin_1() {
        let expected = Some(("j\u{f6}rg".to_owned(), "pa:\u{df}".to_owned()));
        assert_eq!(read(&header("j\u{f6}rg:pa:\u{df}".as_bytes())), expected);
        assert_eq!(read(&header(b"j\xf6rg:pa:\xdf")), expected);
        assert_eq!(read(b"bAsIc   YTpi  "), Some(("a".into(), "b".into())));
        assert_eq!(read(b"Basic YTpiYw"), Some(("a".into(), "bc".into())));
        for bad in
            [&b""[..], b"Basic", b"BasicYTpi", b"Bearer YTpi", b"Basic !!", b"Basic YWI=", b"\xff\xff\xff\xff\xff\xff"]
        {
            assert_eq!(read(bad), None);
        }
    }

    #[test]
    fn names() {
        let mut config = Config::default();
        config.mail.domain = "example.org".into();
        for (name, expected) in [
            ("alice", Some("alice")),
            ("EXAMPLE\\alice", Some("alice")),
            ("alice@example.org", Some("alice")),
            ("alice@Example.ORG", Some("alice")),
            ("EXAMPLE\\alice@example.org", Some("alice")),
            ("alice@example.com", Some("alice@example.com")),
            ("Alice", Some("Alice")),
            (" alice ", Some("alice")),
            ("../../etc", None),
            ("..", None),
            ("a\0b", None),
            ("a\nb", None),
            ("@example.org", None),
            ("", None),
        ] {
            assert_eq!(user(&config, name).as_deref(), expected, "{name:?}");
        }
        config.login.lower_case = true;
        config.login.strip_domain = Strip::Always;
        assert_eq!(user(&config, "ALICE@elsewhere.net").as_deref(), Some("alice"));
    }

    #[test]
    fn an_empty_password_is_no_login() {
        let config = Config::default();
        assert!(login(&config, &header(b"alice:")).is_none());
        assert!(login(&config, &header(b":secret")).is_none());
        let login = login(&config, &header(b"alice:secret")).unwrap();
        assert_eq!((login.user.as_str(), login.password.expose_secret()), ("alice", "secret"));
        assert!(!format!("{login:?}").contains("secret"));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes(header in proptest::collection::vec(proptest::num::u8::ANY, 0..100)) {
            let _ = login(&Config::default(), &header);
        }
    }
}
