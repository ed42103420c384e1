//! Protocol versions and what differs between them. Differences live in [`Traits`], not in comparisons spread over the code.

/// A version of the protocol, in order of age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Version {
    V2_5,
    V12_0,
    V12_1,
    V14_0,
    V14_1,
    V16_0,
    V16_1,
}

/// What differs between versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traits {
    /// As in `MS-ASProtocolVersion` ("14.1").
    pub name: &'static str,
    /// Byte 0 of a base64 query (141); 0 where base64 queries do not exist.
    pub code: u8,
    /// Value of the `MS-Server-ActiveSync` header that phones expect of a server of that age.
    pub server: &'static str,
    /// Refusals travel as a Status in the body (14.0+) instead of an HTTP status.
    pub status_in_body: bool,
    /// Bodies are AirSyncBase containers (12.0+) instead of elements of the class.
    pub air_sync_base: bool,
    /// The class is named in Sync's Collection (up to 12.1).
    pub class_in_collection: bool,
    /// Empty and partial Sync exist (12.1+).
    pub empty_sync: bool,
    /// Sync may wait for seconds (HeartbeatInterval, 14.0+).
    pub heartbeat_sync: bool,
    /// Policies are a WBXML document (12.0+) instead of WAP XML.
    pub policy_document: bool,
    /// The first Provision request must describe the device (14.1+).
    pub device_information_first: bool,
    /// Responses to Add and Change may carry ApplicationData (16.0+).
    pub data_in_responses: bool,
    /// The account can be wiped without the device (16.1).
    pub account_only_wipe: bool,
    /// All-day events are plain dates without a zone (16.0+) instead of local midnights in UTC.
    pub plain_days: bool,
    /// Bodies may come with a preview (14.0+).
    pub preview: bool,
    /// UserInformation lists accounts (14.1+) instead of bare addresses.
    pub accounts: bool,
    /// Single occurrences of a meeting can be answered (14.1+).
    pub meeting_instances: bool,
    /// The server mails invitations, updates, cancellations and answers (16.0+) instead of the phone.
    pub server_invites: bool,
    /// There are folders of notes (14.0+).
    pub notes: bool,
    /// There is a folder of the people whom the user writes to most (14.0+).
    pub recipient_cache: bool,
    /// Drafts are written and sent by Sync (16.0+).
    pub drafts: bool,
}

const BASE: Traits = Traits {
    name: "2.5",
    code: 0,
    server: "6.5.7638.1",
    status_in_body: false,
    air_sync_base: false,
    class_in_collection: true,
    empty_sync: false,
    heartbeat_sync: false,
    policy_document: false,
    device_information_first: false,
    data_in_responses: false,
    plain_days: false,
    account_only_wipe: false,
    preview: false,
    accounts: false,
    meeting_instances: false,
    server_invites: false,
    notes: false,
    recipient_cache: false,
    drafts: false,
};
const V12_0: Traits = Traits { name: "12.0", server: "8.0", air_sync_base: true, policy_document: true, ..BASE };
const V12_1: Traits = Traits { name: "12.1", code: 121, server: "8.1", empty_sync: true, ..V12_0 };
const V14_0: Traits = Traits {
    name: "14.0",
    code: 140,
    server: "14.0",
    status_in_body: true,
    class_in_collection: false,
    heartbeat_sync: true,
    preview: true,
    notes: true,
    recipient_cache: true,
    ..V12_1
};
const V14_1: Traits = Traits {
    name: "14.1",
    code: 141,
    server: "14.3",
    device_information_first: true,
    accounts: true,
    meeting_instances: true,
    ..V14_0
};
const V16_0: Traits = Traits {
    name: "16.0",
    code: 160,
    server: "15.1",
    data_in_responses: true,
    plain_days: true,
    server_invites: true,
    drafts: true,
    ..V14_1
};
const V16_1: Traits = Traits { name: "16.1", code: 161, account_only_wipe: true, ..V16_0 };

impl Version {
    /// All versions, oldest first.
    pub const ALL: [Self; 7] =
        [Self::V2_5, Self::V12_0, Self::V12_1, Self::V14_0, Self::V14_1, Self::V16_0, Self::V16_1];

    /// What this version is like.
    pub const fn traits(self) -> &'static Traits {
        match self {
            Self::V2_5 => &BASE,
            Self::V12_0 => &V12_0,
            Self::V12_1 => &V12_1,
            Self::V14_0 => &V14_0,
            Self::V14_1 => &V14_1,
            Self::V16_0 => &V16_0,
            Self::V16_1 => &V16_1,
        }
    }

    /// "14.1"
    pub const fn name(self) -> &'static str {
        self.traits().name
    }

    /// The version of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.name() == name.trim())
    }

    /// The version of byte 0 of a base64 query.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.traits().code == code && code != 0)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
