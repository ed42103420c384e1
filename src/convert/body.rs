//! The form in which a phone gets bodies: the one an item has if the phone asks for it, else another that it asks for.

use super::html;
use crate::{
    proto::class::{Body, BodyKind, Properties, Value, View},
    wbxml::tag::{air_sync_base::BODY, calendar::EXCEPTIONS},
};

/// Brings the bodies of an item, and those of its exceptions, into the form that the view asks for. Without any preference, and up to 2.5,
/// that is plain text.
pub fn fit(item: &mut Properties, view: &View) {
    if let Some(Value::Body(body)) = item.0.get_mut(&BODY) {
        fit_body(body, view);
    }
    if let Some(Value::Groups(exceptions)) = item.0.get_mut(&EXCEPTIONS) {
        exceptions.iter_mut().for_each(|exception| fit(exception, view));
    }
}

fn fit_body(body: &mut Body, view: &View) {
    let asked =
        |kind| view.version.traits().air_sync_base && view.bodies.iter().any(|preference| preference.kind == kind);
    match body.kind {
        BodyKind::Plain if asked(BodyKind::Html) && !asked(BodyKind::Plain) => {
            *body = Body { kind: BodyKind::Html, data: html::of_plain(&body.data) };
        }
        BodyKind::Html if !asked(BodyKind::Html) => {
            let data = html::plain(&body.data).replace('\n', "\r\n");
            *body = Body { kind: BodyKind::Plain, data };
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{Version, class::BodyPreference};

    fn fitted(kind: BodyKind, data: &str, version: Version, asked: &[BodyKind]) -> Body {
        let preference = |kind: &BodyKind| BodyPreference { kind: *kind, ..BodyPreference::default() };
        let view = View { bodies: asked.iter().map(preference).collect(), ..View::plain(version) };
        let body = Value::Body(Body { kind, data: data.to_owned() });
        let exception = Properties([(BODY, body.clone())].into());
        let mut item = Properties([(BODY, body), (EXCEPTIONS, Value::Groups(vec![exception]))].into());
        fit(&mut item, &view);
        let Some(Value::Body(body)) = item.0.get(&BODY) else { unreachable!() };
        assert_eq!(item.groups(EXCEPTIONS)[0].0.get(&BODY), item.0.get(&BODY));
        body.clone()
    }

    #[test]
    fn phones_get_the_form_that_they_ask_for() {
        use BodyKind::{Html, Mime, Plain};
        for (kind, asked, version, got) in [
            (Plain, &[][..], Version::V14_1, Plain),
            (Plain, &[Html][..], Version::V14_1, Html),
            (Plain, &[Html, Plain][..], Version::V14_1, Plain),
            (Plain, &[Mime][..], Version::V14_1, Plain),
            (Html, &[Html, Plain][..], Version::V14_1, Html),
            (Html, &[Plain][..], Version::V14_1, Plain),
            (Html, &[][..], Version::V14_1, Plain),
            (Html, &[Html][..], Version::V2_5, Plain),
        ] {
            let data = if kind == Plain { "a < b\r\nc" } else { "a &lt; b<br>\r\nc" };
            let wanted = if got == Plain { "a < b\r\nc" } else { "a &lt; b<br>\r\nc" };
            assert_eq!(fitted(kind, data, version, asked), Body { kind: got, data: wanted.to_owned() }, "{asked:?}");
        }
    }
}
