//! Modified UTF-7 (RFC 3501 5.1.3): how names of mailboxes travel.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/// The name for the server.
pub fn encode(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut units: Vec<u16> = Vec::new();
    for c in name.chars() {
        if (' '..='~').contains(&c) {
            flush(&mut units, &mut out);
            out.push(c);
            if c == '&' {
                out.push('-');
            }
        } else {
            let mut pair = [0; 2];
            units.extend_from_slice(c.encode_utf16(&mut pair));
        }
    }
    flush(&mut units, &mut out);
    out
}

fn flush(units: &mut Vec<u16>, out: &mut String) {
    if units.is_empty() {
        return;
    }
    out.push('&');
    let (mut bits, mut count) = (0_u32, 0);
    let mut put = |value: u32| out.push(ALPHABET.get((value & 63) as usize).map_or('A', |b| char::from(*b)));
    for unit in units.drain(..) {
        bits = bits << 16 | u32::from(unit);
        count += 16;
        while count >= 6 {
            count -= 6;
            put(bits >> count);
        }
        bits &= (1 << count) - 1;
    }
    if count > 0 {
        put(bits << (6 - count));
    }
    out.push('-');
}

/// The name as people read it. What is no modified UTF-7 stays as it is.
pub fn decode(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, coded)) = rest.split_once('&') {
        out.push_str(plain);
        let Some((run, after)) = coded.split_once('-') else {
            out.push('&');
            out.push_str(coded);
            return out;
        };
        match run {
            "" => out.push('&'),
            run => match decode_run(run) {
                Some(text) => out.push_str(&text),
                None => {
                    out.push('&');
                    out.push_str(run);
                    out.push('-');
                }
            },
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

fn decode_run(run: &str) -> Option<String> {
    let (mut bits, mut count) = (0_u32, 0);
    let mut units = Vec::with_capacity(run.len() / 2);
    for byte in run.bytes() {
        let value = ALPHABET.iter().position(|b| *b == byte)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        count += 6;
        if count >= 16 {
            count -= 16;
            units.push(u16::try_from(bits >> count & 0xffff).ok()?);
            bits &= (1 << count) - 1;
        }
    }
    let sound = count < 6 && bits == 0 && !units.is_empty();
    String::from_utf16(&units).ok().filter(|_| sound)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_the_standard() {
        for (raw, name) in [
            ("~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),
            ("Entw&APw-rfe", "Entwürfe"),
            ("a&-b", "a&b"),
            ("&2D3eAA-", "😀"),
            ("Gel&APY-scht &- weg", "Gelöscht & weg"),
        ] {
            assert_eq!(decode(raw), name);
            assert_eq!(encode(name), raw);
        }
    }

    #[test]
    fn what_is_no_utf7_stays() {
        for raw in ["&APw ", "a&b", "&!!!-x", "&A-", "&2D0-", "x&", "ü"] {
            assert_eq!(decode(raw), raw);
        }
    }

    proptest! {
        #[test]
        fn round_trip(name in "\\PC{0,40}") {
            let raw = encode(&name);
            prop_assert!(raw.bytes().all(|b| (b' '..=b'~').contains(&b)));
            prop_assert_eq!(decode(&raw), name);
        }

        #[test]
        fn any_text_is_read(raw in "[ -~]{0,60}|\\PC{0,40}") {
            let _ = decode(&raw);
        }
    }
}
