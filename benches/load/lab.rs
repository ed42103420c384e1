//! Waiting phones against the real Horde of `tests/lab`: through lighttpd, through Apache, and at Horde's own server, in the same run.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    changes::{Changes, Made, Seen},
    crowd::{self, Crowd, Mode},
    device::{INBOX, KINDS, Phone},
    door::Door,
    horde::{Horde, Lab},
    mailbox::{deliver, servers},
    options::Options,
    proc,
    report::{self, figure, line, mb},
    side::php,
    site::{self, Site},
};

/// As many phones as the web servers of the tests hold.
const MOST: usize = 300;
/// Phones that pair at the same time: as many as PHP has workers, of which Horde's own server needs one for each.
const PAIRING: usize = 4;
/// The heartbeat at Horde's own server, whose processes stay until it is over: its minimum.
const SHORTEST: u32 = 60;
/// How long a phone looks for an answer of a server without a free process.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who changes things.
struct Users<'a> {
    lab: &'a Lab,
    list: Vec<Horde>,
}

impl<'a> Users<'a> {
    /// Users who have been there before: with a contact and a mail, so that all their folders exist.
    fn new(lab: &'a Lab, count: usize) -> Self {
        let users = Self { lab, list: (0..count).map(|_| lab.user("load")).collect() };
        for number in 0..count {
            users.contact("Old", number);
            users.mail(number);
        }
        users
    }

    /// So many phones of each.
    fn phones(&self, door: &Arc<Door>, devices: usize, count: usize) -> Vec<Phone> {
        let new = |n: usize| {
            let user = &self.list[n / devices];
            Phone::new(door, &user.user, &user.password, &format!("load{n:06}"), n)
        };
        (0..count).map(new).collect()
    }

    /// A contact that a user makes in another session.
    fn contact(&self, name: &str, number: usize) -> Made {
        let user = number % self.list.len();
        let title = format!("{name} {number}");
        let fields = json!({ "firstname": "New", "lastname": title });
        let horde = &self.list[user];
        horde.call("contacts.import", &json!([fields, "array", horde.book()]));
        Made { user, kind: 0, title }
    }

    /// A mail that is delivered.
    fn mail(&self, number: usize) -> Made {
        let user = number % self.list.len();
        let title = format!("Mail {number}");
        let mail = format!("From: a@example.test\r\nSubject: {title}\r\n\r\nShort.\r\n");
        deliver(self.lab, &format!("{}@example.test", self.list[user].user), mail.as_bytes());
        Made { user, kind: INBOX, title }
    }
}

/// A contact of each user, then a mail to each, one a second: when the phones hear of it.
async fn follow(options: &Options, users: &Users<'_>, crowd: &mut Crowd, mut changes: Changes) -> [Seen; 2] {
    let (count, period) = (users.list.len(), Duration::from_secs(1));
    let contacts = changes.follow(options, crowd, count, period, |n| users.contact("Contact", n)).await;
    changes.fetched(crowd).await;
    crowd.settle(options.tick, Duration::from_secs(60)).await;
    let mails = changes.follow(options, crowd, count, period, |n| users.mail(n)).await;
    changes.fetched(crowd).await;
    crowd.tell(Mode::Leave);
    [contacts, mails]
}

const WHAT: [&str; 2] = ["a contact made over RPC by another session", "a mail delivered"];

/// What a web server and the bridge behind it take.
struct Taken {
    bridge: proc::Memory,
    web: u64,
}

impl Taken {
    fn now(site: &Site) -> Self {
        // Besides this program only the two servers run.
        let not_web = |pid: &u32| *pid != std::process::id() && *pid != site.pid();
        let web: Vec<u32> = proc::family(std::process::id()).into_iter().filter(not_web).collect();
        Self { bridge: proc::memory(site.pid()), web: proc::proportional(&web) }
    }
}

