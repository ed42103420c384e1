//! The people whom a user writes to most, as contacts (the recipient information cache, folder type 19). IMP counts them, in the order of their
//! rank; nobody else writes there. Horde has no history of that list, so the last one is kept beside and compared.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{
    Changes, Container, Error, Fetched, Role,
    app::{App, fault, uids},
};
use crate::{horde, proto::class::Properties, state::Beside, wbxml::tag::contacts as c};

/// Id of the container: none of Horde's has a star.
pub const ID: &str = "*people";

const METHOD: &str = "mail.favouriteRecipients";
/// So many people are asked for, as many as Horde's own server does.
const MOST: usize = 100;
/// Longest address, bytes (RFC 5321 4.5.3.1).
const LONGEST: usize = 320;
/// People who have left the list and are remembered.
const MOST_GONE: usize = 500;

/// The container, the same for all users.
pub fn container() -> Container {
    Container { id: ID.to_owned(), name: "Recipients".to_owned(), role: Role::RecipientCache, ..Container::default() }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Person {
    address: String,
    /// The look that found him at this place.
    since: u64,
}

/// The list as it was last seen, the most important first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Book {
    /// Number of the last look that found something new.
    at: u64,
    people: Vec<Person>,
    /// uids of those who have left, and the look that missed them first.
    gone: Vec<(String, u64)>,
    /// Nothing is known of who has left in looks up to this one.
    forgotten: u64,
}

fn uid(address: &str) -> String {
    address.to_lowercase()
}

fn is_address(text: &str) -> bool {
    text.len() <= LONGEST && text.contains('@') && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

impl Book {
    /// Compares with what IMP says now (Unix seconds); `true`: something is new. Numbers never come again, even if what was kept is lost:
    /// they are not smaller than the time.
    fn take(&mut self, addresses: &[String], now: u64) -> bool {
        let mut met = BTreeSet::new();
        let addresses = addresses.iter().filter(|address| is_address(address) && met.insert(uid(address)));
        let addresses: Vec<&String> = addresses.take(MOST).collect();
        if addresses.iter().copied().eq(self.people.iter().map(|person| &person.address)) {
            return false;
        }
        self.at = (self.at + 1).max(now);
        let there: BTreeSet<String> = addresses.iter().map(|address| uid(address)).collect();
        let before = std::mem::take(&mut self.people);
        let left = before.iter().map(|person| uid(&person.address)).filter(|uid| !there.contains(uid));
        self.gone.extend(left.map(|uid| (uid, self.at)));
        self.gone.retain(|(uid, _)| !there.contains(uid));
        let too_many = self.gone.len().saturating_sub(MOST_GONE);
        if let Some((_, last)) = self.gone.drain(..too_many).next_back() {
            self.forgotten = last;
        }
        let person = |(place, address): (usize, &String)| match before.get(place) {
            Some(person) if person.address == *address => person.clone(),
            _ => Person { address: address.clone(), since: self.at },
        };
        self.people = addresses.into_iter().enumerate().map(person).collect();
        true
    }

    fn changes(&self, from: u64) -> Changes {
        let moved = self.people.iter().filter(|person| person.since > from).map(|person| uid(&person.address));
        let gone = self.gone.iter().filter(|(_, at)| *at > from).map(|(uid, _)| uid.clone());
        Changes { add: Vec::new(), modify: moved.collect(), delete: gone.collect(), lost: from < self.forgotten }
    }

    fn uids(&self) -> Vec<String> {
        self.people.iter().map(|person| uid(&person.address)).collect()
    }

    /// Rank 1 is the one who is written to most, as with Horde's own server.
    fn item(&self, wanted: &str) -> Fetched {
        let Some(place) = self.people.iter().position(|person| uid(&person.address) == wanted) else {
            return Fetched::Missing;
        };
        let address = self.people.get(place).map(|person| person.address.clone()).unwrap_or_default();
        let mut item = Properties::default();
        item.set_text(c::FILE_AS, address.clone());
        item.set_text(c::EMAIL1_ADDRESS, address.clone());
        item.set_text(c::ALIAS, address);
        item.set_text(c::WEIGHTED_RANK, (place + 1).to_string());
        Fetched::Item(item)
    }
}

/// The list of one user, as the address books have it.
pub(super) struct People<'a> {
    pub(super) app: &'a App,
    pub(super) beside: &'a Beside,
}

/// What is remembered while the list is believed.
struct Seen;

