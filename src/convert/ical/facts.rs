//! What an event says besides its times: texts, place, privacy, status and alarm.

use calcard::icalendar::{
    ICalendarAction, ICalendarClassification, ICalendarComponent, ICalendarComponentType, ICalendarDuration,
    ICalendarParameterName, ICalendarParameterValue, ICalendarProperty, ICalendarRelated, ICalendarStatus,
    ICalendarTransparency, ICalendarValue,
};
use jiff::{SignedDuration, Timestamp};

use super::{Home, lines::Lines, people, source, times::Zones};
use crate::{
    convert::html,
    proto::class::{Body, BodyKind, Properties, Value},
    wbxml::tag::{air_sync_base as b, calendar as c},
};

/// BusyStatus by the values of X-MICROSOFT-CDO-BUSYSTATUS.
const BUSY: [(&str, &str); 5] =
    [("0", "FREE"), ("1", "TENTATIVE"), ("2", "BUSY"), ("3", "OOF"), ("4", "WORKINGELSEWHERE")];
/// Sensitivity by the values of CLASS; the first of a class is what it is read as.
const CLASSES: [(&str, &str); 4] = [("0", "PUBLIC"), ("2", "PRIVATE"), ("3", "CONFIDENTIAL"), ("1", "PRIVATE")];

/// Most characters of a title that Horde can store.
const TITLE: usize = 255;

/// Sets all of it.
pub(super) fn read(component: &ICalendarComponent, mailed: bool, home: &Home, item: &mut Properties) {
    let line = |name| source::property(component, name).and_then(|text| source::line(&text)).unwrap_or_default();
    item.set_text(c::SUBJECT, line(&ICalendarProperty::Summary));
    if let Some(body) = body(component) {
        item.0.insert(b::BODY, Value::Body(body));
    }
    let place = place(component, line(&ICalendarProperty::Location));
    if !place.0.is_empty() {
        item.0.insert(b::LOCATION, Value::Group(place));
    }
    let categories = component.properties(&ICalendarProperty::Categories).flat_map(source::texts);
    let categories: Vec<String> = categories.filter_map(|text| source::line(&text)).collect();
    if !categories.is_empty() {
        item.0.insert(c::CATEGORIES, Value::List(categories));
    }
    let class = match component.property(&ICalendarProperty::Class).and_then(|entry| entry.values.first()) {
        Some(ICalendarValue::Classification(ICalendarClassification::Private)) => "2",
        Some(ICalendarValue::Classification(ICalendarClassification::Confidential)) => "3",
        _ => "0",
    };
    item.set_text(c::SENSITIVITY, class);
    item.set_text(c::BUSY_STATUS, busy(component));
    let cancelled = component.status() == Some(&ICalendarStatus::Cancelled);
    people::read(component, cancelled, mailed, home, item);
    let link = || source::extension(component, "X-GOOGLE-CONFERENCE");
    let link = source::property(component, &ICalendarProperty::Conference).or_else(link);
    item.set_text(c::ONLINE_MEETING_EXTERNAL_LINK, link.and_then(|link| source::line(&link)).unwrap_or_default());
    if source::extension(component, "X-MICROSOFT-DISALLOW-COUNTER").is_some_and(|yes| yes.eq_ignore_ascii_case("TRUE"))
    {
        item.set_text(c::DISALLOW_NEW_TIME_PROPOSAL, "1");
    }
}

fn body(component: &ICalendarComponent) -> Option<Body> {
    let plain = |text: String| source::cleaned(&text).map(|data| Body { kind: BodyKind::Plain, data: crlf(&data) });
    let html = || source::extension(component, "X-ALT-DESC").map(|text| html::plain(&text));
    source::property(component, &ICalendarProperty::Description).and_then(plain).or_else(|| html().and_then(plain))
}

/// The text with CRLF line ends.
fn crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n")
}

