//! Many events in few requests: `calendar.listEvents` over XML-RPC has what PHP keeps of an event, dates included, for a third of what an
//! export costs (`listed` reads it). The calendar is divided by dates, and the phone is given the first events while the next are read.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value as Json, json};
use tokio::sync::watch;

use super::{Kronolith, listed, text::moment};
use crate::{
    convert::ical::Home,
    source::{
        Error,
        app::{Memory, Rows},
    },
    wbxml::tag::calendar as c,
};

/// Fewer events than this are exported.
const WORTH: usize = 200;
/// Single exports take three times as long for each: fewer than a third of a calendar are exported.
const A_THIRD: usize = 3;
/// About so many events are asked for in one request, 10 KB of XML each: while the phone is given them, the next are read.
const PIECE: usize = 700;
/// So many requests at the same time.
const STREAMS: usize = 2;
/// A larger calendar is never read at once, for the sake of memory here and in PHP.
const LARGEST: usize = 10_000;
/// Arguments of `calendar.listEvents`: no single occurrences, not only alarms, nothing remote, events that are exceptions, too, each once,
/// and tags.
const HOW: [bool; 6] = [false, false, false, false, false, true];
/// Before and after anything that Kronolith can store.
const EVER: [&str; 2] = ["1000-01-01 00:00:00", "9999-12-31 00:00:00"];

/// Where events are in a listing. Of a uid only a hash is kept; two with the same one cost a moment of waiting.
#[derive(Debug)]
struct Places(Vec<u64>);

impl Places {
    fn hash(uid: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        uid.hash(&mut hasher);
        hasher.finish()
    }

    fn of(&self, uid: &str) -> Option<usize> {
        let hash = Self::hash(uid);
        self.0.iter().position(|known| *known == hash)
    }
}

/// A calendar that is being read.
#[derive(Debug)]
struct Underway {
    places: Arc<Places>,
    /// Which pieces are still to come, by the place in the listing of their first event.
    left: watch::Receiver<BTreeSet<usize>>,
}

impl Underway {
    /// Up to which place in the listing all must be read for these events to be there.
    fn until(&self, wanted: &[String]) -> usize {
        wanted.iter().map(|uid| self.places.of(uid).unwrap_or(usize::MAX)).max().unwrap_or(0)
    }
}

/// The events of some days.
#[derive(Debug, PartialEq, Eq)]
struct Piece {
    from: String,
    to: String,
    /// Place in the listing of the first of them.
    first: usize,
}

/// What the last listing of a calendar tells about reading all of it.
#[derive(Debug)]
pub(super) struct Outline {
    /// Nothing that is over before it was listed, seconds; 0: everything was.
    pub(super) from: i64,
    places: Arc<Places>,
    /// Every so many'th event: Kronolith lists by days, so their dates divide the calendar evenly.
    milestones: Vec<(String, usize)>,
}

impl Outline {
    fn new(from: i64, uids: &[String]) -> Option<Self> {
        let count = uids.len();
        if !(WORTH..=LARGEST).contains(&count) {
            return None;
        }
        let pieces = count.div_ceil(PIECE).max(2);
        let places = (1..pieces).map(|n| n * count / pieces);
        let milestones = places.filter_map(|place| Some((uids.get(place)?.clone(), place))).collect();
        let places = Arc::new(Places(uids.iter().map(|uid| Places::hash(uid)).collect()));
        Some(Self { from, places, milestones })
    }

    fn count(&self) -> usize {
        self.places.0.len()
    }

    /// The events whose dates divide the calendar when these are to be read first.
    fn cuts(&self, wanted: &[String]) -> Vec<(String, usize)> {
        let first = wanted.last().and_then(|uid| Some((uid.clone(), self.places.of(uid)?)));
        first.into_iter().chain(self.milestones.iter().cloned()).collect()
    }
}

impl Kronolith {
    fn outline_fact(&self, calendar: &str) -> String {
        format!("outline of {}/{calendar}", self.app.session.user())
    }

