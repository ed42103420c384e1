//! What of an item can change after it was made. A mail never changes but for what its readers put on it.

use std::borrow::Cow;

use super::{Class, Properties};
use crate::wbxml::{
    Tag,
    tag::{email as e, email2 as e2},
};

/// What readers put on a mail.
const OF_MAIL: [Tag; 5] = [e::READ, e::FLAG, e::CATEGORIES, e2::LAST_VERB_EXECUTED, e2::LAST_VERB_EXECUTION_TIME];

/// Whether the items of a class never change but for what [`volatile`] leaves of them.
pub fn is_lasting(class: Class) -> bool {
    class == Class::Email
}

/// What of an item can change; all of it in most classes.
pub fn volatile(class: Class, item: &Properties) -> Cow<'_, Properties> {
    if !is_lasting(class) {
        return Cow::Borrowed(item);
    }
    let kept = item.0.iter().filter(|(tag, _)| OF_MAIL.contains(tag));
    Cow::Owned(Properties(kept.map(|(tag, value)| (*tag, value.clone())).collect()))
}