impl People<'_> {
    fn kept(&self) -> Result<Option<Book>, Error> {
        let kept = self.beside.get(ID).map_err(|e| fault::unavailable(e.to_string()))?;
        // What cannot be read is as good as lost.
        Ok(kept.and_then(|kept| serde_json::from_value(kept).ok()))
    }

    /// The list as it is now; IMP is asked every ten minutes.
    async fn look(&self) -> Result<Book, Error> {
        let fact = format!("{} writes to", self.app.session.user());
        let kept = self.kept()?;
        if self.app.memory.fact::<Seen>(&fact).is_some()
            && let Some(book) = kept
        {
            return Ok(book);
        }
        let mut book = kept.unwrap_or_default();
        let addresses = match self.app.session.read(METHOD, vec![json!(MOST)]).await {
            Ok(answer) => addresses(&answer).ok_or_else(|| fault::strange(METHOD))?,
            // Who may not use IMP, or whose IMP does not count, keeps what there was.
            Err(horde::Error::Fault(text)) => {
                log::info!("whom {} writes to is not told: {text}", self.app.session.user());
                return Ok(book);
            }
            Err(error) => return Err(fault::of_site(error)),
        };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        if book.take(&addresses, now.as_secs()) {
            self.beside.put(ID, &json!(book)).await.map_err(|e| fault::unavailable(e.to_string()))?;
        }
        self.app.memory.set_fact(&fact, Seen);
        Ok(book)
    }

    pub(super) async fn cursor(&self) -> Result<u64, Error> {
        Ok(self.look().await?.at)
    }

    pub(super) async fn list(&self) -> Result<Vec<String>, Error> {
        Ok(self.look().await?.uids())
    }

    pub(super) fn changes(&self, from: u64) -> Result<Changes, Error> {
        Ok(self.kept()?.unwrap_or_default().changes(from))
    }

    pub(super) fn fetch(&self, uids: &[String]) -> Result<Vec<Fetched>, Error> {
        let book = self.kept()?.unwrap_or_default();
        Ok(uids.iter().map(|uid| book.item(uid)).collect())
    }
}

/// Texts only: Horde gives no names.
fn addresses(answer: &Json) -> Option<Vec<String>> {
    uids(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<String> {
        text.split_terminator(' ').map(|name| format!("{name}@example.test")).collect()
    }

    #[test]
    fn people_are_contacts_with_a_rank() {
        let mut book = Book::default();
        let odd = ["Bob@Example.Test", "", "no address", "bob@example.test", "x\n@y", "carol@example.test"];
        assert!(book.take(&odd.map(str::to_owned), 5));
        assert_eq!(book.uids(), ["bob@example.test", "carol@example.test"]);
        let Fetched::Item(item) = book.item("bob@example.test") else { panic!("{book:?}") };
        let expected = [
            (c::FILE_AS, "Bob@Example.Test"),
            (c::EMAIL1_ADDRESS, "Bob@Example.Test"),
            (c::ALIAS, "Bob@Example.Test"),
            (c::WEIGHTED_RANK, "1"),
        ];
        assert_eq!(item.0.len(), expected.len());
        for (tag, text) in expected {
            assert_eq!(item.text(tag), Some(text));
        }
        let Fetched::Item(item) = book.item("carol@example.test") else { panic!("{book:?}") };
        assert_eq!(item.text(c::WEIGHTED_RANK), Some("2"));
        assert_eq!(book.item("Bob@Example.Test"), Fetched::Missing);
        let crowd: Vec<String> = (0..1000).map(|n| format!("{n}@example.test")).collect();
        book.take(&crowd, 5);
        assert_eq!(book.uids().len(), MOST);
    }

    #[test]
    fn differences_between_lists_are_a_history() {
        let mut book = Book::default();
        // list, whether it is new; moved and gone since the list before.
        let table = [
            ("", false, "", ""),
            ("a b c", true, "a b c", ""),
            ("a b c", false, "", ""),
            ("a c b", true, "c b", ""),
            ("a b", true, "b", "c"),
            ("c a b", true, "c a b", ""),
            ("", true, "", "a b c"),
            ("b", true, "b", ""),
        ];
        for (people, new, moved, gone) in table {
            let before = book.at;
            assert_eq!(book.take(&list(people), 3), new, "{people}");
            assert_eq!(book.at > before, new, "{people}");
            let mut changes = book.changes(before);
            changes.delete.sort();
            assert_eq!((changes.modify, changes.delete, changes.lost), (list(moved), list(gone), false), "{people}");
            assert_eq!(book.uids(), list(people));
        }
        // All of it, for one who has been away.
        assert_eq!(book.changes(0).modify, list("b"));
    }

    #[test]
    fn what_is_forgotten_is_told_as_lost() {
        let mut book = Book::default();
        for round in 0..7 {
            book.take(&(0..MOST).map(|n| format!("{round}-{n}@example.test")).collect::<Vec<_>>(), 100);
        }
        assert_eq!((book.at, book.gone.len()), (106, MOST_GONE));
        assert!(book.changes(100).lost && !book.changes(book.forgotten).lost);
    }

    #[test]
    fn numbers_do_not_come_again_when_the_kept_list_is_lost() {
        let (mut before, mut after) = (Book::default(), Book::default());
        before.take(&list("a"), 1000);
        after.take(&list("b"), 2000);
        assert!(after.at > before.at);
    }

    #[test]
    fn answers_of_another_form_are_no_empty_list() {
        assert_eq!(addresses(&json!([])), Some(vec![]));
        assert_eq!(addresses(&json!({"3": "a@example.test"})), Some(list("a")));
        for strange in [json!(null), json!("a@example.test"), json!([["a@example.test"]])] {
            assert_eq!(addresses(&strange), None, "{strange}");
        }
    }
}
