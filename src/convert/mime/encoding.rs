//! Content-Transfer-Encodings (RFC 2045 6): a decoder that takes its input in pieces, so that an attachment of any size passes through
//! little memory, and never fails: what is not in the encoding is skipped (base64) or stays (quoted-printable).

/// A Content-Transfer-Encoding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encoding {
    /// 7bit, 8bit, binary, or one that nobody knows: the bytes are the content.
    #[default]
    Identity,
    /// RFC 2045 6.7.
    QuotedPrintable,
    /// RFC 2045 6.8.
    Base64,
}

impl Encoding {
    /// The encoding of that name (value of Content-Transfer-Encoding), in any case, with or without a comment behind it.
    pub fn parse(name: &str) -> Self {
        let name = name.split([';', '(', ' ', '\t']).find(|word| !word.is_empty()).unwrap_or_default();
        if name.eq_ignore_ascii_case("base64") {
            Self::Base64
        } else if name.eq_ignore_ascii_case("quoted-printable") {
            Self::QuotedPrintable
        } else {
            Self::Identity
        }
    }

    /// About how many bytes come out of so many; exact for [`Encoding::Identity`], and for base64 in lines of 76 characters with CRLF but for the
    /// last line.
    pub const fn decoded_size(self, encoded: u64) -> u64 {
        match self {
            Self::Base64 => encoded / 78 * 57 + encoded % 78 * 3 / 4,
            Self::Identity | Self::QuotedPrintable => encoded,
        }
    }

    /// Decodes all of a content.
    pub fn decode(self, encoded: &[u8]) -> Vec<u8> {
        let mut decoder = Decoder::new(self);
        let mut decoded = decoder.push(encoded);
        decoded.extend(decoder.finish());
        decoded
    }
}

/// Decodes a content that comes in pieces.
#[derive(Debug)]
pub struct Decoder {
    encoding: Encoding,
    /// Base64: digits of the quantum that is not complete yet, and how many.
    bits: u32,
    digits: u8,
    /// Base64: padding has been read; nothing follows it.
    padded: bool,
    /// Quoted-printable: an escape, or white space that may end the line.
    held: Vec<u8>,
}

impl Decoder {
    /// A decoder at the beginning of a content.
    pub const fn new(encoding: Encoding) -> Self {
        Self { encoding, bits: 0, digits: 0, padded: false, held: Vec::new() }
    }

    /// Decodes the next piece; bytes that depend on what follows come with the next one.
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        match self.encoding {
            Encoding::Identity => piece.to_vec(),
            Encoding::Base64 => self.base64(piece),
            Encoding::QuotedPrintable => self.quoted_printable(piece),
        }
    }

    /// What is left at the end of the content: the bytes of a base64 text that was cut off, an unfinished escape.
    pub fn finish(&mut self) -> Vec<u8> {
        let bits = std::mem::take(&mut self.bits).to_be_bytes();
        let left = match std::mem::take(&mut self.digits) {
            2 => (u32::from_be_bytes(bits) >> 4).to_be_bytes().get(3..).unwrap_or_default().to_vec(),
            3 => (u32::from_be_bytes(bits) >> 2).to_be_bytes().get(2..).unwrap_or_default().to_vec(),
            _ => Vec::new(),
        };
        let mut held = std::mem::take(&mut self.held);
        if held.iter().all(|b| matches!(b, b' ' | b'\t')) || held == b"=" {
            held.clear();
        }
        held.extend(left);
        held
    }

    fn base64(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(piece.len() / 4 * 3 + 3);
        for byte in piece {
            if self.padded {
                break;
            }
            let digit = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' if self.digits >= 2 => {
                    out.extend(self.finish());
                    self.padded = true;
                    continue;
                }
                _ => continue,
            };
            self.bits = self.bits << 6 | u32::from(digit);
            self.digits += 1;
            if self.digits == 4 {
                out.extend_from_slice(self.bits.to_be_bytes().get(1..).unwrap_or_default());
                self.bits = 0;
                self.digits = 0;
            }
        }
        out
    }

    fn quoted_printable(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(piece.len());
        for &byte in piece {
            self.quoted_byte(byte, &mut out);
        }
        out
    }

    fn quoted_byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        match (self.held.as_slice(), byte) {
            ([], b'=' | b' ' | b'\t') => self.held.push(byte),
            ([], _) => out.push(byte),
            // White space at the end of a line was added on the way.
            ([b' ' | b'\t', ..], b' ' | b'\t') if self.held.len() < 1_000 => self.held.push(byte),
            ([b' ' | b'\t', ..], b'\r' | b'\n') => {
                self.held.clear();
                out.push(byte);
            }
            ([b' ' | b'\t', ..], _) => {
                out.append(&mut self.held);
                self.quoted_byte(byte, out);
            }
            // A soft line break, perhaps with white space before its end.
            ([b'=', ..], b'\n') => self.held.clear(),
            ([b'='] | [b'=', b' ' | b'\t', ..], b' ' | b'\t' | b'\r') if self.held.len() < 1_000 => {
                self.held.push(byte)
            }
            ([b'='], _) if byte.is_ascii_hexdigit() => self.held.push(byte),
            ([b'=', high], _) if high.is_ascii_hexdigit() && byte.is_ascii_hexdigit() => {
                out.push(hex(*high) << 4 | hex(byte));
                self.held.clear();
            }
            _ => {
                out.append(&mut self.held);
                self.quoted_byte(byte, out);
            }
        }
    }
}

const fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A').wrapping_add(10) & 15,
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn contents_are_decoded_as_far_as_they_can_be() {
        use Encoding::{Base64, Identity, QuotedPrintable};
        for (encoding, encoded, decoded) in [
            (Base64, &b"SGFs\r\nbG8="[..], &b"Hallo"[..]),
            (Base64, b"SGFsbG8", b"Hallo"),
            (Base64, b"SGFsbG8=\r\n-- \r\nlist footer", b"Hallo"),
            (Base64, b"SGF*sbG8=", b"Hallo"),
            (Base64, b"S", b""),
            (QuotedPrintable, b"Gr=C3=BC=c3=9fe", "Grüße".as_bytes()),
            (QuotedPrintable, b"a=\r\nb=\nc= \t\r\nd", b"abcd"),
            (QuotedPrintable, b"a  \r\nb \t", b"a\r\nb"),
            (QuotedPrintable, b"1=2 =ZZ =", b"1=2 =ZZ "),
            (QuotedPrintable, b"x==3D", b"x=="),
            (Identity, b"a=3D ", b"a=3D "),
        ] {
            assert_eq!(encoding.decode(encoded), decoded, "{}", String::from_utf8_lossy(encoded));
        }
    }

    proptest! {
        #[test]
        fn pieces_decode_as_the_whole(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..300, kind in 0..3) {
            let encoding = [Encoding::Identity, Encoding::Base64, Encoding::QuotedPrintable][kind as usize];
            let encoded = if encoding == Encoding::Base64 { STANDARD.encode(&bytes).into_bytes() } else { bytes.clone() };
            let (a, b) = encoded.split_at(cut.min(encoded.len()));
            let mut decoder = Decoder::new(encoding);
            let mut pieces = decoder.push(a);
            pieces.extend(decoder.push(b));
            pieces.extend(decoder.finish());
            prop_assert_eq!(&pieces, &encoding.decode(&encoded));
            if encoding == Encoding::Base64 {
                prop_assert_eq!(pieces, bytes);
            }
        }
    }
}
