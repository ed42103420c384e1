//! Out of office (MS-ASCMD 2.2.3.122).

use crate::{
    proto::{Malformed, class, read},
    wbxml::{Reader, Tag, Writer, tag::settings as s},
};

/// Longest text of an answer that is taken, bytes (Exchange: 100,000 characters).
const LONGEST: usize = 400_000;

/// Whether senders are told that the user is away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum State {
    #[default]
    Off = 0,
    On = 1,
    /// Between StartTime and EndTime.
    Timed = 2,
}

/// Who gets an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The own organization.
    Internal,
    /// Others whom the user knows.
    ExternalKnown,
    /// All others.
    ExternalUnknown,
}

impl Audience {
    const ALL: [(Self, Tag); 3] = [
        (Self::Internal, s::APPLIES_TO_INTERNAL),
        (Self::ExternalKnown, s::APPLIES_TO_EXTERNAL_KNOWN),
        (Self::ExternalUnknown, s::APPLIES_TO_EXTERNAL_UNKNOWN),
    ];
}

/// The answer for one audience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// For whom.
    pub audience: Audience,
    /// Whether they get one.
    pub enabled: bool,
    /// What they get; `None` = not said.
    pub text: Option<String>,
    /// The text is HTML, not plain text.
    pub html: bool,
}

/// The setting, whole (an answer) or what is to change of it (a request).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Oof {
    /// OofState; `None` = not said.
    pub state: Option<State>,
    /// StartTime, dashed.
    pub start: Option<String>,
    /// EndTime, dashed.
    pub end: Option<String>,
    /// At most one for each audience.
    pub messages: Vec<Message>,
    /// A value that cannot be one, or times without the other (Status 5).
    pub wrong: bool,
}

/// What is asked or told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Get: `html` = texts are wanted as HTML.
    Get {
        /// BodyType HTML.
        html: bool,
    },
    /// Set.
    Set(Oof),
}

impl Request {
    /// Reads the children of Oof; `None`: there is neither Get nor Set (Status 2).
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Option<Self>, Malformed> {
        let mut request = None;
        while let Some(tag) = reader.child()? {
            match tag {
                s::GET => {
                    let mut html = false;
                    while let Some(tag) = reader.child()? {
                        if tag == s::BODY_TYPE { html = is_html(&reader.text()?) } else { reader.skip()? }
                    }
                    request = Some(Self::Get { html });
                }
                s::SET => request = Some(Self::Set(Oof::read(reader)?)),
                _ => reader.skip()?,
            }
        }
        Ok(request)
    }
}

fn is_html(text: &str) -> bool {
    text.trim().eq_ignore_ascii_case("HTML")
}

