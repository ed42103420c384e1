use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::timeout;

use super::{super::Store, *};

const LONG: Duration = Duration::from_secs(20);
/// Longer than notices are collected.
const SILENCE: Duration = Duration::from_millis(250);

struct Place {
    dir: tempfile::TempDir,
    edits: Edits,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let edits = Edits::new(dir.path().into());
        Self { dir, edits }
    }

    /// Where only looking helps.
    fn polling() -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let edits = Edits::with(dir.path().into(), false, Duration::from_millis(20));
        Self { dir, edits }
    }

    fn user(&self, name: &str) -> PathBuf {
        let dir = self.dir.path().join(name);
        fs::create_dir_all(&dir).expect("mkdir");
        dir
    }

    fn info(&self, user: &str) -> PathBuf {
        let file = self.user(user).join("info-x1");
        fs::write(&file, "policykey = 1\n").expect("write");
        file
    }

    fn watches(&self) -> usize {
        self.edits.site.watches()
    }
}

async fn told(edit: &mut Edit, what: &str) {
    assert!(timeout(LONG, edit.happened()).await.is_ok(), "{what}: not told");
}

async fn silent(edit: &mut Edit, what: &str) {
    assert!(timeout(SILENCE, edit.happened()).await.is_err(), "{what}: told");
}