fn place(component: &ICalendarComponent, name: String) -> Properties {
    let mut place = Properties::default();
    place.set_text(b::DISPLAY_NAME, name);
    if let Some(entry) = component.property(&ICalendarProperty::Geo)
        && let [ICalendarValue::Float(latitude), ICalendarValue::Float(longitude)] = entry.values.as_slice()
        && latitude.abs() <= 90.0
        && longitude.abs() <= 180.0
    {
        place.set_text(b::LATITUDE, latitude.to_string());
        place.set_text(b::LONGITUDE, longitude.to_string());
    }
    place
}

fn busy(component: &ICalendarComponent) -> &'static str {
    let said = source::extension(component, "X-MICROSOFT-CDO-BUSYSTATUS");
    let said = said.and_then(|said| BUSY.iter().find(|(_, name)| name.eq_ignore_ascii_case(said.trim())));
    if let Some((number, _)) = said {
        return number;
    }
    // Horde's word for an event that does not make its owner busy.
    let free = source::property(component, &ICalendarProperty::Status).is_some_and(|s| s.eq_ignore_ascii_case("FREE"));
    match component.status() {
        _ if free || component.transparency() == Some(&ICalendarTransparency::Transparent) => "0",
        Some(ICalendarStatus::Tentative) => "1",
        _ => "2",
    }
}

/// Minutes from the first alarm to the start; none when it comes after it.
pub(super) fn reminder(
    component: &ICalendarComponent,
    all: &[ICalendarComponent],
    zones: &Zones<'_>,
    (start, end): (Timestamp, Timestamp),
) -> Option<i32> {
    let children = component.component_ids.iter().filter_map(|id| all.get(usize::try_from(*id).ok()?));
    let alarms = children.filter(|child| child.component_type == ICalendarComponentType::VAlarm);
    let minutes = |alarm: &ICalendarComponent| {
        let action = alarm.property(&ICalendarProperty::Action).and_then(|entry| entry.values.first());
        let none = matches!(action, Some(ICalendarValue::Text(text)) if text.eq_ignore_ascii_case("NONE"))
            || matches!(action, Some(ICalendarValue::Action(ICalendarAction::Procedure)));
        let trigger = alarm.property(&ICalendarProperty::Trigger).filter(|_| !none)?;
        let at = match trigger.values.first()? {
            ICalendarValue::Duration(duration) => {
                let related = trigger.parameter(&ICalendarParameterName::Related);
                let end_of = matches!(related, Some(ICalendarParameterValue::Related(ICalendarRelated::End)));
                (if end_of { end } else { start }).checked_add(signed(duration)?).ok()?
            }
            _ => zones.all(trigger).first().and_then(|when| zones.instant(when))?,
        };
        let before = start.duration_since(at);
        (!before.is_negative()).then(|| i32::try_from(before.as_mins()).ok())?
    };
    alarms.filter_map(minutes).next()
}

/// The duration; days have 24 hours.
pub(super) fn signed(duration: &ICalendarDuration) -> Option<SignedDuration> {
    let days = i64::from(duration.weeks) * 7 + i64::from(duration.days);
    let seconds = i64::from(duration.hours) * 3600 + i64::from(duration.minutes) * 60 + i64::from(duration.seconds);
    let seconds = days.checked_mul(86_400)?.checked_add(seconds)?;
    Some(SignedDuration::from_secs(if duration.neg { -seconds } else { seconds }))
}

