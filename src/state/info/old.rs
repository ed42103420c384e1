//! The form in which Horde's file state driver of 2010 wrote its info files: a PHP-serialized array or `stdClass`.

use super::{
    Info, WipeStatus,
    field::{PHP_PREFIX, quoted},
    line::misspelt,
};
use crate::state::php::{self, Value};

/// Whether the file has that form.
pub(super) fn is_php(bytes: &[u8]) -> bool {
    let bytes = bytes.trim_ascii_start();
    let digit = |b: Option<&u8>| b.is_some_and(u8::is_ascii_digit);
    (bytes.starts_with(b"a:") || bytes.starts_with(b"O:")) && digit(bytes.get(2))
}

/// Reads it. All spellings of the keys that the driver ever used are known; other fields are kept.
pub(super) fn read(bytes: &[u8]) -> Result<Info, String> {
    let value = php::unserialize(bytes.trim_ascii()).map_err(|e| format!("PHP-serialized, but damaged: {e}"))?;
    let fields = value.entries().ok_or("PHP-serialized, but neither an array nor an object")?;
    let mut info = Info::default();
    for (key, value) in fields {
        let name = key.text().unwrap_or_default();
        let text = value.text().unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "policykey" => info.policy_key = policy_key(value)?,
            "rwstatus" => info.wipe = wipe(value)?,
            "useragent" | "agent" => {
                if info.user_agent.is_empty() {
                    info.user_agent = text;
                }
            }
            "devicetype" => info.device_type = text,
            "user" => info.user = text,
            "id" => info.id = text,
            _ => {
                if let Some(reason) = misspelt(&name) {
                    return Err(reason);
                }
                let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
                let name: String =
                    name.chars().map(|c| if u8::try_from(c).is_ok_and(plain) { c } else { '_' }).collect();
                info.unknown
                    .insert(format!("{PHP_PREFIX}{}", name.chars().take(50).collect::<String>()), literal(value));
            }
        }
    }
    Ok(info)
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Null | Value::Bool(false) => Some(0),
        Value::Bool(true) => Some(1),
        Value::Int(n) => u64::try_from(*n).ok(),
        Value::Text(text) if text.trim_ascii().is_empty() => Some(0),
        Value::Text(text) => std::str::from_utf8(text).ok()?.trim().parse().ok(),
        _ => None,
    }
}

fn policy_key(value: &Value) -> Result<u32, String> {
    let number = number(value).ok_or("policykey is not a number")?;
    // The driver drew keys of up to ten digits; those that no phone can send are as good as none.
    Ok(u32::try_from(number).unwrap_or(0))
}

fn wipe(value: &Value) -> Result<WipeStatus, String> {
    match number(value) {
        Some(0) => Ok(WipeStatus::None),
        Some(1) => Ok(WipeStatus::Ok),
        Some(2) => Ok(WipeStatus::Pending),
        Some(3) => Ok(WipeStatus::Wiped),
        _ => Err("rwstatus must be 0, 1, 2 or 3".to_owned()),
    }
}

/// A value as it is kept: numbers and flags plain, everything else as a quoted text.
fn literal(value: &Value) -> String {
    match value {
        Value::Int(n) => n.to_string(),
        Value::Bool(b) => b.to_string(),
        other => quoted(&other.text().unwrap_or_else(|| other.to_string())),
    }
}

/// `rwstatus` of a file that is damaged elsewhere (a hand edit that did not mind the lengths of strings).
pub(super) fn salvage(bytes: &[u8]) -> WipeStatus {
    if !is_php(bytes) {
        return WipeStatus::None;
    }
    let mark = b"\"rwstatus\";";
    let mut found = WipeStatus::None;
    for (at, _) in bytes.windows(mark.len()).enumerate().filter(|(_, window)| window.eq_ignore_ascii_case(mark)) {
        let rest = bytes.get(at + mark.len()..).unwrap_or_default();
        if let Some(status) = php::first(rest).ok().and_then(|value| wipe(&value).ok()) {
            found = super::sheet::stronger(found, status);
        }
    }
    found
}
