//! The time zone of an event on the wire: 172 bytes in base64 (MS-ASDTYPE 2.7.6).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{Timestamp, civil::DateTime, tz::Offset};

/// A time zone as phones have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    bias: i32,
}

impl Blob {
    /// Reads the base64 text; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.trim()).ok().filter(|bytes| bytes.len() == 172)?;
        let bias = i32::from_le_bytes(*bytes.first_chunk()?);
        Some(Self { bias })
    }

    fn offset(&self) -> Offset {
        Offset::from_seconds(self.bias.saturating_mul(-60)).unwrap_or(Offset::UTC)
    }

    /// The moment of a local date and time.
    pub fn to_utc(&self, civil: DateTime) -> Timestamp {
        self.offset().to_timestamp(civil).unwrap_or_default()
    }

    /// The local date and time of a moment.
    pub fn to_local(&self, at: Timestamp) -> DateTime {
        self.offset().to_datetime(at)
    }
}
