//! Settings (MS-ASCMD 2.2.1.18).

pub mod oof;

use std::collections::BTreeMap;

use super::{Malformed, Version, read};
use crate::wbxml::{Reader, Tag, Writer, tag::settings as s};

/// Longest value of a device's description that is kept, bytes. Real ones have some dozens.
const LONGEST: usize = 1024;

/// A Settings request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// What is asked or told, in the order of the request.
    pub parts: Vec<Part>,
    /// What DeviceInformation/Set says, by element name ("Model", "FriendlyName").
    pub device_information: Option<BTreeMap<String, String>>,
    /// What Oof asks or tells; of several the last one.
    pub oof: Option<oof::Request>,
}

/// One part of a request. Passwords are not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Which setting.
    pub subject: Subject,
    /// What is to be done with it; `None` when the part has neither Get nor Set (Status 2).
    pub action: Option<Action>,
}

/// What a part of Settings is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Subject {
    Oof,
    DevicePassword,
    DeviceInformation,
    UserInformation,
    RightsManagementInformation,
}

/// What is to be done with a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Action {
    Get,
    Set,
}

impl Subject {
    const ALL: [Self; 5] = [
        Self::Oof,
        Self::DevicePassword,
        Self::DeviceInformation,
        Self::UserInformation,
        Self::RightsManagementInformation,
    ];

    const fn tag(self) -> Tag {
        match self {
            Self::Oof => s::OOF,
            Self::DevicePassword => s::DEVICE_PASSWORD,
            Self::DeviceInformation => s::DEVICE_INFORMATION,
            Self::UserInformation => s::USER_INFORMATION,
            Self::RightsManagementInformation => s::RIGHTS_MANAGEMENT_INFORMATION,
        }
    }
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// The body is not WBXML or not a Settings.
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = read::open(body, s::SETTINGS)?;
        let mut request = Self::default();
        while let Some(tag) = reader.child()? {
            match Subject::ALL.into_iter().find(|subject| subject.tag() == tag) {
                Some(Subject::DeviceInformation) => {
                    request.parts.push(Part { subject: Subject::DeviceInformation, action: Some(Action::Set) });
                    request.device_information = Some(read_device_information(&mut reader)?);
                }
                Some(Subject::Oof) => {
                    request.oof = oof::Request::read(&mut reader)?;
                    let action = request.oof.as_ref().map(|oof| match oof {
                        oof::Request::Get { .. } => Action::Get,
                        oof::Request::Set(_) => Action::Set,
                    });
                    request.parts.push(Part { subject: Subject::Oof, action });
                }
                Some(subject) => request.parts.push(Part { subject, action: read_action(&mut reader)? }),
                None => reader.skip()?,
            }
        }
        reader.finish()?;
        Ok(request)
    }
}

fn read_action(reader: &mut Reader<'_>) -> Result<Option<Action>, Malformed> {
    let mut action = None;
    while let Some(tag) = reader.child()? {
        match tag {
            s::GET => action = Some(Action::Get),
            s::SET => action = Some(Action::Set),
            _ => {}
        }
        reader.skip()?;
    }
    Ok(action)
}

/// The children of DeviceInformation, with or without the Set around them, by element name; values cut at [`LONGEST`].
pub(super) fn read_device_information(reader: &mut Reader<'_>) -> Result<BTreeMap<String, String>, Malformed> {
    let mut map = BTreeMap::new();
    while let Some(tag) = reader.child()? {
        if tag == s::SET {
            while let Some(tag) = reader.child()? {
                map.insert(tag.name().to_owned(), short(reader)?);
            }
        } else {
            map.insert(tag.name().to_owned(), short(reader)?);
        }
    }
    Ok(map)
}

fn short(reader: &mut Reader<'_>) -> Result<String, Malformed> {
    let text = reader.text()?;
    Ok(super::class::cut(&text, LONGEST).to_owned())
}

/// The answer to a Settings request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// 1 fine, 2 protocol error (MS-ASCMD 2.2.3.177.15); anything but 1 goes without parts.
    pub status: u16,
    /// One answer per part, in the order of the request.
    pub parts: Vec<PartResponse>,
}

/// The answer to one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartResponse {
    /// Which setting.
    pub subject: Subject,
    /// 1 fine, 2 protocol error, 3 access denied, 4 not available, 5 bad argument, 7 denied by policy.
    pub status: u16,
    /// The user's mail addresses, the primary one first (UserInformation only).
    pub addresses: Vec<String>,
    /// What was asked for (Oof/Get only).
    pub oof: Option<oof::Oof>,
}

impl Response {
    /// Writes the answer.
    pub fn write(&self, version: Version) -> Vec<u8> {
        let mut w = Writer::new();
        w.open(s::SETTINGS);
        w.int(s::STATUS, self.status.into());
        for part in &self.parts {
            w.open(part.subject.tag());
            w.int(s::STATUS, part.status.into());
            if let Some(oof) = &part.oof {
                oof.write(&mut w);
            }
            if part.subject == Subject::UserInformation && !part.addresses.is_empty() {
                w.open(s::GET);
                write_addresses(&mut w, &part.addresses, version.traits().accounts);
                w.close();
            }
            w.close();
        }
        w.finish()
    }
}

/// Addresses stand under Get up to 14.0; from 14.1 on they belong to an account, and the primary one is named.
fn write_addresses(w: &mut Writer, addresses: &[String], accounts: bool) {
    if accounts {
        w.open(s::ACCOUNTS);
        w.open(s::ACCOUNT);
    }
    w.open(s::EMAIL_ADDRESSES);
    for address in addresses {
        w.text(s::SMTP_ADDRESS, address);
    }
    if let Some(primary) = addresses.first().filter(|_| accounts) {
        w.text(s::PRIMARY_SMTP_ADDRESS, primary);
    }
    w.close();
    if accounts {
        w.close();
        w.close();
    }
}