/// The bridge behind a web server.
async fn ours(lab: &Lab, options: &Options, front: site::Door) {
    println!("\nhorde-eas behind {front:?}");
    let rpc = lab.rpc();
    let mails = servers(lab.port("P_IMAP"), lab.port("P_SMTP"));
    let config = format!(
        "[horde]\nurl = \"http://{rpc}/horde/rpc.php\"\n[ping]\ntick = {}\n{mails}{}",
        options.tick.as_secs(),
        options.config
    );
    let site = Site::with("load", front, &config);
    let door = Arc::new(Door::Http(site.door));
    let users = Users::new(lab, options.users());
    let since = Instant::now();
    let paired = crowd::pair(users.phones(&door, options.devices, options.phones), options.heartbeat, PAIRING).await;
    line(&format!("{} phones paired", paired.len()), &format!("{:.1} s", since.elapsed().as_secs_f64()));
    let before = Taken::now(&site);
    let mut crowd = Crowd::start(paired);
    crowd.settle(2 * options.tick, Duration::from_secs(60)).await;
    let after = Taken::now(&site);
    let each = |before: u64, after: u64| format!("{:.1} KiB", after.saturating_sub(before) as f64 / crowd.size as f64);
    let (anonymous, own) = (before.bridge.anonymous, after.bridge.anonymous);
    line(
        "memory for each waiting phone, bridge",
        &format!("{} ({} in all)", each(anonymous, own), mb(after.bridge.resident)),
    );
    line("  and web server", &format!("{} ({} in all)", each(before.web, after.web), mb(after.web)));
    // From between two ticks to between two ticks.
    let asked = php(lab, "rpc");
    while php(lab, "rpc") == asked {}
    tokio::time::sleep(options.tick / 2).await;
    let asked = php(lab, "rpc");
    tokio::time::sleep(options.idle).await;
    let asked = (php(lab, "rpc") - asked) as f64 / (options.idle.as_secs_f64() / options.tick.as_secs_f64());
    figure("PHP requests per tick while nothing changes", &format!("{asked:.1}"), "at most 3", asked <= 3.0);
    for (what, mut seen) in WHAT.into_iter().zip(follow(options, &users, &mut crowd, Changes::default()).await) {
        line(what, &format!("{} of them", users.list.len()));
        seen.print(options);
    }
    if report::wrongs() > 0 {
        let log = site.log();
        let bad = log.lines().filter(|line| !line.contains("INFO") && !line.trim().is_empty());
        bad.take(20).for_each(|line| println!("{line}"));
    }
}

/// The PHP processes of Horde's own server.
fn workers(lab: &Lab) -> Vec<u32> {
    let master = std::fs::read_to_string(lab.dir.join("run/php-fpm.pid")).unwrap().trim().parse().unwrap();
    let title = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    proc::family(master).into_iter().filter(|pid| title(*pid).contains("pool eas")).collect()
}

/// Horde's own server, with as many phones as it has processes.
async fn theirs(lab: &Lab, options: &Options) {
    println!("\nHorde's own ActiveSync");
    let count = workers(lab).len();
    let options = Options { phones: count, devices: count, ..options.clone() };
    let door = Arc::new(Door::Http(lab.port("P_EAS")));
    let users = Users::new(lab, 1);
    // It syncs only the address books that the user has chosen.
    let book = users.list[0].book();
    let chosen = format!("a:1:{{i:0;s:{}:\"{book}\";}}", book.len());
    users.list[0].call("horde.setPreference", &json!(["turba", "sync_books", chosen]));
    let paired = crowd::pair(users.phones(&door, count, count), SHORTEST, 1).await;
    let mut crowd = Crowd::start(paired);
    crowd.settle(Duration::from_secs(5), Duration::from_secs(60)).await;
    let pids = workers(lab);
    let told = format!("a PHP process, {} ({} of them)", mb(proc::proportional(&pids) / count as u64), count);
    line("each waiting phone takes", &told);
    let mut another = Phone::new(&door, &users.list[0].user, &users.list[0].password, "loadmore", 0);
    let since = Instant::now();
    let told = match tokio::time::timeout(PATIENCE, another.pair()).await {
        Ok(Ok(())) => report::ms(since.elapsed()),
        Ok(Err(why)) => why,
        Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
    };
    line("one phone more, that wants to pair", &told);
    for (what, mut seen) in WHAT.into_iter().zip(follow(&options, &users, &mut crowd, Changes::of_others()).await) {
        line(&format!("{what}, to the end of the Ping"), &seen.told());
    }
}

/// All of it.
pub(crate) async fn run(options: &Options) {
    assert!(options.phones <= MOST, "at most {MOST} phones in the lab");
    assert_eq!(KINDS.len(), INBOX + 1);
    let lab = Lab::get();
    for front in [site::Door::Lighttpd, site::Door::Apache] {
        ours(&lab, options, front).await;
    }
    theirs(&lab, options).await;
}
