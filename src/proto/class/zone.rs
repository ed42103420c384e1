//! The time zone of an appointment on the wire: TIME_ZONE_INFORMATION (MS-ASDTYPE 2.7.6), 172 bytes in base64. It is a law for one
//! year rather than a name: a bias, and when daylight time begins and ends. All fields are kept as they came, so that what is read
//! is written back byte for byte; what they mean is worked out when asked. Nothing in here knows the time zone database:
//! `convert::zone` leads from names to laws and back.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time, Weekday},
    tz::Offset,
};

use super::read::LENIENT;

#[cfg(test)]
mod tests;

/// Bytes of a blob.
const LENGTH: usize = 172;
/// Base64 text beyond this is nobody's time zone.
const TEXT: usize = 4096;
/// UTF-16 units of a name.
const NAME: usize = 32;
/// Biases beyond this many minutes are taken for it: what the widest offsets of the world leave room for, and jiff can say.
const BIAS: i64 = 25 * 60;

/// A TIME_ZONE_INFORMATION, field by field as it is on the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Blob {
    /// Minutes that are added to local time to get UTC: Berlin -60, New York 300.
    pub bias: i32,
    /// Standard time.
    pub standard: Observance,
    /// Daylight time.
    pub daylight: Observance,
}

/// One of the two halves of a [`Blob`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Observance {
    /// Its name, UTF-16, zero padded: whatever the writer likes, in whatever language.
    pub name: [u16; NAME],
    /// When it begins, in the local time that ends there. Month 0: never.
    pub start: SystemTime,
    /// Minutes that are added to [`Blob::bias`] while it lasts: normally 0 for standard and -60 for daylight time.
    pub bias: i32,
}

/// A SYSTEMTIME (MS-DTYPE 2.3.13) as time zones use it. Year 0: every year, in week `day` (5 = the last) of weekday `day_of_week`
/// in `month`; any other year: on that date only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct SystemTime {
    pub year: u16,
    pub month: u16,
    /// 0 = Sunday.
    pub day_of_week: u16,
    pub day: u16,
    pub hour: u16,
    pub minute: u16,
    pub second: u16,
    pub milliseconds: u16,
}

impl Blob {
    /// Reads the base64 text of a Timezone element, with or without padding and white space. Bytes behind the structure are passed
    /// over. `None`: not base64, or too short; such a zone is to be treated like one that was not sent.
    pub fn parse(base64: &str) -> Option<Self> {
        if base64.len() > TEXT {
            return None;
        }
        let text: Vec<u8> = base64.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        Self::from_bytes(&LENIENT.decode(text).ok()?)
    }

    /// Reads the structure itself.
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let bytes = &mut bytes;
        Some(Self {
            bias: i32::from_le_bytes(take(bytes)?),
            standard: Observance::read(bytes)?,
            daylight: Observance::read(bytes)?,
        })
    }

    /// The text of a Timezone element.
    pub fn encode(&self) -> String {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.extend(self.bias.to_le_bytes());
        self.standard.write(&mut bytes);
        self.daylight.write(&mut bytes);
        BASE64_STANDARD.encode(bytes)
    }

    /// Nothing but zeros: UTC, or a phone that does not say.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// Neither daylight time nor a name: all zero, or a bias alone. Some phones send no more than that for any zone, so it says what
    /// local time is now and nothing of the zone: never a reason to change the zone of an appointment that has one.
    pub fn says_nothing(&self) -> bool {
        !self.has_daylight() && self.standard.name().is_empty() && self.daylight.name().is_empty()
    }

    /// Whether there are two dates that can be understood. Without them the biases of the two halves count for nothing, either.
    pub fn has_daylight(&self) -> bool {
        self.standard.start.is_sound() && self.daylight.start.is_sound()
    }

    /// Seconds east of UTC at an instant.
    pub fn offset_at(&self, at: Timestamp) -> i32 {
        self.offset(at).seconds()
    }

    /// The local time of an instant.
    pub fn to_local(&self, at: Timestamp) -> DateTime {
        self.offset(at).to_datetime(at)
    }

    /// The instant of a local time. As in RFC 5545 3.3.5, a time that comes twice is the first one, and a time that is left out is
    /// as far behind the change as it says.
    pub fn to_utc(&self, local: DateTime) -> Timestamp {
        let (standard, daylight) = self.offsets();
        // The larger offset gives the earlier instant; in a gap neither is in force and the smaller is the one before.
        let (first, second) = (standard.max(daylight), standard.min(daylight));
        let instant = |offset: Offset| offset.to_timestamp(local).ok();
        [first, second]
            .into_iter()
            .find_map(|offset| instant(offset).filter(|at| self.offset(*at) == offset))
            .or_else(|| instant(second))
            .unwrap_or(if local.year() > 0 { Timestamp::MAX } else { Timestamp::MIN })
    }

    /// The changes between the two halves in a year of the calendar and in those before and after it, in order of time, each with
    /// the seconds east of UTC from then on. Dates without a year recur; a date with one is there whatever `year` is.
    pub fn changes(&self, year: i16) -> Vec<(Timestamp, i32)> {
        self.steps(year).into_iter().map(|(at, offset)| (at, offset.seconds())).collect()
    }

    fn steps(&self, year: i16) -> Vec<(Timestamp, Offset)> {
        if !self.has_daylight() {
            return Vec::new();
        }
        let (standard, daylight) = self.offsets();
        let steps = |half: &Observance, before: Offset, after: Offset| {
            let instants = half.start.near(year).filter_map(move |local| before.to_timestamp(local).ok());
            instants.map(|at| (at, after)).collect::<Vec<_>>()
        };
        let mut all = steps(&self.standard, daylight, standard);
        all.extend(steps(&self.daylight, standard, daylight));
        all.sort_by_key(|(at, _)| *at);
        all
    }

    fn offset(&self, at: Timestamp) -> Offset {
        let (standard, daylight) = self.offsets();
        let steps = self.steps(Offset::UTC.to_datetime(at).year());
        match (steps.iter().rfind(|(start, _)| *start <= at), steps.first()) {
            (Some((_, offset)), _) => *offset,
            // Before the first of two dates: the half that it ends.
            (None, Some((_, offset))) if *offset == standard => daylight,
            _ => standard,
        }
    }

    /// Of standard and of daylight time.
    fn offsets(&self) -> (Offset, Offset) {
        let offset = |bias: i32| {
            let minutes = (i64::from(self.bias) + i64::from(bias)).clamp(-BIAS, BIAS);
            Offset::from_seconds(i32::try_from(minutes * -60).unwrap_or(0)).unwrap_or(Offset::UTC)
        };
        if self.has_daylight() {
            (offset(self.standard.bias), offset(self.daylight.bias))
        } else {
            (offset(0), offset(0))
        }
    }
}

