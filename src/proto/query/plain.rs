//! `Cmd=Sync&User=...&DeviceId=...&DeviceType=...`

use percent_encoding::percent_decode;

use super::{Command, PARAMETERS, Query, text};

/// Reads name-value pairs in any order and letter case. The first of several pairs of one name counts, unknown names are skipped.
/// "+" stays what it is: the values are percent-encoded, not form-encoded.
pub(super) fn parse(query: &[u8]) -> Query {
    let mut found = Query::default();
    let mut seen: Vec<&'static str> = Vec::new();
    for pair in query.split(|b| *b == b'&') {
        let mut halves = pair.splitn(2, |b| *b == b'=');
        let name = decode(halves.next().unwrap_or_default());
        let value = decode(halves.next().unwrap_or_default());
        if let Some(parameter) = PARAMETERS.into_iter().find(|p| p.eq_ignore_ascii_case(&name)) {
            found.keep(parameter, value);
            continue;
        }
        let known = ["cmd", "user", "deviceid", "devicetype", "saveinsent"];
        let Some(field) = known.into_iter().find(|k| k.eq_ignore_ascii_case(&name)) else { continue };
        if seen.contains(&field) {
            continue;
        }
        seen.push(field);
        match field {
            "cmd" => {
                found.command = Command::parse(&value);
                found.command_name = value;
            }
            "user" => found.user = value,
            "deviceid" => found.device_id = value,
            "devicetype" => found.device_type = value,
            _ => found.save_in_sent = value.eq_ignore_ascii_case("T"),
        }
    }
    found
}

fn decode(bytes: &[u8]) -> String {
    text(&percent_decode(bytes).collect::<Vec<u8>>())
}
