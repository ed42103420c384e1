//! Provision (MS-ASPROV), both dialects, both phases, wipe and its acknowledgement.

use std::collections::BTreeMap;

use super::{Malformed, read, settings};
use crate::wbxml::{
    Reader, Tag, Writer,
    tag::{provision as p, settings as s},
};

/// A Provision request. Phones leave out, add and misplace parts of it (an empty `<Provision/>`, a Status where a PolicyType
/// belongs), so nothing is required here: which phase it is follows from what is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// What the device says of itself, by element name ("Model"); `None` = no DeviceInformation (required from 14.1 on in the
    /// first phase).
    pub device_information: Option<BTreeMap<String, String>>,
    /// PolicyType.
    pub policy_type: Option<String>,
    /// Key being acknowledged (second phase). What is not a number of 32 bits is 0, which is never a valid key.
    pub policy_key: Option<u32>,
    /// How the policy was applied: 1 fully, 2 partly, 3 not, 4 managed by somebody else; 0 when it is no number.
    pub policy_status: Option<u32>,
    /// A wipe is acknowledged: 1 done, 2 failed, 0 when it carries no Status.
    pub remote_wipe: Option<u32>,
    /// A wipe of the account is acknowledged: as [`Request::remote_wipe`] (16.1).
    pub account_only_remote_wipe: Option<u32>,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// The body is not WBXML or not a Provision.
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = read::open(body, p::PROVISION)?;
        let mut request = Self::default();
        while let Some(tag) = reader.child()? {
            match tag {
                s::DEVICE_INFORMATION => {
                    request.device_information = Some(settings::read_device_information(&mut reader)?);
                }
                p::POLICIES => {
                    while let Some(tag) = reader.child()? {
                        match tag {
                            p::POLICY => request.read_policy(&mut reader)?,
                            _ => reader.skip()?,
                        }
                    }
                }
                p::REMOTE_WIPE => request.remote_wipe = Some(read_acknowledgement(&mut reader)?),
                p::ACCOUNT_ONLY_REMOTE_WIPE => {
                    request.account_only_remote_wipe = Some(read_acknowledgement(&mut reader)?);
                }
                _ => reader.skip()?,
            }
        }
        reader.finish()?;
        Ok(request)
    }

    fn read_policy(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        while let Some(tag) = reader.child()? {
            match tag {
                p::POLICY_TYPE => self.policy_type = Some(reader.text()?.trim().to_owned()),
                p::POLICY_KEY => self.policy_key = Some(lenient(reader)?),
                p::STATUS => self.policy_status = Some(lenient(reader)?),
                _ => reader.skip()?,
            }
        }
        Ok(())
    }
}

/// A number, or 0 for what is none: a wipe must not hang on a phone's typing error.
fn lenient(reader: &mut Reader<'_>) -> Result<u32, Malformed> {
    Ok(reader.text()?.trim().parse().unwrap_or(0))
}

fn read_acknowledgement(reader: &mut Reader<'_>) -> Result<u32, Malformed> {
    let mut status = 0;
    while let Some(tag) = reader.child()? {
        match tag {
            p::STATUS => status = lenient(reader)?,
            _ => reader.skip()?,
        }
    }
    Ok(status)
}

/// The answer to a Provision request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// Answer to DeviceInformation: 1 stored.
    pub device_information_status: Option<u16>,
    /// 1 fine, 2 protocol error, 3 server error, or a common one (139, 141, 145, 165).
    pub status: u16,
    /// The policy section.
    pub policy: Option<Policy>,
    /// Tells the device to wipe itself.
    pub remote_wipe: bool,
    /// Tells the device to remove this account's data (16.1).
    pub account_only_remote_wipe: bool,
}

/// The policy section of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// PolicyType, as the phone asked for it.
    pub kind: String,
    /// 1 fine, 2 there is no policy, 3 type not known, 4 data corrupt, 5 wrong key acknowledged.
    pub status: u16,
    /// Temporary (first phase) or final (second phase) key; never 0.
    pub key: Option<u32>,
    /// The policy itself (first phase).
    pub data: Option<PolicyData>,
}

/// A policy in one of the two dialects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyData {
    /// 2.5: a WAP provisioning document as text.
    Wap(String),
    /// 12.0+: children of EASProvisionDoc, written in this order.
    Document(Vec<(Tag, PolicyValue)>),
}

/// The value of one policy setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyValue {
    /// Text or number; "" = not set, written as an empty element.
    Text(String),
    /// A list with the tag of its children (ApprovedApplicationList/Hash); an empty list is not written.
    List(Tag, Vec<String>),
}

impl Response {
    /// Writes the answer. RemoteWipe is the last child: some phones do not look for it before they have seen a policy.
    pub fn write(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.open(p::PROVISION);
        if let Some(status) = self.device_information_status {
            w.open(s::DEVICE_INFORMATION);
            w.int(s::STATUS, status.into());
            w.close();
        }
        w.int(p::STATUS, self.status.into());
        if let Some(policy) = &self.policy {
            w.open(p::POLICIES);
            policy.write(&mut w);
            w.close();
        }
        if self.account_only_remote_wipe {
            w.empty(p::ACCOUNT_ONLY_REMOTE_WIPE);
        }
        if self.remote_wipe {
            w.empty(p::REMOTE_WIPE);
        }
        w.finish()
    }
}

impl Policy {
    fn write(&self, w: &mut Writer) {
        w.open(p::POLICY);
        if !self.kind.is_empty() {
            w.text(p::POLICY_TYPE, &self.kind);
        }
        w.int(p::STATUS, self.status.into());
        if let Some(key) = self.key {
            w.int(p::POLICY_KEY, key.into());
        }
        match &self.data {
            Some(PolicyData::Wap(text)) => w.text(p::DATA, text),
            Some(PolicyData::Document(settings)) if settings.iter().any(|(_, value)| value.is_written()) => {
                w.open(p::DATA);
                w.open(p::EAS_PROVISION_DOC);
                for (tag, value) in settings {
                    value.write(w, *tag);
                }
                w.close();
                w.close();
            }
            Some(PolicyData::Document(_)) | None => {}
        }
        w.close();
    }
}

impl PolicyValue {
    fn is_written(&self) -> bool {
        !matches!(self, Self::List(_, values) if values.is_empty())
    }

    fn write(&self, w: &mut Writer, tag: Tag) {
        match self {
            Self::Text(text) => w.text(tag, text),
            Self::List(child, values) if !values.is_empty() => {
                w.open(tag);
                for value in values {
                    w.text(*child, value);
                }
                w.close();
            }
            Self::List(..) => {}
        }
    }
}
