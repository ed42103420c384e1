//! Which mailboxes of the server are folders of the phone, what they are for, and what they are called there.

use serde_json::json;

use super::{
    Imp,
    fault::of_folder,
    table::{Known, Table},
};
use crate::{
    horde::Call,
    imap::{Code, Connection, Mailbox, Status, utf7},
    source::{Error, Role},
};

/// A folder with a purpose: how the server marks it (RFC 6154), which preference of IMP names it, and what it is usually called; the first
/// name is that of a new one.
struct Special {
    role: Role,
    mark: &'static str,
    preference: &'static str,
    names: &'static [&'static str],
}

const SPECIAL: [Special; 3] = [
    Special {
        role: Role::Drafts,
        mark: "\\drafts",
        preference: "drafts_folder",
        names: &["Drafts", "Draft", "Entwürfe", "Brouillons", "Borradores", "Bozze", "Concepten"],
    },
    Special {
        role: Role::Sent,
        mark: "\\sent",
        preference: "sent_mail_folder",
        names: &["Sent", "Sent Items", "Sent Messages", "Sent Mail", "sent-mail", "Gesendet", "Gesendete Objekte"],
    },
    Special {
        role: Role::Trash,
        mark: "\\trash",
        preference: "trash_folder",
        names: &["Trash", "Deleted Items", "Deleted Messages", "Papierkorb", "Gelöschte Objekte", "Corbeille"],
    },
];

/// What the phone calls the folder that no server has.
const OUTBOX: &str = "Outbox";

/// What the server has.
struct Listing {
    mailboxes: Vec<Mailbox>,
    /// What stands before the names of the user's own mailboxes.
    prefix: String,
}

impl Listing {
    /// The user's own mailbox of that name, in any case.
    fn own(&self, name: &str) -> Option<&Mailbox> {
        let wanted = [format!("{}{name}", self.prefix), name.to_owned()].map(|name| name.to_lowercase());
        let fits = |mailbox: &&Mailbox| wanted.contains(&utf7::decode(&mailbox.name).to_lowercase());
        self.mailboxes.iter().filter(|mailbox| mailbox.is_selectable()).find(fits)
    }

    /// Name of the mailbox for a purpose.
    fn special(&self, special: &Special, preference: &str) -> Option<String> {
        let marked = self.mailboxes.iter().find(|mailbox| mailbox.is(special.mark) && mailbox.is_selectable());
        let found = marked
            .or_else(|| self.own(preference).filter(|_| !preference.is_empty()))
            .or_else(|| special.names.iter().find_map(|name| self.own(name)));
        found.map(|mailbox| mailbox.name.clone()).filter(|name| name != "INBOX")
    }
}

impl Table {
    /// Whether these mailboxes give the same folders, as far as that can be seen without their status.
    pub(super) fn fits(&self, mut mailboxes: Vec<Mailbox>, prefix: String) -> bool {
        for mailbox in mailboxes.iter_mut().filter(|mailbox| mailbox.is_selectable()) {
            let known = self.named(&mailbox.name).filter(|known| !known.hollow);
            let uid_validity = Some(known.map_or(0, |known| known.validity));
            mailbox.status = Some(Status { uid_validity, ..Status::default() });
        }
        let special = self.folders.iter().filter(|known| SPECIAL.iter().any(|special| special.role == known.role));
        let roles: Vec<(Role, String)> = special.map(|known| (known.role, known.name.clone())).collect();
        let now = folders(&Listing { mailboxes, prefix }, &roles);
        let seen = |known: &Known| (known.name.clone(), known.above.clone(), known.hollow, known.role);
        now.iter().map(seen).eq(self.folders.iter().map(seen))
    }
}

