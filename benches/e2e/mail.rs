//! Mail: a thousand messages, one new one among ten thousand, twenty megabytes in and out.

use std::{
    cell::RefCell,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    horde::{Horde, Lab},
    mailbox::{Mailbox, deliver, servers},
    phone::{Phone, Request},
    phone_mail::{Outgoing, preference, sent},
    side::{Cost, Side, both, median, row, site},
    site::Site,
};

const FEW: usize = 1000;
const MANY: usize = 10_000;
/// So many instead where time is short: Horde's own server takes minutes for them.
const LESS: usize = 2000;
/// Bytes of the big attachment.
const BIG: usize = 20 << 20;
/// The type of the inbox.
const INBOX: u32 = 2;

/// Seeds a mailbox; Dovecot has numbered it and read it once afterwards.
fn seeded(lab: &Lab, name: &str, count: usize) -> Horde {
    let user = lab.user(name);
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/seed");
    let done = Command::new(seed).args(["--mail", &user.user, &count.to_string()]).status().unwrap();
    assert!(done.success(), "tests/lab/seed");
    let mut mailbox = Mailbox::of(lab, &user);
    mailbox.select("INBOX");
    mailbox.command("UID FETCH 1:* (RFC822.SIZE ENVELOPE BODYSTRUCTURE)");
    user
}

/// As phones ask: plain text, mostly of 5 KB.
fn request(window: u32, size: u32) -> Request {
    Request { window: Some(window), filter: Some(0), options: vec![preference(1, Some(size))], ..Request::default() }
}

/// Syncs the inbox to its end.
fn all(phone: &mut Phone, folder: &str, window: u32, size: u32) {
    phone.prime(folder, None);
    while phone.sync(folder, &request(window, size)).collection().get("MoreAvailable").is_some() {}
}

fn paired(side: &Side<'_>, device: &str) -> (Phone, String) {
    let mut phone = (side.phone)(device);
    phone.folder_key = "0".to_owned();
    assert_eq!(phone.folder_sync().status(), Some(1));
    let inbox = phone.default_folder(INBOX);
    (phone, inbox)
}

/// First sync by a new device.
fn initial(side: &Side<'_>, device: &str) -> Cost {
    (side.forget)();
    let (mut phone, inbox) = paired(side, device);
    let cost = side.cost(|| all(&mut phone, &inbox, 50, 5120));
    assert_eq!(phone.items(&inbox).len(), FEW);
    cost
}

/// A message arrives; the Sync that brings it, and the bytes of its answer.
fn arrives(side: &Side<'_>, user: &Horde, phone: &mut Phone, inbox: &str, round: usize) -> (Cost, usize) {
    let subject = format!("arrived {} {round}", side.pool);
    let mail = format!("From: a@example.test\r\nSubject: {subject}\r\n\r\n{}\r\n", "Short. ".repeat(40));
    deliver(side.lab, &format!("{}@example.test", user.user), mail.as_bytes());
    let mut bytes = 0;
    let cost = side.cost(|| bytes = phone.sync(inbox, &request(50, 5120)).http.body.len());
    assert!(phone.find_by(inbox, "Subject", &subject).is_some(), "the message came");
    (cost, bytes)
}

