//! Mails of nearly 50 MB: byte for byte out and back in, and the bridge needs no memory for them.

use super::{INBOX, Post, address, item};
use crate::{
    mailbox::Mailbox,
    phone_mail::{Origin, Outgoing, sent},
    site::Site,
};

/// Bytes of the file before base64, and how much more memory the bridge may take for it.
const FILE: usize = 36_000_000;
const MORE: u64 = 16 << 10;

/// A figure of the bridge's process, KiB.
fn memory(site: &Site, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", site.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_matches([':', ' ', '\t']).trim_end_matches(" kB").parse().unwrap()
}

/// Runs `work`; asserts that the bridge did not need much for it.
fn bounded(site: &Site, what: &str, work: impl FnOnce()) {
    // The kernel forgets the highest mark.
    std::fs::write(format!("/proc/{}/clear_refs", site.pid()), "5").unwrap();
    let before = memory(site, "VmRSS");
    work();
    let most = memory(site, "VmHWM");
    println!("{what}: {before} KiB before, {most} KiB at most");
    assert!(most < before + MORE, "{what}: {before} KiB before, {most} KiB at most");
}

/// A mail with a file that no packing makes smaller, some 49 MB.
fn large(to: &str, subject: &str) -> Vec<u8> {
    use base64::Engine as _;
    let mut state = 88_172_645_463_325_252_u64;
    let mut file = Vec::with_capacity(FILE + 8);
    while file.len() < FILE {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        file.extend(state.to_le_bytes());
    }
    let text = base64::engine::general_purpose::STANDARD.encode(file);
    let mut mime = format!(
        "From: me@example.test\r\nTo: {to}\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"l\"\r\n\r\n--l\r\nContent-Type: text/plain\r\n\r\nLook.\r\n\
         --l\r\nContent-Type: application/zip; name=\"large.zip\"\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=\"large.zip\"\r\n\r\n"
    )
    .into_bytes();
    for line in text.as_bytes().chunks(76) {
        mime.extend_from_slice(line);
        mime.extend_from_slice(b"\r\n");
    }
    mime.extend_from_slice(b"--l--\r\n");
    mime
}

fn body(mime: &[u8]) -> &[u8] {
    let at = mime.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    &mime[at + 4..]
}

fn same(mailbox: &mut Mailbox, folder: &str, subject: &str, mime: &[u8]) {
    let there = (0..50).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(200));
        mailbox.called(folder, subject)
    });
    let there = there.unwrap();
    assert!(body(&there.raw) == body(mime), "{folder}: {subject} is not what was sent");
}

#[test]
fn a_large_mail_passes_through_byte_for_byte_and_without_memory() {
    let post = Post::start("large");
    let friend = post.site.lab.user("largefriend");
    let (mut mine, mut his) = (post.mailbox(), post.mailbox_of(&friend));
    for version in ["12.1", "16.1"] {
        let mut phone = post.phone(version);
        // What the first mail of all takes is not the mail's.
        phone.send_mail(b"To: nobody-warms-up@example.test\r\nSubject: warm\r\n\r\nx\r\n");
        let subject = format!("large {version}");
        let mime = large(&address(&friend), &subject);
        bounded(&post.site, &format!("SendMail {version}"), || phone.send_mail(&mime));
        same(&mut his, "INBOX", &subject, &mime);
        same(&mut mine, "Sent", &subject, &mime);
    }
}

#[test]
fn a_large_file_is_forwarded_without_memory() {
    let post = Post::start("largeforward");
    let friend = post.site.lab.user("largethird");
    let mime = large(&post.address(), "large");
    post.mailbox().append("INBOX", "", &mime);
    let mut phone = post.phone("14.1");
    phone.send_mail(b"To: nobody-warms-up@example.test\r\nSubject: warm\r\n\r\nx\r\n");
    let inbox = phone.default_folder(INBOX);
    phone.sync_all(&inbox);
    let (id, _) = item(&phone, &inbox, "large");
    let text = format!("To: {}\r\nSubject: Fwd: large\r\nContent-Type: text/plain\r\n\r\nSee.\r\n", address(&friend));
    let origin = Some(Origin::Item(&inbox, &id));
    bounded(&post.site, "SmartForward", || {
        sent(&phone.submit("SmartForward", &Outgoing { origin, ..Outgoing::new(text.as_bytes()) }));
    });
    let got = post.mailbox_of(&friend).wait("INBOX", 1).remove(0);
    let file = |raw: &[u8]| {
        let at = raw.windows(9).position(|word| word == b"large.zip").unwrap();
        let begin = at + raw[at..].windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let end = begin + raw[begin..].windows(4).position(|four| four == b"\r\n--").unwrap();
        raw[begin..end].to_vec()
    };
    assert!(file(&got.raw) == file(&mime), "the file is not what it was");
}