impl Imp {
    /// Asks the server for its mailboxes and brings the table up to date. Makes the folders that every phone needs.
    pub(super) async fn survey(&self, connection: &mut Connection) -> Result<Table, Error> {
        let prefix = connection.prefix().await.map_err(of_folder)?;
        let mut listing = Listing { mailboxes: connection.list().await.map_err(of_folder)?, prefix };
        let all_marked = SPECIAL.iter().all(|special| listing.special(special, "").is_some());
        let preferences = if all_marked { Vec::new() } else { self.preferences().await? };
        let preference = |at: usize| preferences.get(at).map(String::as_str).unwrap_or_default();
        let mut made = false;
        for (at, special) in SPECIAL.iter().enumerate() {
            if listing.special(special, preference(at)).is_none() {
                let name =
                    if preference(at).is_empty() { special.names.first().copied() } else { Some(preference(at)) };
                let name = utf7::encode(&format!("{}{}", listing.prefix, name.unwrap_or_default()));
                match connection.create(&name).await {
                    Ok(()) => made = true,
                    Err(error) if error.code().is_some_and(|code| code != Code::Unavailable) => {
                        log::warn!("{} has no {:?} and cannot get one: {error}", self.user(), special.role);
                    }
                    Err(error) => return Err(of_folder(error)),
                }
            }
        }
        if made {
            listing.mailboxes = connection.list().await.map_err(of_folder)?;
        }
        let mut roles = Vec::new();
        for (at, special) in SPECIAL.iter().enumerate() {
            if let Some(name) = listing.special(special, preference(at))
                && !roles.iter().any(|(_, taken)| *taken == name)
            {
                roles.push((special.role, name));
            }
        }
        let old = Table::load(&self.beside)?;
        let mut table = Table { folders: folders(&listing, &roles) };
        table.take_over(&old, super::unix_time());
        if table != old {
            table.store(&self.beside).await?;
        }
        Ok(table)
    }

    /// What IMP calls the folders of [`SPECIAL`].
    async fn preferences(&self) -> Result<Vec<String>, Error> {
        let call = |special: &Special| Call {
            method: "horde.getPreference".to_owned(),
            params: vec![json!("imp"), json!(special.preference)],
        };
        let answers = self.session.batch(SPECIAL.iter().map(call).collect()).await;
        let answers = answers.map_err(crate::source::app::fault::of_site)?;
        Ok(answers
            .into_iter()
            .map(|answer| answer.ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default())
            .collect())
    }
}

/// The folders that are shown, the inbox first and each behind the one in which it lies.
fn folders(listing: &Listing, roles: &[(Role, String)]) -> Vec<Known> {
    let role_of = |name: &str| match name {
        "INBOX" => Role::Inbox,
        name => roles.iter().find(|(_, named)| named == name).map_or(Role::Plain, |(role, _)| *role),
    };
    // As in IMP: the folders to which the user has subscribed, if he has to any beside those that all have.
    let chosen = listing.mailboxes.iter().any(|mailbox| mailbox.subscribed && role_of(&mailbox.name) == Role::Plain);
    let is_shown = |mailbox: &&Mailbox| {
        mailbox.is_selectable() && (!chosen || mailbox.subscribed || role_of(&mailbox.name) != Role::Plain)
    };
    let mut shown: Vec<Known> = Vec::new();
    let mut mailboxes: Vec<&Mailbox> = listing.mailboxes.iter().filter(is_shown).collect();
    mailboxes.sort_by_cached_key(|mailbox| (mailbox.name != "INBOX", utf7::decode(&mailbox.name).to_lowercase()));
    for mailbox in mailboxes {
        // A mailbox of which nothing is told cannot be followed.
        let Some(validity) = mailbox.status.as_ref().and_then(|status| status.uid_validity) else {
            log::warn!("mailbox {:?} is left out: the server tells no UIDVALIDITY", mailbox.name);
            continue;
        };
        let above = parents(listing, mailbox, &mut shown);
        let guid = mailbox.status.as_ref().and_then(|status| status.id.clone());
        if let Some(there) = shown.iter_mut().find(|there| there.name == mailbox.name) {
            (there.hollow, there.validity, there.guid) = (false, validity, guid);
            continue;
        }
        let role = role_of(&mailbox.name);
        shown.push(Known {
            name: mailbox.name.clone(),
            shown: if role == Role::Inbox { "Inbox".to_owned() } else { last(mailbox, listing) },
            above,
            role,
            validity,
            guid,
            ..Known::default()
        });
    }
    let outbox = Known {
        name: format!("\0{OUTBOX}"),
        shown: OUTBOX.to_owned(),
        role: Role::Outbox,
        hollow: true,
        ..Known::default()
    };
    shown.push(outbox);
    shown
}