/// What is done, and how, with the info file.
type Save = (&'static str, fn(&Path));

/// Ways in which editors save a file.
fn saves() -> Vec<Save> {
    fn beside(file: &Path, name: &str) -> PathBuf {
        file.with_file_name(name)
    }
    vec![
        ("in place", |file| fs::write(file, "policykey = 2\n").expect("write")),
        ("same bytes, same size", |file| fs::write(file, "policykey = 3\n").expect("write")),
        ("touched", |file| fs::File::open(file).and_then(|f| f.set_modified(std::time::UNIX_EPOCH)).expect("touch")),
        ("mode", |file| {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(file, fs::Permissions::from_mode(0o400)).expect("chmod");
            fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("chmod");
        }),
        ("another file renamed into place (sed -i)", |file| {
            fs::write(beside(file, "sedAbC"), "policykey = 4\n").expect("write");
            fs::rename(beside(file, "sedAbC"), file).expect("rename");
        }),
        ("old one renamed to a backup, new one written (vim)", |file| {
            fs::write(beside(file, ".info-x1.swp"), "b0VIM").expect("write");
            fs::write(beside(file, "4913"), "").expect("write");
            fs::remove_file(beside(file, "4913")).expect("remove");
            fs::rename(file, beside(file, "info-x1~")).expect("rename");
            fs::write(file, "policykey = 5\n").expect("write");
            fs::remove_file(beside(file, "info-x1~")).expect("remove");
            fs::remove_file(beside(file, ".info-x1.swp")).expect("remove");
        }),
        ("backup copied, then written in place (nano -B)", |file| {
            fs::copy(file, beside(file, "info-x1~")).expect("copy");
            fs::write(file, "policykey = 6\n").expect("write");
        }),
        ("deleted", |file| fs::remove_file(file).expect("remove")),
        ("made anew", |file| fs::write(file, "policykey = 7\n").expect("write")),
        ("made by a link", |file| {
            fs::write(beside(file, "new"), "policykey = 8\n").expect("write");
            fs::remove_file(file).expect("remove");
            fs::hard_link(beside(file, "new"), file).expect("link");
        }),
    ]
}

#[tokio::test]
async fn every_way_of_saving_is_told_once() {
    let place = Place::new();
    let file = place.info("anna");
    let mut edit = place.edits.of("anna").expect("edit");
    silent(&mut edit, "nothing yet").await;
    for (how, save) in saves() {
        save(&file);
        told(&mut edit, how).await;
        silent(&mut edit, how).await;
    }
}

#[tokio::test]
async fn looking_sees_every_way_of_saving() {
    let place = Place::polling();
    let file = place.info("anna");
    let mut edit = place.edits.of("anna").expect("edit");
    told(&mut edit, "the first look").await;
    silent(&mut edit, "nothing yet").await;
    for (how, save) in saves() {
        save(&file);
        told(&mut edit, how).await;
    }
    silent(&mut edit, "nothing more").await;
    assert_eq!(place.watches(), 0);
    fs::remove_dir_all(place.user("anna")).expect("remove");
    told(&mut edit, "the directory deleted").await;
}

#[tokio::test]
async fn an_edit_before_the_first_look_is_told() {
    let place = Place::polling();
    let file = place.info("anna");
    let mut edit = place.edits.of("anna").expect("edit");
    fs::write(file, "rwstatus = 2\n").expect("write");
    told(&mut edit, "before the first look").await;
}

#[tokio::test]
async fn an_edit_before_the_question_is_told() {
    let place = Place::new();
    let file = place.info("anna");
    let mut edit = place.edits.of("anna").expect("edit");
    fs::write(file, "rwstatus = 2\n").expect("write");
    tokio::time::sleep(SILENCE).await;
    assert!(timeout(Duration::ZERO, edit.happened()).await.is_ok(), "it is known already");
}

#[tokio::test]
async fn all_waiting_devices_of_a_user_are_told_and_no_others() {
    let place = Place::new();
    let file = place.info("anna");
    place.info("bert");
    let mut annas = [place.edits.of("anna").expect("edit"), place.edits.of("anna").expect("edit")];
    let mut bert = place.edits.of("bert").expect("edit");
    assert_eq!(place.watches(), 3, "one per user, and the state directory");
    fs::write(&file, "rwstatus = 2\n").expect("write");
    for anna in &mut annas {
        told(anna, "anna").await;
    }
    fs::write(file.with_file_name("outbox"), "").expect("write");
    fs::create_dir(file.with_file_name("device-x1")).expect("mkdir");
    for other in annas.iter_mut().chain([&mut bert]) {
        silent(other, "other files, other users").await;
    }
    drop(annas);
    assert_eq!(place.watches(), 2, "nobody waits for anna");
    let mut again = place.edits.of("anna").expect("edit");
    silent(&mut again, "what was before").await;
    fs::write(&file, "rwstatus = 3\n").expect("write");
    told(&mut again, "a watch that was made again").await;
}

#[tokio::test]
async fn directories_may_come_and_go() {
    let place = Place::new();
    let mut edit = place.edits.of("anna").expect("edit");
    assert_eq!(place.watches(), 1);
    let file = place.info("anna");
    told(&mut edit, "made later").await;
    silent(&mut edit, "made later, once").await;
    fs::write(&file, "rwstatus = 2\n").expect("write");
    told(&mut edit, "edited in there").await;

    fs::remove_dir_all(place.user("anna")).expect("remove");
    told(&mut edit, "deleted").await;
    let file = place.info("anna");
    told(&mut edit, "made again").await;
    silent(&mut edit, "made again, once").await;
    fs::write(&file, "rwstatus = 3\n").expect("write");
    told(&mut edit, "edited after that").await;

    // As a backup is put back.
    fs::rename(place.user("anna"), place.dir.path().join("old")).expect("rename");
    let new = place.info("new");
    fs::rename(place.user("new"), place.dir.path().join("anna")).expect("rename");
    told(&mut edit, "replaced by another").await;
    silent(&mut edit, "replaced by another, once").await;
    fs::write(place.dir.path().join("old/info-x1"), "").expect("write");
    silent(&mut edit, "edited where it is no more").await;
    assert!(!new.exists());
    fs::write(&file, "rwstatus = 2\n").expect("write");
    told(&mut edit, "edited in the new one").await;
    assert_eq!(place.watches(), 2);
}

/// The kernel keeps so many notices; more are lost, with those that matter among them.
#[tokio::test]
async fn lost_notices_count_as_edits() {
    let place = Place::new();
    let file = place.info("anna");
    let mut anna = place.edits.of("anna").expect("edit");
    let mut bert = place.edits.of("bert").expect("edit");
    let limit = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").expect("limit");
    let limit: usize = limit.trim().parse().expect("number");
    let (one, two) = (file.with_file_name("one"), file.with_file_name("two"));
    fs::write(&one, "").expect("write");
    for _ in 0..limit / 4 + 10 {
        fs::rename(&one, &two).expect("rename");
        fs::rename(&two, &one).expect("rename");
    }
    fs::write(&file, "rwstatus = 2\n").expect("write");
    // Nobody told of this one either.
    let later = place.info("bert");
    told(&mut anna, "lost").await;
    told(&mut bert, "lost").await;
    fs::write(&later, "rwstatus = 2\n").expect("write");
    told(&mut bert, "watched from now on").await;
}

#[tokio::test]
async fn links_are_looked_at() {
    let dir = tempfile::tempdir().expect("dir");
    let (root, elsewhere) = (dir.path().join("state"), dir.path().join("elsewhere"));
    fs::create_dir(&root).expect("mkdir");
    fs::create_dir(&elsewhere).expect("mkdir");
    std::os::unix::fs::symlink(&elsewhere, root.join("anna")).expect("link");
    let edits = Edits::with(root.as_path().into(), true, Duration::from_millis(20));
    let mut edit = edits.of("anna").expect("edit");
    told(&mut edit, "the first look").await;
    silent(&mut edit, "nothing yet").await;
    fs::write(elsewhere.join("info-x1"), "").expect("write");
    told(&mut edit, "behind the link").await;
}

#[tokio::test]
async fn without_the_state_directory_files_are_looked_at() {
    let place = Place::new();
    let root = place.dir.path().join("state");
    fs::create_dir_all(root.join("anna")).expect("mkdir");
    let edits = Edits::with(root.as_path().into(), true, Duration::from_millis(20));
    let mut edit = edits.of("anna").expect("edit");
    fs::rename(&root, place.dir.path().join("moved")).expect("rename");
    told(&mut edit, "moved").await;
    assert_eq!(edits.site.watches(), 0);
    fs::create_dir_all(root.join("anna")).expect("mkdir");
    told(&mut edit, "the first look").await;
    fs::write(root.join("anna/info-x1"), "").expect("write");
    told(&mut edit, "edited").await;
}

#[test]
fn a_second_runtime_is_told_too() {
    let place = Place::new();
    let file = place.info("anna");
    assert!(place.edits.of("anna").is_err(), "no runtime");
    let mut kept = Vec::new();
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        runtime.block_on(async {
            let mut edit = place.edits.of("anna").expect("edit");
            silent(&mut edit, "nothing yet").await;
            fs::write(&file, "rwstatus = 2\n").expect("write");
            told(&mut edit, "edited").await;
            kept.push(edit);
        });
    }
}

#[tokio::test]
async fn the_tasks_end_with_the_store() {
    let dir = tempfile::tempdir().expect("dir");
    let store = Store::open(dir.path()).expect("store");
    let other = store.clone();
    let edit = other.edits().of("anna").expect("edit");
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert_eq!(tasks(), 1);
    let second = store.edits().of("bert").expect("edit");
    assert_eq!(tasks(), 1, "the same notifier");
    drop((store, other, edit));
    assert_eq!(tasks(), 1, "somebody waits still");
    drop(second);
    while tasks() > 0 {
        tokio::task::yield_now().await;
    }
}
