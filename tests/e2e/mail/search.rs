//! Search, Find, and what the settings say.

use super::{Post, plain};
use crate::{
    phone_mail::{Origin, Outgoing, preference, properties},
    tree::{El, el, empty, t},
};

fn filled(test: &str) -> Post {
    let post = Post::start(test);
    let mut mailbox = post.mailbox();
    mailbox.create("Reisen");
    mailbox.append_at("INBOX", "01-Mar-2026 10:00:00 +0000", &plain("alpha", "The lighthouse is closed."));
    mailbox.append_at("INBOX", "01-Apr-2026 10:00:00 +0000", &plain("beta", "Nothing here."));
    mailbox.append_at("Reisen", "01-May-2026 10:00:00 +0000", &plain("gamma", "Another lighthouse, größer."));
    mailbox.append_at("Reisen", "01-Jun-2026 10:00:00 +0000", &plain("lighthouse in the subject", "x"));
    post
}

/// Subjects of the results, in alphabetical order.
fn found(store: &El) -> Vec<String> {
    let results = store.all("Result").filter_map(|r| Some(r.text("Properties/Subject")?.to_owned()));
    let mut results: Vec<String> = results.collect();
    results.sort();
    results
}

#[test]
fn search_finds_text_everywhere_or_somewhere() {
    let post = filled("searching");
    for version in ["12.0", "12.1", "14.1", "16.1"] {
        let mut phone = post.phone(version);
        let inbox = phone.default_folder(super::INBOX);
        let trips = phone.folder_called("Reisen").unwrap();
        let class = || t("AirSync:Class", "Email");
        let text = |words: &str| t("FreeText", words);
        let deep = || vec![t("Range", "0-99"), empty("DeepTraversal"), preference(1, Some(500))];
        let mut search = |query: Vec<El>, options: Vec<El>| {
            let store = phone.search(query, options);
            assert!(matches!(store.number("Status"), Some(1)), "{version}: {store:?}");
            store
        };
        let all = search(vec![class(), text("lighthouse")], deep());
        assert_eq!(found(&all), ["alpha", "gamma", "lighthouse in the subject"], "{version}");
        assert_eq!(all.text("Total"), Some("3"), "{version}: {all:?}");
        assert_eq!(all.text("Range"), Some("0-2"), "{version}");
        let one = search(vec![class(), t("AirSync:CollectionId", &inbox), text("lighthouse")], vec![t("Range", "0-9")]);
        assert_eq!(found(&one), ["alpha"], "{version}");
        let umlaut = search(vec![class(), t("AirSync:CollectionId", &trips), text("größer")], deep());
        assert_eq!(found(&umlaut), ["gamma"], "{version}");
        let dated = |name: &str, date: &str| el(name, [empty("Email:DateReceived"), t("Value", date)]);
        let query = vec![
            class(),
            text("lighthouse"),
            dated("GreaterThan", "2026-04-15T00:00:00.000Z"),
            dated("LessThan", "2026-05-20T00:00:00.000Z"),
        ];
        assert_eq!(found(&search(query, deep())), ["gamma"], "{version}");
        let none = search(vec![class(), text("nowhere to be found")], deep());
        assert!(found(&none).is_empty() && none.number("Total").unwrap_or(0) == 0, "{version}: {none:?}");
        let rest = search(vec![class(), text("lighthouse")], vec![t("Range", "2-9"), empty("DeepTraversal")]);
        assert_eq!(rest.all("Result").count(), 1, "{version}: {rest:?}");
        // The newest first.
        let first = search(vec![class(), text("lighthouse")], vec![t("Range", "0-0"), empty("DeepTraversal")]);
        assert_eq!(found(&first), ["lighthouse in the subject"], "{version}");
    }
}

#[test]
fn a_result_can_be_fetched_and_answered() {
    let post = filled("longid");
    let friend = post.site.lab.user("friend");
    for version in ["12.1", "14.1", "16.1"] {
        let mut phone = post.phone(version);
        let query = vec![t("AirSync:Class", "Email"), t("FreeText", "Another lighthouse")];
        let store = phone.search(query, vec![empty("DeepTraversal")]);
        let id = store.text("Result/LongId").unwrap_or_else(|| panic!("{version}: {store:?}")).to_owned();
        let options = el("Options", [preference(1, None)]);
        let fetch = el("Fetch", [t("Store", "Mailbox"), t("Search:LongId", &id), options]);
        let got = properties(phone.item_operations(vec![fetch]).doc());
        assert!(got.text("Body/Data").unwrap().contains("Another lighthouse, größer."), "{version}: {got:?}");
        let mime = format!("To: {}\r\nSubject: Re: gamma {version}\r\n\r\nNoted.\r\n", super::address(&friend));
        let mail = Outgoing { origin: Some(Origin::Long(&id)), ..Outgoing::new(mime.as_bytes()) };
        crate::phone_mail::sent(&phone.submit("SmartReply", &mail));
        assert!(post.mailbox().called("Reisen", "gamma").unwrap().has("\\Answered"), "{version}");
    }
    post.mailbox_of(&friend).wait("INBOX", 3);
}