/// The levels of a name below the prefix, each with the whole name up to it.
fn levels(mailbox: &Mailbox, prefix: &str) -> Vec<(String, String)> {
    let Some(delimiter) = mailbox.delimiter else { return vec![(mailbox.name.clone(), mailbox.name.clone())] };
    let (start, rest) = match mailbox.name.strip_prefix(prefix).filter(|rest| !rest.is_empty()) {
        Some(rest) => (prefix, rest),
        None => ("", mailbox.name.as_str()),
    };
    let mut whole = start.to_owned();
    let mut levels = Vec::new();
    for piece in rest.split(delimiter) {
        if !levels.is_empty() {
            whole.push(delimiter);
        }
        whole.push_str(piece);
        levels.push((whole.clone(), piece.to_owned()));
    }
    levels
}

fn last(mailbox: &Mailbox, listing: &Listing) -> String {
    let levels = levels(mailbox, &listing.prefix);
    let name = utf7::decode(levels.last().map(|(_, piece)| piece.as_str()).unwrap_or_default());
    if name.trim().is_empty() { "?".to_owned() } else { name.chars().filter(|c| !c.is_control()).collect() }
}

/// Adds the folders above one that are not shown for themselves; gives the name of the one in which it lies.
fn parents(listing: &Listing, mailbox: &Mailbox, shown: &mut Vec<Known>) -> Option<String> {
    let mut above = None;
    let mut levels = levels(mailbox, &listing.prefix);
    levels.pop();
    for (name, piece) in levels {
        let name = if name.eq_ignore_ascii_case("inbox") { "INBOX".to_owned() } else { name };
        if !shown.iter().any(|there| there.name == name) {
            // One that is there but not chosen, or not there at all, is shown without its messages.
            let shown_as = utf7::decode(&piece);
            shown.push(Known {
                name: name.clone(),
                shown: shown_as,
                above: above.clone(),
                hollow: true,
                ..Known::default()
            });
        }
        above = Some(name);
    }
    above
}

impl Imp {
    /// The folder with that id. The server is asked when it is not known.
    pub(super) async fn known(&self, connection: &mut Connection, container: &str) -> Result<Known, Error> {
        let table = Table::load(&self.beside)?;
        if let Some(known) = table.find(container) {
            return Ok(known.clone());
        }
        self.survey(connection).await?.find(container).cloned().ok_or(Error::ContainerGone)
    }

    /// The folder for a purpose.
    pub(super) async fn special(&self, connection: &mut Connection, role: Role) -> Result<Option<Known>, Error> {
        let table = Table::load(&self.beside)?;
        if let Some(known) = table.role(role) {
            return Ok(Some(known.clone()));
        }
        Ok(self.survey(connection).await?.role(role).cloned())
    }

