//! Notes both ways (from 14.0 on), read back through the other door.

use serde_json::json;

use crate::{
    calendar::no_echo,
    phone::{Request, VERSIONS, change, delete},
    site::Site,
    tree::{El, el, t},
};

const NOTES: u32 = 10;

fn note(title: &str, text: &str) -> Vec<El> {
    vec![
        t("Notes:Subject", title),
        t("Notes:MessageClass", "IPM.StickyNote"),
        el("Notes:Categories", [t("Category", "Küche")]),
        el("AirSyncBase:Body", [t("Type", 1), t("Data", text)]),
    ]
}

#[test]
fn both_ways_in_each_version_that_has_notes() {
    let site = Site::start("notes");
    for version in VERSIONS {
        let short = version.replace('.', "");
        let mut phone = site.phone(&format!("notes{short}"), version);
        phone.pair();
        if !phone.at_least("14.0") {
            assert!(phone.folders.values().all(|f| f.kind != NOTES), "{:?}", phone.folders);
            continue;
        }
        let pad = phone.default_folder(NOTES);
        phone.sync_all(&pad);
        let title = format!("Rezept {short}");
        let id = phone.add_item(&pad, note(&title, &format!("{title}\r\n500 g Mehl\r\nWürze")));
        let uids = site.horde.uids_of("notes");
        assert_eq!(uids.len(), 1);
        let text = site.horde.export("notes", &uids[0]);
        assert!(text.contains(&title) && text.contains("500 g Mehl") && text.contains("Küche"), "{text}");
        no_echo(&mut phone, &pad);

        phone.sync(
            &pad,
            &Request {
                commands: vec![change(&id, note(&title, &format!("{title}\r\n600 g Mehl")))],
                ..Request::default()
            },
        );
        assert_eq!(site.horde.uids_of("notes"), uids, "changed, not made anew");
        let text = site.horde.export("notes", &uids[0]);
        assert!(text.contains("600 g Mehl") && !text.contains("Würze"), "{text}");
        no_echo(&mut phone, &pad);

        let pad_id = site.horde.container("notes");
        let made =
            site.horde.call("notes.import", &json!([format!("Vom Netz {short}\nzweite Zeile"), "text/plain", pad_id]));
        phone.sync_all(&pad);
        let (from_web, item) = phone.find_by(&pad, "Subject", &format!("Vom Netz {short}")).expect("the note came");
        assert!(item.text("Body/Data").unwrap().contains("zweite Zeile"), "{item:?}");
        assert_eq!(item.text("MessageClass"), Some("IPM.StickyNote"), "{item:?}");
        assert!(item.text("LastModifiedDate").is_some_and(|d| d.len() == 16), "{item:?}");

        phone.sync(&pad, &Request { commands: vec![delete(&id), delete(&from_web)], ..Request::default() });
        let left = site.horde.uids_of("notes");
        assert!(!left.contains(&uids[0]) && !left.iter().any(|u| made == json!(u)), "{left:?}");
        no_echo(&mut phone, &pad);
    }
}
