//! What phones make of simple values, brought into one form.

use jiff::{
    SignedDuration,
    civil::{Date, DateTime},
    tz::TimeZone,
};

/// Largest picture on the wire, bytes of base64 (MS-ASCNTC 2.2.2.56: 48 KB).
pub(super) const PICTURE: usize = 48 * 1024;

/// Most children of a list (MS-ASCNTC 2.2.2.17, 2.2.2.19: 300).
pub(super) const CHILDREN: usize = 300;

/// Half a day, less the moment that would take noon to the next day.
const TO_NOON: SignedDuration = SignedDuration::from_millis(12 * 3_600_000 - 1);

/// At most `limit` bytes of `text`, cut at a character boundary and not between CR and LF.
pub(in crate::proto) fn cut(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let (head, tail) = text.split_at(end);
    if tail.starts_with('\n') { head.strip_suffix('\r').unwrap_or(head) } else { head }
}

/// The address in `"Name" <address>`; anything else as it is.
pub(super) fn address(text: &str) -> &str {
    let text = text.trim();
    match text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        Some((_, address)) => address.trim(),
        None => text,
    }
}

/// A date in any of the forms phones send: dashed or compact, with or without time, fraction, Z or offset.
fn any_date(text: &str) -> Option<DateTime> {
    let text = text.trim();
    let utc = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let civil = || utc.parse::<DateTime>().ok();
    let offset = || Some(text.parse::<jiff::Timestamp>().ok()?.to_zoned(TimeZone::UTC).datetime());
    civil().or_else(offset)
}

/// The day of a birthday as `1980-02-29T00:00:00.000Z`. Phones send midnight or noon in UTC, or local midnight expressed in UTC:
/// the nearest midnight is meant. Noon itself belongs to the day it is on (some phones send noon so that no time zone shifts it).
pub(super) fn day(text: &str) -> Option<String> {
    Some(nearest_midnight(any_date(text)?)?.strftime("%Y-%m-%dT00:00:00.000Z").to_string())
}

/// The day whose beginning is nearest.
pub(super) fn nearest_midnight(civil: DateTime) -> Option<Date> {
    let nearest = civil.checked_add(TO_NOON).ok()?;
    (0..=9999).contains(&nearest.year()).then(|| nearest.date())
}

/// A moment in any form as `20250330T013000Z`.
pub(in crate::proto) fn compact(text: &str) -> Option<String> {
    written(text, "%Y%m%dT%H%M%SZ")
}

/// A moment in any form as `2025-03-30T01:30:00.000Z`.
pub(in crate::proto) fn dashed(text: &str) -> Option<String> {
    written(text, "%Y-%m-%dT%H:%M:%S.000Z")
}

fn written(text: &str, form: &str) -> Option<String> {
    let moment = any_date(text)?;
    (0..=9999).contains(&moment.year()).then(|| moment.strftime(form).to_string())
}

/// The date and time in a property of either form, without zone.
pub(super) fn civil(text: &str) -> Option<DateTime> {
    any_date(text).filter(|moment| (0..=9999).contains(&moment.year()))
}

/// Text with CRLF line ends, whichever it had.
pub(super) fn crlf(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                chars.next_if_eq(&'\n');
                out.push_str("\r\n");
            }
            '\n' => out.push_str("\r\n"),
            c => out.push(c),
        }
    }
    out
}