#[test]
fn find_of_the_newest_version() {
    let post = filled("finding");
    let mut phone = post.phone("16.1");
    let trips = phone.folder_called("Reisen").unwrap();
    let deep = || vec![t("Range", "0-9"), empty("DeepTraversal")];
    let all = phone.find_mail("lighthouse", None, deep());
    assert_eq!(all.number("Status"), Some(1), "{all:?}");
    assert_eq!(found(&all), ["alpha", "gamma", "lighthouse in the subject"]);
    for result in all.all("Result") {
        assert!(result.get("ServerId").is_some() && result.get("CollectionId").is_some(), "{result:?}");
        assert!(result.text("Properties/From").is_some_and(|f| f.contains("anna@example.test")), "{result:?}");
    }
    assert_eq!(found(&phone.find_mail("lighthouse", Some(&trips), deep())), ["gamma", "lighthouse in the subject"]);
    assert_eq!(found(&phone.find_mail("subject:lighthouse", None, deep())), ["lighthouse in the subject"]);
    let late = phone.find_mail("lighthouse", None, vec![t("Range", "5-9")]);
    assert!(matches!(late.number("Status"), Some(1 | 4)), "{late:?}");
}

#[test]
fn out_of_office_is_a_vacation_of_the_mail_filters() {
    let post = Post::start("oof");
    let message = |who: &str, text: &str| {
        el("OofMessage", [empty(who), t("Enabled", 1), t("ReplyMessage", text), t("BodyType", "Text")])
    };
    for version in ["12.0", "12.1", "14.1", "16.1"] {
        let mut phone = post.phone(version);
        let mut settings = |what: El| {
            let answer = phone.command("Settings", &el("Settings:Settings", [el("Oof", [what])]));
            assert_eq!(answer.status(), Some(1), "{version}: {:?}", answer.doc);
            let oof = answer.doc().get("Oof").unwrap().clone();
            assert_eq!(oof.number("Status"), Some(1), "{version}: {:?}", answer.doc);
            oof
        };
        let get = || el("Get", [t("BodyType", "Text")]);
        let reply = format!("Bin im Urlaub, größere Pause. {version}");
        settings(el("Set", [t("OofState", 1), message("AppliesToInternal", &reply)]));
        let told = settings(get());
        assert_eq!(told.number("Get/OofState"), Some(1), "{version}: {told:?}");
        let messages: Vec<&El> = told.get("Get").unwrap().all("OofMessage").collect();
        assert!(messages.iter().any(|m| m.text("ReplyMessage").map(str::trim) == Some(&reply)), "{version}: {told:?}");
        let script = post.site.lab.dir.join("mail").join(&post.site.horde.user).join(".dovecot.sieve");
        let script = std::fs::read_to_string(&script).unwrap_or_else(|e| panic!("{}: {e}", script.display()));
        assert!(script.contains("vacation") && script.contains(&reply), "{version}: {script}");
        let timed = [
            t("OofState", 2),
            t("StartTime", "2030-01-01T00:00:00.000Z"),
            t("EndTime", "2030-01-10T00:00:00.000Z"),
            message("AppliesToInternal", &reply),
        ];
        settings(el("Set", timed));
        let told = settings(get());
        assert_eq!(told.number("Get/OofState"), Some(2), "{version}: {told:?}");
        assert!(
            told.text("Get/StartTime").is_some_and(|s| s.starts_with("2030-01-01") || s.starts_with("2029-12-31")),
            "{told:?}"
        );
        settings(el("Set", [t("OofState", 0)]));
        assert_eq!(settings(get()).number("Get/OofState"), Some(0), "{version}");
    }
}

#[test]
fn user_information_names_the_address() {
    let post = Post::start("userinfo");
    for version in ["12.0", "12.1", "14.0", "14.1", "16.1"] {
        let mut phone = post.phone(version);
        let answer = phone.command("Settings", &el("Settings:Settings", [el("UserInformation", [empty("Get")])]));
        let path = if phone.at_least("14.1") {
            "UserInformation/Get/Accounts/Account/EmailAddresses"
        } else {
            "UserInformation/Get/EmailAddresses"
        };
        let addresses = answer.doc().get(path).unwrap_or_else(|| panic!("{version}: {:?}", answer.doc));
        assert!(addresses.all("SMTPAddress").any(|a| a.text == post.address()), "{version}: {:?}", answer.doc);
    }
}