    /// Takes note of a listing.
    pub(super) fn outline(&self, calendar: &str, from: i64, uids: &[String]) {
        self.app.memory.set_fact(&self.outline_fact(calendar), Outline::new(from, uids));
    }

    fn underway_fact(&self, calendar: &str) -> String {
        format!("underway of {}/{calendar}", self.app.session.user())
    }

    /// Begins to read the events of a calendar of which so many are lacking, those that are wanted first; they and all that comes later are
    /// kept. Not where single exports are the better way. Once per listing.
    pub(super) async fn begin_bulk(&self, calendar: &str, wanted: &[String], lacking: usize) -> Result<(), Error> {
        let (fact, read_at) = (self.outline_fact(calendar), self.app.memory.seen(calendar));
        let outline = self.app.memory.fact::<Option<Outline>>(&fact);
        let Some(Some(outline)) = outline.as_deref() else { return Ok(()) };
        let few = lacking < WORTH || lacking * A_THIRD < outline.count();
        if few || read_at.is_none() || !self.app.session.has_multicall().await {
            return Ok(());
        }
        self.app.memory.set_fact::<Option<Outline>>(&fact, None);
        let cuts = outline.cuts(wanted);
        let mut read: Rows = self.app.memory.rows(calendar, cuts.iter().map(|(uid, _)| uid));
        let unread = Memory::lacking(&read, cuts.iter().map(|(uid, _)| uid));
        read.extend(self.read_single(calendar, unread).await?.0);
        let (home, _) = self.with_home(Vec::new()).await?;
        let starts = cuts.iter().filter_map(|(uid, place)| Some((moment(read.get(uid)?, c::START_TIME)?, *place)));
        let pieces = pieces(outline.from, starts.filter(|(at, _)| at.as_second() > outline.from).collect());
        let (left, underway) = watch::channel(pieces.iter().map(|piece| piece.first).collect());
        let fact = self.underway_fact(calendar);
        self.app.memory.set_fact(&fact, Underway { places: Arc::clone(&outline.places), left: underway });
        let (pieces, left) = (Arc::new(Mutex::new(pieces.into_iter())), Arc::new(left));
        for _ in 0..STREAMS {
            let (this, calendar, home) = (self.clone(), calendar.to_owned(), Arc::clone(&home));
            let (pieces, left) = (Arc::clone(&pieces), Arc::clone(&left));
            let next = move || pieces.lock().unwrap_or_else(PoisonError::into_inner).next();
            tokio::spawn(async move {
                while let Some(piece) = next() {
                    this.read_piece(&calendar, read_at, &piece, &home).await;
                    left.send_modify(|left| left.retain(|first| *first != piece.first));
                }
            });
        }
        Ok(())
    }

    /// Waits until what can be read of the wanted events at once is kept, if the calendar is being read. `true`: others still are.
    pub(super) async fn arrived(&self, calendar: &str, wanted: &[String]) -> bool {
        let Some(underway) = self.app.memory.fact::<Underway>(&self.underway_fact(calendar)) else { return false };
        let (mut left, until) = (underway.left.clone(), underway.until(wanted));
        left.wait_for(|left| is_read(left, until)).await.is_ok_and(|left| !left.is_empty())
    }

    /// Reads and keeps the events of some days. What fails is no loss: whatever is missing is read in another way.
    async fn read_piece(&self, calendar: &str, read_at: Option<u64>, piece: &Piece, home: &Arc<Home>) {
        let params = [json!(piece.from), json!(piece.to), json!([calendar])].into_iter().chain(HOW.map(Json::Bool));
        let call = self.app.call("listEvents", params.collect());
        match self.app.session.read_whole(vec![call]).await {
            Ok(answers) => {
                let (user, home) = (self.app.session.user().to_owned(), Arc::clone(home));
                let read =
                    move || answers.iter().flatten().flat_map(|answer| listed::rows(answer, &home, &user)).collect();
                let rows: Rows = tokio::task::spawn_blocking(read).await.unwrap_or_default();
                self.app.memory.keep(calendar, read_at, &rows);
            }
            Err(error) => log::info!("{calendar}: its events cannot be read at once: {error}"),
        }
    }
}

