//! Which protocol version a request speaks.

use crate::{
    gateway::Headers,
    proto::{Query, Version},
};

/// Version of a request: that of a base64 query, else that of the header, else 2.5. A version that is not known is answered as the
/// next older one: a phone that says 14.2 knows 14.1.
///
/// # Errors
/// The HTTP status that says why there is none: 505 for what is older than all versions, 400 for what is no version.
pub(super) fn version(query: &Query, headers: &Headers) -> Result<Version, u16> {
    if let Some(version) = query.version {
        return Ok(version);
    }
    let Some(header) = headers.get("ms-asprotocolversion").map(<[u8]>::trim_ascii).filter(|h| !h.is_empty()) else {
        return Ok(Version::V2_5);
    };
    let asked = std::str::from_utf8(header).ok().and_then(number).ok_or(400_u16)?;
    let older = Version::ALL.into_iter().filter(|v| number(v.name()).is_some_and(|n| n <= asked));
    older.max().ok_or(505)
}

/// "14.1" as (14, 1).
fn number(text: &str) -> Option<(u16, u16)> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    if digits(whole) && digits(part) { Some((whole.parse().ok()?, part.parse().ok()?)) } else { None }
}

/// "2.5,12.0", as in MS-ASProtocolVersions and X-MS-RP.
pub(super) fn list(versions: &[Version]) -> String {
    versions.iter().map(|v| v.name()).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_query() {
        for (header, expected) in [
            ("14.1", Ok(Version::V14_1)),
            (" 12.0 ", Ok(Version::V12_0)),
            ("", Ok(Version::V2_5)),
            ("14.2", Ok(Version::V14_1)),
            ("15", Ok(Version::V14_1)),
            ("17.0", Ok(Version::V16_1)),
            ("2.5", Ok(Version::V2_5)),
            ("2.1", Err(505)),
            ("1.0", Err(505)),
            ("abc", Err(400)),
            ("14.", Err(400)),
            ("99999999.1", Err(400)),
            ("14.1,16.0", Err(400)),
        ] {
            let mut headers = Headers::default();
            headers.add("MS-ASProtocolVersion", header);
            assert_eq!(version(&Query::default(), &headers), expected, "{header:?}");
            let base64 = Query { version: Some(Version::V16_0), ..Query::default() };
            assert_eq!(version(&base64, &headers), Ok(Version::V16_0));
        }
        assert_eq!(version(&Query::default(), &Headers::default()), Ok(Version::V2_5));
    }
}
