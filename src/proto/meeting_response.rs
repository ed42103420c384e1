//! MeetingResponse (MS-ASCMD 2.2.1.11).

use super::{
    Malformed, Version,
    class::{BodyKind, compact},
    read,
};
use crate::wbxml::{
    Reader, Writer,
    tag::{air_sync_base as b, meeting_response as m, search},
};

/// A MeetingResponse request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The answers, in the order of the request.
    pub answers: Vec<Answer>,
}

/// The answer to one invitation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// What the user says.
    pub response: Response,
    /// CollectionId of the folder in which the invitation or the event is; "" when missing.
    pub collection: String,
    /// RequestId: the ServerId of the invitation or of the event; "" when missing.
    pub request: String,
    /// LongId, of something found by Search.
    pub long_id: Option<String>,
    /// InstanceId (14.1+): the original start of the occurrence that is meant.
    pub instance: Option<Instance>,
    /// SendResponse (16.0+): the organizer is to be told by the server.
    pub send: Option<Send>,
}

/// UserResponse (MS-ASCMD 2.2.3.184).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Response {
    #[default]
    Accepted,
    Tentative,
    Declined,
}

/// An InstanceId.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// As it was sent.
    pub text: String,
    /// In compact form (`20261124T080000Z`); `None`: it is no date (Status 104).
    pub start: Option<String>,
}

/// What goes to the organizer with the answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Send {
    /// Body: form and text.
    pub body: Option<(BodyKind, String)>,
    /// ProposedStartTime (16.1), compact form.
    pub start: Option<String>,
    /// ProposedEndTime (16.1), compact form.
    pub end: Option<String>,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// The body is not WBXML, not a MeetingResponse, has no Request or one without a UserResponse of 1 to 3.
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = read::open(body, m::MEETING_RESPONSE)?;
        let mut request = Self::default();
        while let Some(tag) = reader.child()? {
            match tag {
                m::REQUEST => request.answers.push(read_answer(&mut reader)?),
                _ => reader.skip()?,
            }
        }
        reader.finish()?;
        if request.answers.is_empty() { Err(Malformed::Schema("no Request")) } else { Ok(request) }
    }
}

fn read_answer(reader: &mut Reader<'_>) -> Result<Answer, Malformed> {
    let mut answer = Answer::default();
    let mut response = None;
    while let Some(tag) = reader.child()? {
        match tag {
            m::USER_RESPONSE => {
                response = Some(match read::required(reader, "UserResponse")? {
                    1 => Response::Accepted,
                    2 => Response::Tentative,
                    3 => Response::Declined,
                    _ => return Err(Malformed::Schema("UserResponse")),
                });
            }
            m::COLLECTION_ID => answer.collection = reader.text()?.into_owned(),
            m::REQUEST_ID => answer.request = reader.text()?.into_owned(),
            search::LONG_ID => answer.long_id = Some(reader.text()?.into_owned()),
            m::INSTANCE_ID => {
                let text = reader.text()?.into_owned();
                answer.instance = Some(Instance { start: compact(&text), text });
            }
            m::SEND_RESPONSE => answer.send = Some(read_send(reader)?),
            _ => reader.skip()?,
        }
    }
    answer.response = response.ok_or(Malformed::Schema("UserResponse"))?;
    Ok(answer)
}

fn read_send(reader: &mut Reader<'_>) -> Result<Send, Malformed> {
    let mut send = Send::default();
    while let Some(tag) = reader.child()? {
        match tag {
            b::BODY => {
                let (mut kind, mut data) = (BodyKind::Plain, String::new());
                while let Some(tag) = reader.child()? {
                    match tag {
                        b::TYPE => kind = BodyKind::parse(&reader.text()?).ok_or(Malformed::Schema("Type"))?,
                        b::DATA => data = reader.text()?.into_owned(),
                        _ => reader.skip()?,
                    }
                }
                send.body = Some((kind, data));
            }
            m::PROPOSED_START_TIME => send.start = compact(&reader.text()?),
            m::PROPOSED_END_TIME => send.end = compact(&reader.text()?),
            _ => reader.skip()?,
        }
    }
    Ok(send)
}