impl Observance {
    /// The name up to its first zero.
    pub fn name(&self) -> String {
        let units = self.name.iter().copied().take_while(|unit| *unit != 0);
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    }

    /// Sets the name. One that does not fit with a zero behind it is left out: half a name is none.
    pub fn set_name(&mut self, name: &str) {
        self.name = [0; NAME];
        if name.encode_utf16().count() < NAME {
            self.name.iter_mut().zip(name.encode_utf16()).for_each(|(unit, c)| *unit = c);
        }
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let mut name = [0; NAME];
        for unit in &mut name {
            *unit = u16::from_le_bytes(take(bytes)?);
        }
        Some(Self { name, start: SystemTime::read(bytes)?, bias: i32::from_le_bytes(take(bytes)?) })
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.name.iter().chain(&self.start.fields()).flat_map(|unit| unit.to_le_bytes()));
        bytes.extend(self.bias.to_le_bytes());
    }
}

impl SystemTime {
    /// The date that recurs every year: in week `week` (1-5, 5 = the last) of `weekday` in `month`, at `time`.
    pub fn recurring(month: i8, week: i8, weekday: Weekday, time: Time) -> Self {
        let number = |n: i8| u16::try_from(n).unwrap_or(0);
        Self {
            month: number(month),
            day_of_week: number(weekday.to_sunday_zero_offset()),
            day: number(week),
            hour: number(time.hour()),
            minute: number(time.minute()),
            second: number(time.second()),
            milliseconds: u16::try_from(time.millisecond()).unwrap_or(0),
            year: 0,
        }
    }

    /// The local time that this is in `year`, if there is one. The last second of a day is the midnight that follows: who cannot
    /// write 24:00 writes 23:59:59.999.
    pub fn in_year(&self, year: i16) -> Option<DateTime> {
        let small = |n: u16| i8::try_from(n).ok();
        let date = match self.year {
            0 => {
                let week = small(self.day).filter(|week| (1..=5).contains(week))?;
                let weekday = Weekday::from_sunday_zero_offset(small(self.day_of_week)?).ok()?;
                let month = Date::new(year, small(self.month)?, 1).ok()?;
                month.nth_weekday_of_month(if week == 5 { -1 } else { week }, weekday).ok()?
            }
            own if i16::try_from(own) == Ok(year) => Date::new(year, small(self.month)?, small(self.day)?).ok()?,
            _ => return None,
        };
        let time = Time::new(small(self.hour)?, small(self.minute)?, small(self.second)?, 0).ok()?;
        Some(if time == Time::constant(23, 59, 59, 0) {
            date.tomorrow().ok()?.to_datetime(Time::midnight())
        } else {
            date.to_datetime(time)
        })
    }

    fn is_sound(&self) -> bool {
        let year = if self.year == 0 { 2000 } else { i16::try_from(self.year).unwrap_or(0) };
        self.in_year(year).is_some()
    }

    fn near(self, year: i16) -> impl Iterator<Item = DateTime> {
        let years = match i16::try_from(self.year).unwrap_or(i16::MAX) {
            0 => year.saturating_sub(1)..=year.saturating_add(1),
            own => own..=own,
        };
        years.filter_map(move |year| self.in_year(year))
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let mut next = || take(bytes).map(u16::from_le_bytes);
        Some(Self {
            year: next()?,
            month: next()?,
            day_of_week: next()?,
            day: next()?,
            hour: next()?,
            minute: next()?,
            second: next()?,
            milliseconds: next()?,
        })
    }

    fn fields(&self) -> [u16; 8] {
        [self.year, self.month, self.day_of_week, self.day, self.hour, self.minute, self.second, self.milliseconds]
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}