    /// Name of a new folder below another, or at the top.
    pub(super) async fn name_below(
        &self,
        connection: &mut Connection,
        parent: Option<&Known>,
        name: &str,
    ) -> Result<String, Error> {
        let delimiter = connection.list().await.map_err(of_folder)?.iter().find_map(|mailbox| mailbox.delimiter);
        let control = name.chars().any(char::is_control);
        if name.trim().is_empty() || control || name.len() > 200 || delimiter.is_some_and(|d| name.contains(d)) {
            return Err(Error::Refused(format!("{name:?} can be no name of a folder")));
        }
        match (parent, delimiter) {
            (None, _) => {
                let prefix = connection.prefix().await.map_err(of_folder)?;
                Ok(format!("{prefix}{}", utf7::encode(name)))
            }
            (Some(parent), Some(delimiter)) => Ok(format!("{}{delimiter}{}", parent.name, utf7::encode(name))),
            (Some(_), None) => Err(Error::Refused("the server has no folders within folders".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(name: &str, attributes: &[&str], subscribed: bool) -> Mailbox {
        Mailbox {
            name: name.into(),
            delimiter: Some('/'),
            attributes: attributes.iter().map(|&a| a.to_owned()).collect(),
            subscribed,
            status: Some(Status { uid_validity: Some(7), ..Status::default() }),
        }
    }

    fn shown(listing: &Listing) -> Vec<(String, String, Option<String>, bool)> {
        let folders = folders(listing, &[(Role::Sent, "Sent".into())]);
        folders.into_iter().map(|f| (f.name, f.shown, f.above, f.hollow)).filter(|f| !f.0.starts_with('\0')).collect()
    }

    fn is(name: &str, shown: &str, above: Option<&str>, hollow: bool) -> (String, String, Option<String>, bool) {
        (name.into(), shown.into(), above.map(Into::into), hollow)
    }

    #[test]
    fn parents_come_before_their_children_and_the_inbox_first() {
        let listing = Listing {
            prefix: String::new(),
            mailboxes: vec![
                mailbox("b/&APw-/c", &[], false),
                mailbox("b", &["\\noselect"], false),
                mailbox("Sent", &[], false),
                mailbox("INBOX/x", &[], false),
                mailbox("INBOX", &[], false),
            ],
        };
        let expected = [
            is("INBOX", "Inbox", None, false),
            is("b", "b", None, true),
            is("b/&APw-", "ü", Some("b"), true),
            is("b/&APw-/c", "c", Some("b/&APw-"), false),
            is("INBOX/x", "x", Some("INBOX"), false),
            is("Sent", "Sent", None, false),
        ];
        assert_eq!(shown(&listing), expected);
    }

    #[test]
    fn subscriptions_choose_when_there_are_any() {
        let with = |subscribed| Listing {
            prefix: String::new(),
            mailboxes: vec![
                mailbox("INBOX", &[], false),
                mailbox("Sent", &[], true),
                mailbox("a", &[], subscribed),
                mailbox("b", &[], false),
            ],
        };
        assert_eq!(shown(&with(false)).len(), 4);
        assert_eq!(shown(&with(true)).iter().map(|f| f.0.as_str()).collect::<Vec<_>>(), ["INBOX", "a", "Sent"]);
    }

    #[test]
    fn a_prefix_is_no_folder() {
        let mut mailboxes =
            vec![mailbox("INBOX", &[], false), mailbox("INBOX.a", &[], false), mailbox("INBOX.a.b", &[], false)];
        mailboxes.iter_mut().for_each(|mailbox| mailbox.delimiter = Some('.'));
        let listing = Listing { prefix: "INBOX.".into(), mailboxes };
        let expected = [
            is("INBOX", "Inbox", None, false),
            is("INBOX.a", "a", None, false),
            is("INBOX.a.b", "b", Some("INBOX.a"), false),
        ];
        assert_eq!(shown(&listing), expected);
        assert_eq!(listing.own("A").unwrap().name, "INBOX.a");
    }

    #[test]
    fn purposes_by_mark_by_preference_by_name() {
        let trash = &SPECIAL[2];
        let listing = Listing {
            prefix: String::new(),
            mailboxes: vec![
                mailbox("Papierkorb", &[], false),
                mailbox("weg", &[], false),
                mailbox("x", &["\\trash"], false),
            ],
        };
        assert_eq!(listing.special(trash, "weg").as_deref(), Some("x"));
        let listing = Listing { mailboxes: listing.mailboxes[..2].to_vec(), ..listing };
        assert_eq!(listing.special(trash, "weg").as_deref(), Some("weg"));
        assert_eq!(listing.special(trash, "gone").as_deref(), Some("Papierkorb"));
        assert_eq!(listing.special(&SPECIAL[1], ""), None);
    }
}