impl Oof {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut it = Self::default();
        let moment = |text: &str, wrong: &mut bool| {
            let moment = class::dashed(text);
            *wrong |= moment.is_none();
            moment
        };
        while let Some(tag) = reader.child()? {
            match tag {
                s::OOF_STATE => {
                    it.state = match read::required(reader, "OofState")? {
                        0 => Some(State::Off),
                        1 => Some(State::On),
                        2 => Some(State::Timed),
                        _ => None,
                    };
                    it.wrong |= it.state.is_none();
                }
                s::START_TIME => it.start = moment(&reader.text()?, &mut it.wrong),
                s::END_TIME => it.end = moment(&reader.text()?, &mut it.wrong),
                s::OOF_MESSAGE => it.read_message(reader)?,
                _ => reader.skip()?,
            }
        }
        let timed = it.state == Some(State::Timed);
        it.wrong |= it.start.is_some() != it.end.is_some() || timed && it.start.is_none();
        // Dashed moments are in order as texts are.
        it.wrong |= it.start.as_ref().zip(it.end.as_ref()).is_some_and(|(start, end)| end <= start);
        Ok(it)
    }

    fn read_message(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        let mut audiences = Vec::new();
        let (mut enabled, mut text, mut html) = (false, None, false);
        while let Some(tag) = reader.child()? {
            match tag {
                s::ENABLED => enabled = read::flag(reader, "Enabled")?,
                s::REPLY_MESSAGE => text = Some(reader.text()?.into_owned()),
                s::BODY_TYPE => html = is_html(&reader.text()?),
                tag => {
                    reader.skip()?;
                    audiences.extend(Audience::ALL.iter().find(|(_, known)| *known == tag).map(|(it, _)| *it));
                }
            }
        }
        let known = |audience| self.messages.iter().any(|message| message.audience == audience);
        match audiences[..] {
            [audience] if !known(audience) && text.as_ref().is_none_or(|text| text.len() <= LONGEST) => {
                self.messages.push(Message { audience, enabled, text, html });
            }
            _ => self.wrong = true,
        }
        Ok(())
    }

    /// Writes Get: state, times and all three audiences; who is not in it gets no answer.
    pub(super) fn write(&self, w: &mut Writer) {
        w.open(s::GET);
        w.int(s::OOF_STATE, self.state.unwrap_or_default() as i64);
        for (tag, moment) in [(s::START_TIME, &self.start), (s::END_TIME, &self.end)] {
            if let Some(moment) = moment {
                w.text(tag, moment);
            }
        }
        for (audience, tag) in Audience::ALL {
            let message = self.messages.iter().find(|message| message.audience == audience);
            w.open(s::OOF_MESSAGE);
            w.empty(tag);
            w.int(s::ENABLED, message.is_some_and(|message| message.enabled).into());
            if let Some((message, text)) = message.and_then(|message| Some((message, message.text.as_ref()?))) {
                w.text(s::REPLY_MESSAGE, text);
                w.text(s::BODY_TYPE, if message.html { "HTML" } else { "Text" });
            }
            w.close();
        }
        w.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(content: impl FnOnce(&mut Writer)) -> Oof {
        let mut w = Writer::new();
        w.open(s::OOF);
        w.open(s::SET);
        content(&mut w);
        let document = w.finish();
        let mut reader = Reader::new(&document).unwrap();
        reader.root().unwrap();
        match Request::read(&mut reader).unwrap() {
            Some(Request::Set(oof)) => oof,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn times_come_in_pairs_and_in_order() {
        let times = |state: i64, start: &str, end: &str| {
            set(|w| {
                w.int(s::OOF_STATE, state);
                for (tag, text) in [(s::START_TIME, start), (s::END_TIME, end)] {
                    if !text.is_empty() {
                        w.text(tag, text);
                    }
                }
            })
            .wrong
        };
        assert!(!times(2, "2025-08-01T00:00:00.000Z", "2025-08-15T00:00:00.000Z"));
        assert!(!times(0, "", ""));
        assert!(times(2, "", "") && times(1, "2025-08-01T00:00:00.000Z", "") && times(3, "", ""));
        assert!(times(2, "2025-08-15T00:00:00.000Z", "2025-08-01T00:00:00.000Z"));
        assert!(times(2, "soon", "2025-08-01T00:00:00.000Z"));
    }

    #[test]
    fn a_message_has_one_audience_and_each_audience_one_message() {
        let message = |audiences: &[Tag]| {
            let audiences = audiences.to_vec();
            move |w: &mut Writer| {
                w.open(s::OOF_MESSAGE);
                audiences.iter().for_each(|tag| w.empty(*tag));
                w.int(s::ENABLED, 1);
                w.text(s::REPLY_MESSAGE, "weg");
                w.text(s::BODY_TYPE, "HTML");
                w.close();
            }
        };
        let one = set(message(&[s::APPLIES_TO_EXTERNAL_KNOWN]));
        let expected =
            Message { audience: Audience::ExternalKnown, enabled: true, text: Some("weg".into()), html: true };
        assert_eq!((one.wrong, one.messages), (false, vec![expected]));
        assert!(set(message(&[])).wrong);
        assert!(set(message(&[s::APPLIES_TO_INTERNAL, s::APPLIES_TO_EXTERNAL_KNOWN])).wrong);
        let twice = set(|w| {
            message(&[s::APPLIES_TO_INTERNAL])(w);
            message(&[s::APPLIES_TO_INTERNAL])(w);
        });
        assert!(twice.wrong);
    }
}
