//! Tasks both ways, read back through the other door.

use serde_json::json;

use crate::{
    calendar::no_echo,
    phone::{Request, VERSIONS, change, delete},
    site::Site,
    tree::{El, el, t},
};

const TASKS: u32 = 7;

/// What a phone sends of a task.
fn task(title: &str) -> Vec<El> {
    vec![
        t("Tasks:Subject", title),
        t("Tasks:Importance", 2),
        t("Tasks:UtcStartDate", "2026-12-01T00:00:00.000Z"),
        t("Tasks:StartDate", "2026-12-01T00:00:00.000Z"),
        t("Tasks:UtcDueDate", "2026-12-04T00:00:00.000Z"),
        t("Tasks:DueDate", "2026-12-04T00:00:00.000Z"),
        t("Tasks:Complete", 0),
        t("Tasks:Sensitivity", 2),
        t("Tasks:ReminderTime", "2026-12-03T09:00:00.000Z"),
        t("Tasks:ReminderSet", 1),
        el("Tasks:Categories", [t("Category", "Haus")]),
    ]
}

#[test]
fn both_ways_in_each_version() {
    let site = Site::start("tasks");
    for version in VERSIONS {
        let short = version.replace('.', "");
        let mut phone = site.phone(&format!("tasks{short}"), version);
        phone.pair();
        let list = phone.default_folder(TASKS);
        phone.sync_all(&list);
        let title = format!("Dach decken {short}");
        let id = phone.add_item(&list, task(&title));
        let found = site.horde.tasks()[&title].clone();
        assert_eq!(found["private"].as_u64().or(found["private"].as_bool().map(u64::from)), Some(1), "{found}");
        assert!(found["due"].to_string().trim_matches('"').parse::<i64>().unwrap() > 1_796_000_000, "{found}");
        assert!(found["tags"].to_string().contains("Haus"), "{found}");
        no_echo(&mut phone, &list);

        // Done on the phone.
        let mut fields = task(&title);
        fields.retain(|field| field.name != "Complete");
        fields.push(t("Tasks:Complete", 1));
        fields.push(t("Tasks:DateCompleted", "2026-12-02T10:00:00.000Z"));
        phone.sync(&list, &Request { commands: vec![change(&id, fields)], ..Request::default() });
        let found = site.horde.tasks()[&title].clone();
        assert!(
            found["completed"] == json!(true) || found["completed"] == json!(1) || found["completed"] == json!("1"),
            "{found}"
        );
        no_echo(&mut phone, &list);

        // The web changes the title: another phone and this one see it, with everything that Horde has no place for.
        let (container, internal) = (site.horde.container("tasks"), found["task_id"].as_str().unwrap());
        let renamed = format!("{title}, rot");
        site.horde.call("tasks.updateTask", &json!([container, internal, { "name": renamed }]));
        phone.sync_all(&list);
        let (same, item) = phone.find_by(&list, "Subject", &renamed).expect("the change came");
        assert_eq!(same, id);
        assert_eq!(item.text("Complete"), Some("1"), "{item:?}");
        assert_eq!(item.text("Importance"), Some("2"), "{item:?}");
        assert_eq!(item.text("ReminderTime"), Some("2026-12-03T09:00:00.000Z"), "{item:?}");
        assert_eq!(item.text("DueDate"), Some("2026-12-04T00:00:00.000Z"), "{item:?}");

        phone.sync(&list, &Request { commands: vec![delete(&id)], ..Request::default() });
        assert!(!site.horde.tasks().contains_key(&renamed));
        no_echo(&mut phone, &list);
    }
}

/// FilterType 8: what is done leaves the phone, and nothing is deleted.
#[test]
fn only_what_is_not_done() {
    let site = Site::start("tasksopen");
    let list = site.horde.container("tasks");
    for (name, done) in [("offen", false), ("fertig", true)] {
        site.horde.call("tasks.addTask", &json!([{ "tasklist": list, "name": name, "completed": done }]));
    }
    for version in ["2.5", "14.1"] {
        let mut phone = site.phone(&format!("topen{}", version.replace('.', "")), version);
        phone.pair();
        let folder = phone.default_folder(TASKS);
        phone.prime(&folder, None);
        for (filter, wanted) in [(8, vec!["offen"]), (0, vec!["fertig", "offen"]), (8, vec!["offen"])] {
            phone.sync(&folder, &Request { filter: Some(filter), ..Request::default() });
            let mut titles: Vec<&str> = phone.items(&folder).values().filter_map(|i| i.text("Subject")).collect();
            titles.sort_unstable();
            assert_eq!(titles, wanted, "{filter} in {version}");
        }
        no_echo(&mut phone, &folder);
        assert_eq!(site.horde.tasks().len(), 2);
    }
}

/// Nag cannot be told a rule: every phone of the user has it all the same.
#[test]
fn a_rule_is_kept_for_all_phones() {
    let site = Site::start("tasksrule");
    let mut first = site.phone("trulea", "14.1");
    first.pair();
    let list = first.default_folder(TASKS);
    first.sync_all(&list);
    let mut fields = task("Blumen gießen");
    let rule =
        [t("Type", 1), t("Start", "2026-12-01T00:00:00.000Z"), t("Interval", 1), t("DayOfWeek", 4), t("Regenerate", 0)];
    fields.push(el("Tasks:Recurrence", rule));
    let id = first.add_item(&list, fields);
    no_echo(&mut first, &list);
    for version in ["2.5", "16.1"] {
        let mut other = site.phone(&format!("truleb{}", version.replace('.', "")), version);
        other.pair();
        other.sync_all(&list);
        let item = &other.items(&list)[&id];
        assert_eq!(item.text("Recurrence/Type"), Some("1"), "{item:?}");
        assert_eq!(item.text("Recurrence/DayOfWeek"), Some("4"), "{item:?}");
    }
}