/// A message with one attachment of `BIG` bytes.
fn big(to: &str, subject: &str) -> (Vec<u8>, Vec<u8>) {
    use base64::Engine as _;
    let data: Vec<u8> = (0..BIG as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let text = base64::engine::general_purpose::STANDARD.encode(&data);
    let mut mail = format!(
        "From: a@example.test\r\nTo: {to}\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nSee there.\r\n\
         --b\r\nContent-Type: application/pdf; name=\"big.pdf\"\r\nContent-Disposition: attachment; filename=\"big.pdf\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n"
    )
    .into_bytes();
    for line in text.as_bytes().chunks(76) {
        mail.extend(line);
        mail.extend(b"\r\n");
    }
    mail.extend(b"--b--\r\n");
    (mail, data)
}

/// The value of a line of `/proc/PID/status`, in KiB.
fn status(pid: u32, name: &str) -> usize {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find(|l| l.starts_with(name)).unwrap_or("x 0");
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The processes that work on a side: the bridge, or the PHP workers of Horde's own server.
fn workers(side: &Side<'_>, site: &RefCell<Site>) -> Vec<u32> {
    if side.pool == "rpc" {
        return vec![site.borrow().pid()];
    }
    let master: usize = std::fs::read_to_string(side.lab.dir.join("run/php-fpm.pid")).unwrap().trim().parse().unwrap();
    let all = std::fs::read_dir("/proc").unwrap().filter_map(|e| e.unwrap().file_name().to_str()?.parse().ok());
    let title = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    all.filter(|pid| status(*pid, "PPid:") == master && title(*pid).contains("pool eas")).collect()
}

/// What something costs, and how many KiB one process took more than before at its peak.
fn peak(side: &Side<'_>, site: &RefCell<Site>, work: impl FnOnce()) -> (Cost, usize) {
    let workers = workers(side, site);
    let idle = workers.iter().map(|pid| {
        // 5: the peak begins anew (proc_pid_clear_refs(5)).
        std::fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
        status(*pid, "VmRSS:")
    });
    let idle: Vec<usize> = idle.collect();
    let cost = side.cost(work);
    let more = workers.iter().zip(idle).map(|(pid, idle)| status(*pid, "VmHWM:").saturating_sub(idle));
    (cost, more.max().unwrap_or(0))
}

/// Twenty megabytes to the phone, inline and in parts, and from it.
fn large(side: &Side<'_>, user: &Horde, site: &RefCell<Site>, device: &str) -> [(Cost, usize); 3] {
    let address = format!("{}@example.test", user.user);
    let (mail, data) = big(&address, "big");
    let mut mailbox = Mailbox::of(side.lab, user);
    if mailbox.called("INBOX", "big").is_none() {
        mailbox.append("INBOX", "", &mail);
    }
    let (mut phone, inbox) = paired(side, device);
    all(&mut phone, &inbox, 50, 5120);
    let (_, item) = phone.find_by(&inbox, "Subject", "big").unwrap();
    let reference = item.text("Attachments/Attachment/FileReference").unwrap().to_owned();
    let inline = peak(side, site, || assert_eq!(phone.attachment(&reference, None).data, data));
    let parts = peak(side, site, || assert_eq!(phone.attachment_in_parts(&reference, None).data, data));
    let (mail, _) = big(&address, &format!("sent by {}", side.pool));
    let sending = peak(side, site, || sent(&phone.submit("SendMail", &Outgoing::new(&mail))));
    [inline, parts, sending]
}

fn memory(theirs: usize, ours: usize) {
    let mib = |kib: usize| format!("{:.1} MiB", kib as f64 / 1024.0);
    println!("{:<38} {:>22}   {:>22}   target: 32 MiB", "  peak memory", mib(theirs), mib(ours));
}

pub(crate) fn run(lab: &Lab, rounds: usize) {
    let stamp = std::process::id();
    let mails = servers(lab.port("P_IMAP"), lab.port("P_SMTP"));
    println!("\n{:<38} {:>22}   {:>22}", "mail", "Horde's own", "horde-eas");

    let few = seeded(lab, "benchmail", FEW);
    let normal = site(lab, "benchmail", &mails);
    let first = both(lab, &few, &normal)
        .map(|side| median((0..rounds).map(|n| initial(&side, &format!("mail{stamp}x{n}"))).collect()));
    row(&format!("first sync of {FEW} messages"), first[0], first[1], "target: 5 times");

    let count = if rounds == 1 { LESS } else { MANY };
    let many = seeded(lab, "benchmany", count);
    let new = both(lab, &many, &normal).map(|side| {
        let (mut phone, inbox) = paired(&side, &format!("many{stamp}"));
        let since = Instant::now();
        // Without bodies: what the messages cost is seen above.
        all(&mut phone, &inbox, 512, 0);
        assert!(phone.items(&inbox).len() >= count, "those that arrived for the other side as well");
        let before: Duration = since.elapsed();
        let rounds = (0..rounds.max(3)).map(|n| arrives(&side, &many, &mut phone, &inbox, n));
        let (costs, bytes): (Vec<Cost>, Vec<usize>) = rounds.unzip();
        (before, median(costs), bytes[0])
    });
    let ms = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
    println!("{:<38} {:>22}   {:>22}", format!("first sync of {count} without bodies"), ms(new[0].0), ms(new[1].0));
    row("  then one new message", new[0].1, new[1].1, "target: 5 times");
    println!("{:<38} {:>16} bytes   {:>16} bytes", "  its answer", new[0].2, new[1].2);

    let user = lab.user("benchbig");
    let big = both(lab, &user, &normal).map(|side| large(&side, &user, &normal, &format!("big{stamp}")));
    let names = ["20 MiB attachment, ItemOperations", "20 MiB attachment, in parts", "20 MiB sent"];
    for (n, name) in names.into_iter().enumerate() {
        row(name, big[0][n].0, big[1][n].0, "target: 5 times");
        memory(big[0][n].1, big[1][n].1);
    }
}
