//! Typed requests and responses, one file per command, the same names as in `command/`. No I/O in here, and nothing about what is
//! done with a request.

pub mod class;
pub mod compose;
pub mod find;
pub mod folder_change;
pub mod folder_sync;
pub mod get_item_estimate;
pub mod item_operations;
pub mod meeting_response;
pub mod move_items;
pub mod ping;
pub mod provision;
mod query;
mod range;
mod read;
pub mod search;
pub mod settings;
mod status;
pub mod sync;
#[cfg(test)]
mod tests;
mod version;

use crate::wbxml;

pub use query::{BadQuery, Command, Query};
pub use range::Range;
pub use status::write_status;
pub use version::{Traits, Version};

/// Why a request cannot be understood. What the phone is told depends on command and version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Malformed {
    /// The body is not WBXML (Status 102, HTTP 400).
    Wbxml(wbxml::Error),
    /// WBXML, but not what the command's schema asks for (Status 103, HTTP 400); names what is wrong.
    Schema(&'static str),
}

impl From<wbxml::Error> for Malformed {
    fn from(error: wbxml::Error) -> Self {
        Self::Wbxml(error)
    }
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Wbxml(error) => error.fmt(f),
            Self::Schema(what) => write!(f, "not according to the schema: {what}"),
        }
    }
}

impl std::error::Error for Malformed {}
