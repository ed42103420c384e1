//! The settings of a policy document as a table (MS-ASPROV 2.2.2).

use crate::{
    proto::Version,
    wbxml::{Tag, tag::provision as p},
};

/// Which values a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// 0 or 1; written as such or as false and true in the configuration.
    Flag,
    /// A flag of which this server can only serve the value 0; why.
    Off(&'static str),
    /// A number of that range.
    Number(i64, i64),
    /// A number of that range, or "" for "not set".
    Limit(i64, i64),
    /// One of these numbers.
    Choice(&'static [i64]),
    /// Texts, each in an element of that tag.
    List(Tag),
}

/// One setting.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) tag: Tag,
    pub(super) since: Version,
    pub(super) kind: Kind,
    /// What is sent when the configuration says nothing: permits everything.
    pub(super) default: &'static str,
}

const fn row(tag: Tag, since: Version, kind: Kind, default: &'static str) -> Row {
    Row { tag, since, kind, default }
}

use Kind::{Choice, Flag, Limit, List, Number, Off};
use Version::{V12_0, V12_1};

/// Largest number of seconds, days or bytes.
const ANY: i64 = i32::MAX as i64;

/// All settings in the order in which they are sent.
pub(super) const TABLE: &[Row] = &[
    row(p::DEVICE_PASSWORD_ENABLED, V12_0, Flag, "0"),
    row(p::ALPHANUMERIC_DEVICE_PASSWORD_REQUIRED, V12_0, Flag, "0"),
    row(p::REQUIRE_STORAGE_CARD_ENCRYPTION, V12_1, Flag, "0"),
    row(p::PASSWORD_RECOVERY_ENABLED, V12_0, Off("this server keeps no recovery passwords"), "0"),
    row(p::ATTACHMENTS_ENABLED, V12_0, Flag, "1"),
    row(p::MIN_DEVICE_PASSWORD_LENGTH, V12_0, Limit(1, 16), ""),
    // Seconds; 9999 and more mean "never".
    row(p::MAX_INACTIVITY_TIME_DEVICE_LOCK, V12_0, Limit(1, ANY), ""),
    row(p::MAX_DEVICE_PASSWORD_FAILED_ATTEMPTS, V12_0, Limit(4, 16), ""),
    row(p::MAX_ATTACHMENT_SIZE, V12_0, Limit(0, ANY), ""),
    row(p::ALLOW_SIMPLE_DEVICE_PASSWORD, V12_0, Flag, "1"),
    // Days; 0 = never.
    row(p::DEVICE_PASSWORD_EXPIRATION, V12_0, Limit(0, 730), "0"),
    row(p::DEVICE_PASSWORD_HISTORY, V12_0, Number(0, 50), "0"),
    row(p::ALLOW_STORAGE_CARD, V12_1, Flag, "1"),
    row(p::ALLOW_CAMERA, V12_1, Flag, "1"),
    row(p::REQUIRE_DEVICE_ENCRYPTION, V12_1, Flag, "0"),
    row(p::ALLOW_UNSIGNED_APPLICATIONS, V12_1, Flag, "1"),
    row(p::ALLOW_UNSIGNED_INSTALLATION_PACKAGES, V12_1, Flag, "1"),
    row(p::MIN_DEVICE_PASSWORD_COMPLEX_CHARACTERS, V12_1, Number(1, 4), "1"),
    row(p::ALLOW_WI_FI, V12_1, Flag, "1"),
    row(p::ALLOW_TEXT_MESSAGING, V12_1, Flag, "1"),
    row(p::ALLOW_POPIMAP_EMAIL, V12_1, Flag, "1"),
    // 0 = off, 1 = hands-free only, 2 = on.
    row(p::ALLOW_BLUETOOTH, V12_1, Choice(&[0, 1, 2]), "2"),
    row(p::ALLOW_IR_DA, V12_1, Flag, "1"),
    row(p::REQUIRE_MANUAL_SYNC_WHEN_ROAMING, V12_1, Flag, "0"),
    row(p::ALLOW_DESKTOP_SYNC, V12_1, Flag, "1"),
    // 0 = everything, 4 = two weeks, 5 = one month, 6 = three months, 7 = six months.
    row(p::MAX_CALENDAR_AGE_FILTER, V12_1, Choice(&[0, 4, 5, 6, 7]), "0"),
    row(p::ALLOW_HTML_EMAIL, V12_1, Flag, "1"),
    // 0 = everything, 1 = a day, 2 = three days, 3 = a week, 4 = two weeks, 5 = a month.
    row(p::MAX_EMAIL_AGE_FILTER, V12_1, Choice(&[0, 1, 2, 3, 4, 5]), "0"),
    // -1 = whole, 0 = headers only.
    row(p::MAX_EMAIL_BODY_TRUNCATION_SIZE, V12_1, Number(-1, ANY), "-1"),
    row(p::MAX_EMAIL_HTML_BODY_TRUNCATION_SIZE, V12_1, Number(-1, ANY), "-1"),
    row(p::REQUIRE_SIGNED_SMIME_MESSAGES, V12_1, Flag, "0"),
    row(p::REQUIRE_ENCRYPTED_SMIME_MESSAGES, V12_1, Flag, "0"),
    // 0 = SHA-1, 1 = MD5.
    row(p::REQUIRE_SIGNED_SMIME_ALGORITHM, V12_1, Choice(&[0, 1]), "0"),
    // 0 = triple DES, 1 = DES, 2 = RC2 128 bit, 3 = RC2 64 bit, 4 = RC2 40 bit.
    row(p::REQUIRE_ENCRYPTION_SMIME_ALGORITHM, V12_1, Choice(&[0, 1, 2, 3, 4]), "0"),
    // 0 = no, 1 = stronger ones only, 2 = any.
    row(p::ALLOW_SMIME_ENCRYPTION_ALGORITHM_NEGOTIATION, V12_1, Choice(&[0, 1, 2]), "2"),
    row(p::ALLOW_SMIME_SOFT_CERTS, V12_1, Flag, "1"),
    row(p::ALLOW_BROWSER, V12_1, Flag, "1"),
    row(p::ALLOW_CONSUMER_EMAIL, V12_1, Flag, "1"),
    row(p::ALLOW_REMOTE_DESKTOP, V12_1, Flag, "1"),
    row(p::ALLOW_INTERNET_SHARING, V12_1, Flag, "1"),
    row(p::UNAPPROVED_IN_ROM_APPLICATION_LIST, V12_1, List(p::APPLICATION_NAME), ""),
    row(p::APPROVED_APPLICATION_LIST, V12_1, List(p::HASH), ""),
];