/// Writes all of it. For Horde (no `method`) what is not there is written empty: it keeps what is not named.
pub(super) fn write(item: &Properties, home: &Home, method: Option<&str>, out: &mut Lines) {
    let horde = method.is_none();
    let title = item.text(c::SUBJECT).unwrap_or_default().chars();
    let title: String = title.take(if horde { TITLE } else { usize::MAX }).collect();
    out.text_or("SUMMARY", &title, horde);
    match item.0.get(&b::BODY) {
        Some(Value::Body(body)) if matches!(body.kind, BodyKind::Plain) => {
            out.text_or("DESCRIPTION", &body.data, horde)
        }
        Some(Value::Body(body)) if matches!(body.kind, BodyKind::Html) => {
            out.text_or("DESCRIPTION", &html::plain(&body.data), horde);
            out.text_or("X-ALT-DESC;FMTTYPE=text/html", &body.data, false);
        }
        // Who cannot read it does not replace it.
        Some(Value::Body(_)) => {}
        _ => out.text_or("DESCRIPTION", "", horde),
    }
    let nowhere = Properties::default();
    let place = item.group(b::LOCATION).unwrap_or(&nowhere);
    out.text_or("LOCATION", &place_name(place), horde);
    let degrees = |tag, most: f64| place.text(tag)?.parse::<f64>().ok().filter(|degrees| degrees.abs() <= most);
    if let (Some(latitude), Some(longitude)) = (degrees(b::LATITUDE, 90.0), degrees(b::LONGITUDE, 180.0)) {
        out.line("GEO", &format!("{latitude};{longitude}"));
    }
    let categories = match item.0.get(&c::CATEGORIES) {
        Some(Value::List(categories)) => categories.as_slice(),
        _ => &[],
    };
    let categories: Vec<String> = categories.iter().map(|category| super::lines::escaped(category)).collect();
    if horde || !categories.is_empty() {
        out.line("CATEGORIES", &categories.join(","));
    }
    let sensitivity = item.text(c::SENSITIVITY).unwrap_or("0");
    out.line("CLASS", CLASSES.iter().find(|(number, _)| *number == sensitivity).map_or("PUBLIC", |(_, class)| class));
    write_status(item, horde, out);
    people::write(item, home, method, out);
    let link = item.text(c::ONLINE_MEETING_EXTERNAL_LINK).and_then(source::line);
    if let Some(link) = link {
        out.line("CONFERENCE;VALUE=URI", &link);
    }
    if item.text(c::DISALLOW_NEW_TIME_PROPOSAL) == Some("1") {
        out.line("X-MICROSOFT-DISALLOW-COUNTER", "TRUE");
    }
}

fn write_status(item: &Properties, horde: bool, out: &mut Lines) {
    let busy = item.text(c::BUSY_STATUS).unwrap_or("2");
    let status = match busy {
        _ if people::status(item) & people::CANCELLED != 0 => "CANCELLED",
        // No standard has it, but it is the only thing that Horde keeps of it.
        "0" if horde => "FREE",
        "1" => "TENTATIVE",
        _ => "CONFIRMED",
    };
    out.line("STATUS", status);
    out.line("TRANSP", if busy == "0" { "TRANSPARENT" } else { "OPAQUE" });
    if let Some((_, name)) = BUSY.iter().find(|(number, _)| *number == busy) {
        out.line("X-MICROSOFT-CDO-BUSYSTATUS", name);
    }
}

/// The name of a place; made of its address when it has none.
fn place_name(place: &Properties) -> String {
    let text = |tag| place.text(tag).map(str::trim).filter(|text| !text.is_empty());
    let address = [b::STREET, b::POSTAL_CODE, b::CITY, b::STATE, b::COUNTRY].into_iter().filter_map(text);
    text(b::DISPLAY_NAME).map_or_else(|| address.collect::<Vec<_>>().join(", "), str::to_owned)
}

/// Writes the alarm.
pub(super) fn write_reminder(item: &Properties, out: &mut Lines) {
    let Some(minutes) = item.text(c::REMINDER).and_then(|text| text.parse::<u32>().ok()) else { return };
    out.line("BEGIN", "VALARM");
    out.line("ACTION", "DISPLAY");
    out.text("DESCRIPTION", item.text(c::SUBJECT).unwrap_or("-"));
    out.line("TRIGGER;VALUE=DURATION", &format!("-PT{minutes}M"));
    out.line("END", "VALARM");
}
