//! MoveItems (MS-ASCMD 2.2.1.12).

use super::{Malformed, read};
use crate::wbxml::{Writer, tag::move_items as m};

/// Most items of one request.
const MOST: usize = 2000;

/// A MoveItems request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// What is to be moved, in the order of the request.
    pub moves: Vec<Move>,
}

/// One item to be moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Move {
    /// SrcMsgId: ServerId of the item.
    pub item: String,
    /// SrcFldId: the folder in which it is.
    pub from: String,
    /// DstFldId: the folder into which it goes; `None`: there is none, or more than one (Status 5).
    pub to: Option<String>,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// The body is not WBXML, not a MoveItems, has no Move, more than 2000, or one without SrcMsgId or SrcFldId.
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = read::open(body, m::MOVE_ITEMS)?;
        let mut request = Self::default();
        while let Some(tag) = reader.child()? {
            if tag != m::MOVE {
                reader.skip()?;
                continue;
            }
            let mut targets = Vec::new();
            let mut one = Move::default();
            while let Some(tag) = reader.child()? {
                match tag {
                    m::SRC_MSG_ID => one.item = reader.text()?.into_owned(),
                    m::SRC_FLD_ID => one.from = reader.text()?.into_owned(),
                    m::DST_FLD_ID => targets.push(reader.text()?.into_owned()),
                    _ => reader.skip()?,
                }
            }
            if one.item.is_empty() || one.from.is_empty() {
                return Err(Malformed::Schema("Move without ids"));
            }
            one.to = targets.pop().filter(|_| targets.is_empty());
            request.moves.push(one);
        }
        reader.finish()?;
        match request.moves.len() {
            1..=MOST => Ok(request),
            _ => Err(Malformed::Schema("Move elements")),
        }
    }
}

/// The answer to a MoveItems request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// One result per item, in order.
    pub results: Vec<Outcome>,
}

/// What became of one item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// SrcMsgId as it was sent.
    pub item: String,
    /// 1 no such item or folder, 2 no such destination, 3 moved, 4 source and destination are the same, 5 cannot be moved, 7 locked for the
    /// moment (MS-ASCMD 2.2.3.177.10).
    pub status: u16,
    /// Its new ServerId, if it was moved.
    pub moved: Option<String>,
}

impl Response {
    /// Writes the answer.
    pub fn write(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.open(m::MOVE_ITEMS);
        for outcome in &self.results {
            w.open(m::RESPONSE);
            w.text(m::SRC_MSG_ID, &outcome.item);
            w.int(m::STATUS, outcome.status.into());
            if let Some(moved) = &outcome.moved {
                w.text(m::DST_MSG_ID, moved);
            }
            w.close();
        }
        w.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(targets: &[&str]) -> Result<Request, Malformed> {
        let mut w = Writer::new();
        w.open(m::MOVE_ITEMS);
        w.open(m::MOVE);
        w.text(m::SRC_MSG_ID, "f1:7.9");
        w.text(m::SRC_FLD_ID, "f1");
        targets.iter().for_each(|target| w.text(m::DST_FLD_ID, target));
        Request::read(&w.finish())
    }

    #[test]
    fn an_item_has_one_destination() {
        assert_eq!(read(&["f2"]).unwrap().moves[0].to.as_deref(), Some("f2"));
        assert_eq!(read(&[]).unwrap().moves[0].to, None);
        assert_eq!(read(&["f2", "f3"]).unwrap().moves[0].to, None);
        let mut empty = Writer::new();
        empty.empty(m::MOVE_ITEMS);
        assert!(Request::read(&empty.finish()).is_err());
    }
}
