//! Name-value pairs of FastCGI (specification 1.0, section 3.4). Names and values are bytes, not text.

/// Takes the pairs apart; `None` when the bytes end inside a pair.
pub fn read_pairs(mut bytes: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut pairs = Vec::new();
    while !bytes.is_empty() {
        let name = take_length(&mut bytes)?;
        let value = take_length(&mut bytes)?;
        pairs.push((take(&mut bytes, name)?, take(&mut bytes, value)?));
    }
    Some(pairs)
}

/// Appends a pair.
pub fn put_pair(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    for length in [name.len(), value.len()] {
        match u8::try_from(length) {
            Ok(short @ 0..0x80) => out.push(short),
            _ => out.extend_from_slice(&(u32::try_from(length).unwrap_or(u32::MAX) | 0x8000_0000).to_be_bytes()),
        }
    }
    out.extend_from_slice(name);
    out.extend_from_slice(value);
}

/// One byte, or four with the topmost bit set.
fn take_length(bytes: &mut &[u8]) -> Option<usize> {
    match *take(bytes, 1)? {
        [short @ 0..0x80] => Some(usize::from(short)),
        [high] => match *take(bytes, 3)? {
            [a, b, c] => usize::try_from(u32::from_be_bytes([high & 0x7f, a, b, c])).ok(),
            _ => None,
        },
        _ => None,
    }
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_at_the_border() {
        for length in [0, 1, 0x7f, 0x80, 0x100, 0x1_0000] {
            let (name, value) = (vec![b'n'; length], vec![b'v'; 0x1_0000 - length]);
            let mut bytes = Vec::new();
            put_pair(&mut bytes, &name, &value);
            assert_eq!(read_pairs(&bytes), Some(vec![(&name[..], &value[..])]));
            for cut in [1, bytes.len() / 2, bytes.len() - 1] {
                assert_eq!(read_pairs(&bytes[..cut]), None);
            }
        }
        assert_eq!(read_pairs(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), None);
    }

    proptest::proptest! {
        #[test]
        fn pairs_survive(pairs: Vec<(Vec<u8>, Vec<u8>)>) {
            let mut bytes = Vec::new();
            for (name, value) in &pairs {
                put_pair(&mut bytes, name, value);
            }
            let read = read_pairs(&bytes).unwrap();
            proptest::prop_assert!(read.iter().map(|(n, v)| (n.to_vec(), v.to_vec())).eq(pairs));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = read_pairs(&bytes);
        }
    }
}