/// Whether all is read up to that place in the listing, when these pieces are still to come.
fn is_read(left: &BTreeSet<usize>, until: usize) -> bool {
    left.first().is_none_or(|first| *first > until)
}

/// Days from `from` on, cut where events of these places in the listing begin; both ends of each piece belong to it.
fn pieces(from: i64, mut cuts: Vec<(Timestamp, usize)>) -> Vec<Piece> {
    let day = |at: Timestamp| TimeZone::UTC.to_datetime(at).strftime("%Y-%m-%d 00:00:00").to_string();
    cuts.sort_unstable();
    let bound = Timestamp::from_second(from).ok().filter(|_| from > 0);
    let mut begin = bound.map_or_else(|| EVER[0].to_owned(), day);
    let mut pieces = Vec::with_capacity(cuts.len() + 1);
    let mut first = 0;
    for (to, next) in cuts.into_iter().map(|(at, place)| (day(at), place + 1)).chain([(EVER[1].to_owned(), 0)]) {
        if to != begin {
            pieces.push(Piece { from: std::mem::replace(&mut begin, to.clone()), to, first });
        }
        first = next;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uids(count: usize) -> Vec<String> {
        (0..count).map(|n| n.to_string()).collect()
    }

    #[test]
    fn a_calendar_is_divided_at_its_milestones() {
        let places = |count: usize, wanted: &[String]| -> Vec<usize> {
            let cuts = Outline::new(0, &uids(count)).unwrap().cuts(wanted);
            cuts.into_iter().map(|(uid, place)| (uid == place.to_string()).then_some(place).unwrap()).collect()
        };
        assert_eq!(places(2500, &uids(100)), [99, 625, 1250, 1875]);
        assert_eq!(places(1200, &["elsewhere".into()]), [600]);
        assert_eq!(places(300, &uids(200)), [199, 150]);
        assert!(Outline::new(0, &uids(20)).is_none());
    }

    #[test]
    fn pieces_end_on_the_days_of_their_cuts() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let piece = |from: &str, to: &str, first| Piece { from: from.into(), to: to.into(), first };
        let [one, two] = ["2025-01-02 00:00:00", "2026-05-01 00:00:00"];
        assert_eq!(
            pieces(0, vec![(at("2026-05-01T10:00:00Z"), 9), (at("2025-01-02T10:00:00Z"), 4)]),
            [piece(EVER[0], one, 0), piece(one, two, 5), piece(two, EVER[1], 10)]
        );
        assert_eq!(
            pieces(0, vec![(at("2025-01-02T10:00:00Z"), 4), (at("2025-01-02T12:00:00Z"), 5)]),
            [piece(EVER[0], one, 0), piece(one, EVER[1], 6)]
        );
        assert_eq!(pieces(86_400, vec![]), [piece("1970-01-02 00:00:00", EVER[1], 0)]);
    }

    #[test]
    fn events_are_waited_for_no_longer_than_needed() {
        let places = Arc::new(Places(uids(9).iter().map(|uid| Places::hash(uid)).collect()));
        let underway = Underway { places, left: watch::channel(BTreeSet::new()).1 };
        assert_eq!(underway.until(&["3".into()]), 3);
        assert_eq!(underway.until(&["7".into(), "3".into()]), 7);
        assert_eq!(underway.until(&["elsewhere".into()]), usize::MAX);
        let left = |firsts: &[usize]| firsts.iter().copied().collect::<BTreeSet<usize>>();
        assert!(!is_read(&left(&[0, 5]), 3) && !is_read(&left(&[5, 10]), 5) && !is_read(&left(&[5]), usize::MAX));
        assert!(is_read(&left(&[5, 10]), 4) && is_read(&left(&[]), usize::MAX));
    }
}
