//! A message as an item of the Email class.

use bytes::Bytes;

use crate::{
    convert::{
        ical::Home,
        meeting,
        mime::{Message, address, attachment, fit},
    },
    proto::class::{Properties, Value, View},
    wbxml::tag::{air_sync_base as b, email as e, email2 as e2},
};

/// What is known of a message.
#[derive(Debug, Default)]
pub(super) struct Material {
    /// What its attachments are called by.
    pub(super) reference: String,
    /// When it came, seconds since 1970.
    pub(super) received: i64,
    /// It lies where drafts do.
    pub(super) draft: bool,
    /// Its first bytes, and how many it has.
    pub(super) raw: Option<(Bytes, u64)>,
    /// What was made of its parts; `None`: the bytes are all of it.
    pub(super) message: Option<Message>,
}

/// The item, but for its flags.
pub(super) fn item(material: Material, view: &View, home: Option<&Home>) -> Properties {
    let Material { reference, received, draft, raw, message } = material;
    let message = message.unwrap_or_else(|| Message::parse(raw.as_ref().map(|(raw, _)| &raw[..]).unwrap_or_default()));
    let mut item = message.item(received);
    let raw = raw.as_ref().map(|(bytes, size)| fit::Raw { bytes, size: *size });
    item.0.insert(b::BODY, Value::Content(fit::body(&message, view, raw)));
    if let Some(preference) = view.body_parts.first() {
        item.0.insert(b::BODY_PART, Value::Content(fit::body_part(&message, preference)));
    }
    if let Some(groups) = attachment::groups(&message.attachments(), &reference) {
        item.0.insert(b::ATTACHMENTS, groups);
    }
    if let Some((method, text)) = message.calendar()
        && let Some(request) = home.and_then(|home| meeting::request(text, Some(&method), home))
    {
        item.0.insert(e::MEETING_REQUEST, Value::Group(request));
    }
    if draft {
        item.set_text(e2::IS_DRAFT, "1");
        item.set_text(e2::BCC, address::shown(&message.addresses("bcc"), ", "));
    }
    item
}

/// Whether a message may have a meeting in it.
pub(super) fn may_invite(material: &Material) -> bool {
    const CALENDAR: &[u8] = b"text/calendar";
    match (&material.message, &material.raw) {
        (Some(message), _) => message.calendar().is_some(),
        (None, Some((raw, _))) => raw.windows(CALENDAR.len()).any(|text| text.eq_ignore_ascii_case(CALENDAR)),
        (None, None) => false,
    }
}

/// A time as the Email class writes it; what is no time is the beginning of 1970.
pub(super) fn dashed(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}
