//! Out-of-office replies, read back from Ingo, and the user's addresses.

use serde_json::json;

use crate::{
    phone::Phone,
    site::Site,
    tree::{El, el, empty, t},
};

fn oof(phone: &mut Phone, ask: El) -> El {
    let request = el("Settings:Settings", [el("Oof", [ask])]);
    let answer = phone.post("Settings", &request.encode());
    answer.doc.unwrap().get("Oof").unwrap().clone()
}

fn message(audience: &str, enabled: u8, text: &str, kind: &str) -> El {
    el("OofMessage", [empty(audience), t("Enabled", enabled), t("ReplyMessage", text), t("BodyType", kind)])
}

fn get(phone: &mut Phone, kind: &str) -> El {
    let answer = oof(phone, el("Get", [t("BodyType", kind)]));
    assert_eq!(answer.number("Status"), Some(1), "{answer:?}");
    answer.get("Get").unwrap().clone()
}

fn told(get: &El, audience: &str) -> (Option<u32>, Option<String>) {
    let of = get.children.iter().find(|m| m.name == "OofMessage" && m.get(audience).is_some()).unwrap();
    (of.number("Enabled"), of.text("ReplyMessage").map(str::to_owned))
}

#[test]
fn out_of_office_both_ways() {
    let site = Site::start("oof");
    let mut phone = site.phone("oof", "14.1");
    phone.pair();
    assert_eq!(get(&mut phone, "Text").number("OofState"), Some(0));

    let set = [
        t("OofState", 2),
        t("StartTime", "2030-01-10T00:00:00.000Z"),
        t("EndTime", "2030-01-20T00:00:00.000Z"),
        message("AppliesToInternal", 1, "Ask Bob in room 5", "Text"),
        message("AppliesToExternalKnown", 1, "<p>I am away.</p>", "HTML"),
        message("AppliesToExternalUnknown", 0, "nothing", "Text"),
    ];
    assert_eq!(oof(&mut phone, el("Set", set)).number("Status"), Some(1));
    let there = site.horde.call("filter.getVacation", &json!([]));
    assert_eq!(there["reason"], "I am away.", "no stranger reads what is for colleagues: {there}");
    assert_eq!((&there["disabled"], there["start"].as_i64()), (&json!(false), Some(1_894_233_600)), "{there}");

    let now = get(&mut phone, "Text");
    assert_eq!(now.number("OofState"), Some(2));
    assert_eq!(now.text("EndTime"), Some("2030-01-20T00:00:00.000Z"));
    assert_eq!(told(&now, "AppliesToInternal"), (Some(1), Some("Ask Bob in room 5".into())));
    assert_eq!(told(&now, "AppliesToExternalKnown"), (Some(1), Some("I am away.".into())));
    assert_eq!(told(&now, "AppliesToExternalUnknown").0, Some(0));
    assert_eq!(told(&get(&mut phone, "HTML"), "AppliesToExternalKnown").1.as_deref(), Some("<p>I am away.</p>"));

    // Off: the texts stay.
    assert_eq!(oof(&mut phone, el("Set", [t("OofState", 0)])).number("Status"), Some(1));
    assert_eq!(site.horde.call("filter.getVacation", &json!([]))["disabled"], json!(true));
    let off = get(&mut phone, "Text");
    assert_eq!(
        (off.number("OofState"), told(&off, "AppliesToInternal").1.as_deref()),
        (Some(0), Some("Ask Bob in room 5"))
    );

    // The web's reply goes for all.
    site.horde.call("filter.setVacation", &json!([{ "reason": "From the web", "start": 0, "end": 0 }, true]));
    let web = get(&mut phone, "Text");
    assert_eq!(web.number("OofState"), Some(1));
    for audience in ["AppliesToInternal", "AppliesToExternalKnown", "AppliesToExternalUnknown"] {
        assert_eq!(told(&web, audience), (Some(1), Some("From the web".into())));
    }

    for wrong in [vec![t("OofState", 2)], vec![t("OofState", 7)]] {
        assert_eq!(oof(&mut phone, el("Set", wrong)).number("Status"), Some(5));
    }
    assert_eq!(get(&mut phone, "Text").number("OofState"), Some(1), "what was refused changed nothing");
}

/// Bare addresses up to 14.0, an account with its main address from 14.1 on; those of all identities.
#[test]
fn the_addresses_of_all_identities() {
    let site = Site::start("addresses");
    let identities = "a:2:{i:0;a:2:{s:2:\"id\";s:1:\"a\";s:9:\"from_addr\";s:14:\"a@example.test\";}\
                      i:1;a:2:{s:2:\"id\";s:1:\"b\";s:9:\"from_addr\";s:14:\"b@example.test\";}}";
    for (name, value) in [("identities", identities), ("default_identity", "1")] {
        site.horde.call("horde.setPreference", &json!(["horde", name, value]));
    }
    for version in ["12.1", "14.0", "14.1", "16.1"] {
        let mut phone = site.phone(&format!("addresses{}", version.replace('.', "")), version);
        phone.pair();
        let request = el("Settings:Settings", [el("UserInformation", [empty("Get")])]);
        let answer = phone.post("Settings", &request.encode()).doc.unwrap();
        let get = answer.get("UserInformation").and_then(|part| part.get("Get")).unwrap().clone();
        let has_accounts = ["14.1", "16.1"].contains(&version);
        let holder =
            if has_accounts { get.get("Accounts").and_then(|a| a.get("Account")).unwrap().clone() } else { get };
        let addresses = holder.get("EmailAddresses").unwrap();
        let all: Vec<&str> =
            addresses.children.iter().filter(|a| a.name == "SMTPAddress").map(|a| a.text.as_str()).collect();
        assert_eq!(all, ["b@example.test", "a@example.test"], "{version}");
        assert_eq!(addresses.text("PrimarySmtpAddress"), has_accounts.then_some("b@example.test"), "{version}");
    }
}