/// The answer to a MeetingResponse request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// One result per answer, in order.
    pub results: Vec<Outcome>,
}

/// What became of one answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// RequestId as it was sent; "" when it was not.
    pub request: String,
    /// 1 fine, 2 no invitation, 3 the mailbox, 4 the server, 104 a wrong InstanceId, 146 an InstanceId for what does not recur
    /// (MS-ASCMD 2.2.3.177.9).
    pub status: u16,
    /// ServerId of the event in the calendar, if it is there after the answer.
    pub calendar: Option<String>,
    /// InstanceId as it was sent (14.1+).
    pub instance: Option<String>,
}

impl Reply {
    /// Writes the answer.
    pub fn write(&self, version: Version) -> Vec<u8> {
        let mut w = Writer::new();
        w.open(m::MEETING_RESPONSE);
        for outcome in &self.results {
            w.open(m::RESULT);
            if !outcome.request.is_empty() {
                w.text(m::REQUEST_ID, &outcome.request);
            }
            w.int(m::STATUS, outcome.status.into());
            if let Some(calendar) = &outcome.calendar {
                w.text(m::CALENDAR_ID, calendar);
            }
            if let Some(instance) = outcome.instance.as_ref().filter(|_| version.traits().meeting_instances) {
                w.text(m::INSTANCE_ID, instance);
            }
            w.close();
        }
        w.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Answer {
        Answer { collection: "k4".into(), request: "k4:3".into(), ..Answer::default() }
    }

    fn document(answer: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut w = Writer::new();
        w.open(m::MEETING_RESPONSE);
        w.open(m::REQUEST);
        answer(&mut w);
        w.text(m::COLLECTION_ID, "k4");
        w.text(m::REQUEST_ID, "k4:3");
        w.finish()
    }

    #[test]
    fn an_answer_has_a_user_response_of_one_to_three() {
        for (number, response) in [(1, Response::Accepted), (2, Response::Tentative), (3, Response::Declined)] {
            let read = Request::read(&document(|w| w.int(m::USER_RESPONSE, number))).unwrap();
            assert_eq!(read.answers, [Answer { response, ..answer() }]);
        }
        assert!(Request::read(&document(|w| w.int(m::USER_RESPONSE, 4))).is_err());
        assert!(Request::read(&document(|_| ())).is_err());
        let mut empty = Writer::new();
        empty.empty(m::MEETING_RESPONSE);
        assert!(Request::read(&empty.finish()).is_err());
    }

    #[test]
    fn an_instance_that_is_no_date_is_kept_as_such() {
        let read = |text: &str| {
            let mut request = Request::read(&document(|w| {
                w.int(m::USER_RESPONSE, 1);
                w.text(m::INSTANCE_ID, text);
            }));
            request.as_mut().unwrap().answers.remove(0).instance.unwrap()
        };
        assert_eq!(read("2010-04-08T18:16:00.000Z").start.as_deref(), Some("20100408T181600Z"));
        assert_eq!(read("tomorrow").start, None);
    }

    #[test]
    fn send_response_may_be_empty() {
        let read = Request::read(&document(|w| {
            w.int(m::USER_RESPONSE, 1);
            w.empty(m::SEND_RESPONSE);
        }));
        assert_eq!(read.unwrap().answers[0].send, Some(Send::default()));
    }

    #[test]
    fn instances_are_told_to_versions_that_know_them() {
        let outcome = Outcome { request: "r".into(), status: 1, calendar: None, instance: Some("i".into()) };
        let reply = Reply { results: vec![outcome] };
        assert_ne!(reply.write(Version::V14_1), reply.write(Version::V14_0));
    }
}
