//! Calendars of others, and two writers.

use horde_eas::{
    horde::Login,
    proto::class::{Patch, Scope},
    source::{Error, Shared, Source, kronolith::Kronolith},
    wbxml::tag::calendar as c,
};
use serde_json::json;

use crate::site::*;

pub(crate) async fn admin() -> Site {
    let pair = std::env::var("HORDE_EAS_LAB_ADMIN").unwrap_or_else(|_| "admin:admin-secret".into());
    let (user, password) = pair.split_once(':').expect("name:password");
    Site::with(Login { user: user.into(), password: password.to_owned().into() }, "").await
}

#[tokio::test]
async fn trouble_is_told_apart() {
    let (owner, guest) = (Site::new("").await, Site::new("").await);
    let uid = owner.add(&event("Mine")).await;
    let phone = guest.phone();
    let patch = Patch { set: item([text(c::SUBJECT, "x")]), clear: vec![] };
    for gone in [owner.calendar.as_str(), "no-such-calendar"] {
        assert_eq!(phone.list(gone, Scope::All).await, Err(Error::ContainerGone));
        assert_eq!(phone.look(gone, Scope::All).await, Err(Error::ContainerGone));
        assert_eq!(phone.changes(gone, 1, 2).await, Err(Error::ContainerGone));
        assert_eq!(phone.fetch(gone, std::slice::from_ref(&uid), &[]).await, Err(Error::ContainerGone));
        assert_eq!(phone.add(gone, &wish(), &event("x")).await, Err(Error::ContainerGone));
        assert_eq!(phone.change(gone, &uid, &patch).await, Err(Error::ContainerGone));
        assert_eq!(phone.delete(gone, &uid).await, Err(Error::ContainerGone));
    }
    let params = json!(["kronolith", owner.calendar, guest.login.user, ["show", "read"]]);
    admin().await.web("horde.addUserPermissions", params).await;
    let shared = phone.containers().await.unwrap().into_iter().find(|c| c.id == owner.calendar).unwrap();
    assert!(!shared.writable && !shared.default, "{shared:?}");
    assert_eq!(phone.list(&shared.id, Scope::All).await.unwrap(), [uid.as_str()]);
    assert_eq!(phone.add(&shared.id, &wish(), &event("x")).await, Err(Error::Denied));
    assert_eq!(phone.change(&shared.id, &uid, &patch).await, Err(Error::Denied));
    assert_eq!(phone.delete(&shared.id, &uid).await, Err(Error::Denied));
    assert!(owner.text(&uid).await.contains("SUMMARY:Mine"));

    let wrong = Login { password: "certainly-wrong".to_owned().into(), ..guest.login.clone() };
    let beside = guest.store.beside(&guest.login.user, "calendar").unwrap();
    let phone = Kronolith::new(guest.horde.session(&wrong), beside, &Shared::new());
    assert_eq!(phone.containers().await, Err(Error::Unauthorized));
    assert_eq!(phone.list("x", Scope::All).await, Err(Error::Unauthorized));
}

/// The same meeting in the calendar of its organizer and in one's own: what is done to the one must not happen to the other.
#[tokio::test]
async fn an_event_in_two_calendars() {
    let (owner, guest) = (Site::new("").await, Site::new("").await);
    let uid = owner.add(&event("Meeting")).await;
    let params = json!(["kronolith", owner.calendar, guest.login.user, ["show", "read", "edit", "delete"]]);
    admin().await.web("horde.addUserPermissions", params).await;
    let phone = guest.phone();
    assert_eq!(phone.add(&guest.calendar, &uid, &event("Copy")).await.unwrap(), uid);
    let patch = Patch { set: item([text(c::SUBJECT, "Changed")]), clear: vec![] };
    phone.change(&owner.calendar, &uid, &patch).await.unwrap();
    assert!(owner.text(&uid).await.contains("SUMMARY:Changed"));
    assert!(guest.text(&uid).await.contains("SUMMARY:Copy"));
    phone.delete(&owner.calendar, &uid).await.unwrap();
    assert_eq!(owner.phone().list(&owner.calendar, Scope::All).await.unwrap(), Vec::<String>::new());
    assert_eq!(phone.list(&guest.calendar, Scope::All).await.unwrap(), [uid.as_str()]);
}

#[tokio::test]
async fn two_writers_change_what_each_of_them_means() {
    let site = Site::new("").await;
    let uid = site.add(&event("Two")).await;
    let one = site.phone();
    let two = one.clone();
    let patch = |tag, value| Patch { set: item([text(tag, value)]), clear: vec![] };
    let (subject, reminder) = (patch(c::SUBJECT, "One"), patch(c::REMINDER, "20"));
    let (a, b) = tokio::join!(one.change(&site.calendar, &uid, &subject), two.change(&site.calendar, &uid, &reminder));
    assert_eq!((a, b), (Ok(()), Ok(())));
    let seen = site.read(&uid).await;
    assert_eq!((seen.text(c::SUBJECT), seen.text(c::REMINDER)), (Some("One"), Some("20")));
    let (a, b) = tokio::join!(one.delete(&site.calendar, &uid), two.delete(&site.calendar, &uid));
    assert!(a.is_ok() || b.is_ok(), "{a:?} {b:?}");
}
