//! Reading `[policy]`: every error names option and reason, and the reader of the file adds the line.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};

use super::{
    Settings, Value,
    table::{Kind, Row, TABLE},
};

/// Longest time between two refreshes: a year.
const HOURS: u32 = 24 * 366;
/// Longest list of programs, and longest entry.
const LIST: (usize, usize) = (200, 260);

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Section)
    }
}

struct Section;

impl<'de> Visitor<'de> for Section {
    type Value = Settings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the section [policy]")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Settings, A::Error> {
        let mut settings = Settings::default();
        while let Some(name) = map.next_key_seed(Name)? {
            match name {
                Known::Mode => settings.mode = map.next_value()?,
                Known::RefreshHours => settings.refresh_hours = map.next_value_seed(Hours)?,
                Known::AnswerBoth => settings.answer_both = map.next_value()?,
                Known::Row(index, row) => {
                    let value = map.next_value_seed(row)?;
                    if let Some(slot) = settings.values.get_mut(index) {
                        *slot = value;
                    }
                }
            }
        }
        Ok(settings)
    }
}

enum Known {
    Mode,
    RefreshHours,
    AnswerBoth,
    Row(usize, &'static Row),
}

/// Reads an option's name, so that the error of an unknown one stands at its line.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Known;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Known, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Known;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an option of [policy]")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Known, E> {
        match name {
            "mode" => Ok(Known::Mode),
            "refresh_hours" => Ok(Known::RefreshHours),
            "answer_both" => Ok(Known::AnswerBoth),
            _ => {
                let row = TABLE.iter().enumerate().find(|(_, row)| row.tag.name().eq_ignore_ascii_case(name));
                row.map(|(index, row)| Known::Row(index, row)).ok_or_else(|| {
                    E::custom(format!(
                        "unknown option {name:?}: mode, refresh_hours, answer_both, or a setting such as DevicePasswordEnabled"
                    ))
                })
            }
        }
    }
}

struct Hours;

impl<'de> DeserializeSeed<'de> for Hours {
    type Value = u32;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u32, D::Error> {
        let hours = u32::deserialize(deserializer)?;
        if hours <= HOURS {
            Ok(hours)
        } else {
            Err(D::Error::custom(format!("refresh_hours: {hours} is more than {HOURS}")))
        }
    }
}

impl<'de> DeserializeSeed<'de> for &'static Row {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Row {
    fn wrong<E: Error>(&self, found: impl fmt::Display) -> E {
        E::custom(format!("{}: {found} is not {}", self.tag.name(), Allowed(self.kind)))
    }
}

/// In words, what a setting may be.
struct Allowed(Kind);

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Flag => f.write_str("true or false"),
            Kind::Off(why) => write!(f, "possible ({why}); only false is"),
            Kind::Number(low, high) => write!(f, "a number from {low} to {high}"),
            Kind::Limit(low, high) => write!(f, "a number from {low} to {high}, or \"\" for \"not set\""),
            Kind::Choice(values) => write!(f, "one of {values:?}"),
            Kind::List(_) => write!(f, "a list of at most {} texts of 1 to {} characters", LIST.0, LIST.1),
        }
    }
}

impl<'de> Visitor<'de> for &'static Row {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "for {} {}", self.tag.name(), Allowed(self.kind))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        match self.kind {
            Kind::Flag => Ok(Value::Text(u8::from(value).to_string())),
            Kind::Off(_) if !value => Ok(Value::Text("0".to_owned())),
            _ => Err(self.wrong(value)),
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        let fits = match self.kind {
            Kind::Flag => (0..=1).contains(&value),
            Kind::Off(_) => value == 0,
            Kind::Number(low, high) | Kind::Limit(low, high) => (low..=high).contains(&value),
            Kind::Choice(values) => values.contains(&value),
            Kind::List(_) => false,
        };
        if fits { Ok(Value::Text(value.to_string())) } else { Err(self.wrong(value)) }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        match self.kind {
            Kind::Limit(..) if value.is_empty() => Ok(Value::Text(String::new())),
            _ => Err(self.wrong(format!("{value:?}"))),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut texts: Vec<String> = Vec::new();
        while let Some(text) = seq.next_element::<String>()? {
            let fits = matches!(self.kind, Kind::List(_)) && texts.len() < LIST.0;
            if !fits || text.is_empty() || text.chars().count() > LIST.1 {
                return Err(self.wrong(format!("{text:?}")));
            }
            texts.push(text);
        }
        if matches!(self.kind, Kind::List(_)) { Ok(Value::List(texts)) } else { Err(self.wrong("[]")) }
    }
}
