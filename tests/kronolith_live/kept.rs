//! What Horde has no place for.

use horde_eas::{
    proto::class::BodyKind,
    source::Source,
    wbxml::tag::{air_sync_base as b, calendar as c},
};

use crate::site::*;

#[tokio::test]
async fn what_is_kept_is_seen_until_the_web_side_changes_it() {
    let site = Site::new("Europe/Berlin").await;
    let made = with(
        &event("Kept"),
        [
            text(c::BUSY_STATUS, "3"),
            text(c::SENSITIVITY, "3"),
            text(c::REMINDER, "0"),
            body(BodyKind::Html, "<b>x</b>"),
            (
                b::LOCATION,
                horde_eas::proto::class::Value::Group(item([
                    text(b::DISPLAY_NAME, "Office"),
                    text(b::STREET, "Street 5"),
                    text(b::CITY, "Town"),
                ])),
            ),
        ],
    );
    let uid = site.add(&made).await;
    assert_eq!(site.read_like(&uid, &made).await, made, "{}", site.text(&uid).await);
    let span = ["DTSTART:20261201T080000Z", "DTEND:20261201T090000Z"];
    site.web_change(&uid, &[&span[..], &["DESCRIPTION:web", "LOCATION:Elsewhere"]].concat()).await;
    let seen = site.read(&uid).await;
    assert_eq!(seen.0.get(&b::BODY), Some(&body(BodyKind::Plain, "web").1));
    assert_eq!(seen.0.get(&b::LOCATION), Some(&place("Elsewhere").1));
    assert_eq!(seen.text(c::BUSY_STATUS), Some("3"));
    assert_eq!(seen.text(c::REMINDER), Some("0"));
    site.web_change(&uid, &[&span[..], &["STATUS:TENTATIVE"]].concat()).await;
    assert_eq!(site.read(&uid).await.text(c::BUSY_STATUS), Some("1"));
}

/// The other devices learn of it by Horde's history.
#[tokio::test]
async fn a_change_of_what_is_kept_alone_moves_the_history() {
    let site = Site::new("").await;
    let uid = site.add(&with(&event("History"), [text(c::BUSY_STATUS, "3")])).await;
    let phone = site.phone();
    let before = phone.cursor(&site.calendar).await.unwrap();
    site.change(&uid, item([text(c::BUSY_STATUS, "4")])).await;
    let now = phone.cursor(&site.calendar).await.unwrap();
    assert_eq!(phone.changes(&site.calendar, before, now).await.unwrap().modify, [uid.as_str()]);
    assert_eq!(site.read(&uid).await.text(c::BUSY_STATUS), Some("4"));
    // What is as it was is not written.
    site.change(&uid, item([text(c::BUSY_STATUS, "4"), text(c::SUBJECT, "History")])).await;
    assert_eq!(phone.cursor(&site.calendar).await.unwrap(), now);
}

#[tokio::test]
async fn long_texts_are_cut_for_horde_and_kept_whole() {
    let site = Site::new("").await;
    let made = with(
        &event(&"ü€😀".repeat(120)),
        [
            place(&"Ort ".repeat(200)),
            body(BodyKind::Plain, &"ü line\r\n".repeat(9_000)),
            categories(&[&"k".repeat(300)]),
        ],
    );
    let uid = site.add(&made).await;
    assert_eq!(site.read_like(&uid, &made).await, made);
    site.change(&uid, item([text(c::REMINDER, "5")])).await;
    let expected = with(&made, [text(c::REMINDER, "5")]);
    assert_eq!(site.read_like(&uid, &expected).await, expected);
}

#[tokio::test]
async fn an_invitation_of_somebody_else_stays_one() {
    let site = Site::new("").await;
    let made = with(
        &event("Invited"),
        [
            text(c::MEETING_STATUS, "3"),
            text(c::ORGANIZER_NAME, "Carla"),
            text(c::ORGANIZER_EMAIL, "carla@elsewhere.example"),
            text(c::RESPONSE_TYPE, "5"),
            attendees([attendee(&site.login.user, "5")]),
        ],
    );
    let uid = site.add(&made).await;
    assert_eq!(site.read_like(&uid, &made).await, made, "{}", site.text(&uid).await);
    let answer = [text(c::RESPONSE_TYPE, "3"), attendees([attendee(&site.login.user, "3")])];
    site.change(&uid, item(answer.clone())).await;
    assert_eq!(site.read_like(&uid, &made).await, with(&made, answer), "{}", site.text(&uid).await);
    assert!(site.text(&uid).await.contains("PARTSTAT=ACCEPTED"));
    site.clear(&uid, &[c::ATTENDEES]).await;
    assert!(!site.text(&uid).await.contains("ATTENDEE"), "{}", site.text(&uid).await);
    assert_eq!(site.read(&uid).await.text(c::ORGANIZER_NAME), Some("Carla"));
}
