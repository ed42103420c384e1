//! Attachments: listed, fetched as a whole and in pieces, each byte as it was sent.

use base64::Engine as _;

use super::{Post, item};
use crate::{
    phone::{Phone, Request},
    phone_mail::{fetch_attachment, preference},
    tree::El,
};

struct File {
    name: &'static str,
    kind: &'static str,
    head: &'static str,
    data: Vec<u8>,
    method: &'static str,
}

fn files() -> Vec<File> {
    let bytes = |n: u32| (0..n).map(|i| (i.wrapping_mul(37) % 256) as u8).collect::<Vec<u8>>();
    let inner = "From: inner@example.test\r\nSubject: inner message\r\n\r\nInside.\r\n";
    vec![
        File {
            name: "bytes.bin",
            kind: "application/octet-stream",
            head: "Content-Disposition: attachment; filename=\"bytes.bin\"\r\n",
            data: bytes(70_000),
            method: "1",
        },
        File {
            name: "größe.txt",
            kind: "text/plain",
            head: "Content-Disposition: attachment; filename*=UTF-8''gr%C3%B6%C3%9Fe.txt\r\n",
            data: "Größe\r\n".repeat(50).into_bytes(),
            method: "1",
        },
        File {
            name: "logo.png",
            kind: "image/png",
            head: "Content-ID: <logo@example.test>\r\nContent-Disposition: inline; filename=\"logo.png\"\r\n",
            data: bytes(3000),
            method: "",
        },
        File { name: "", kind: "message/rfc822", head: "", data: inner.as_bytes().to_vec(), method: "5" },
        File {
            name: "empty.dat",
            kind: "application/x-empty",
            head: "Content-Disposition: attachment; filename=\"empty.dat\"\r\n",
            data: Vec::new(),
            method: "1",
        },
    ]
}

fn message(subject: &str) -> Vec<u8> {
    let mut mail = format!(
        "From: a@example.test\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n\
         --b1\r\nContent-Type: text/html\r\n\r\n<p>See there <img src=\"cid:logo@example.test\"></p>\r\n"
    );
    for file in files() {
        mail += &format!("--b1\r\nContent-Type: {}\r\n{}", file.kind, file.head);
        if file.kind == "message/rfc822" {
            mail += &format!("\r\n{}\r\n", String::from_utf8(file.data).unwrap());
        } else {
            let text = base64::engine::general_purpose::STANDARD.encode(file.data);
            let lines: Vec<&str> = text.as_bytes().chunks(76).map(|c| std::str::from_utf8(c).unwrap()).collect();
            mail += &format!("Content-Transfer-Encoding: base64\r\n\r\n{}\r\n", lines.join("\r\n"));
        }
    }
    (mail + "--b1--\r\n").into_bytes()
}

/// The attachments of the message, in the order of [`files`].
fn listed(phone: &mut Phone, inbox: &str) -> Vec<El> {
    phone.prime(inbox, None);
    let options = if phone.version == "2.5" { vec![] } else { vec![preference(1, Some(200))] };
    phone.sync(inbox, &Request { options, ..Request::default() });
    let (_, item) = item(phone, inbox, "with files");
    let list = item.get("Attachments").unwrap_or_else(|| panic!("{item:?}"));
    list.all("Attachment").cloned().collect()
}

#[test]
fn attachments_come_byte_for_byte() {
    let post = Post::start("attachments");
    post.mailbox().append("INBOX", "", &message("with files"));
    for version in ["12.0", "12.1", "14.1", "16.1"] {
        let mut phone = post.phone(version);
        let inbox = phone.default_folder(super::INBOX);
        let list = listed(&mut phone, &inbox);
        assert_eq!(list.len(), files().len(), "{version}: {list:?}");
        for (told, file) in list.iter().zip(files()) {
            let name = told.text("DisplayName").unwrap_or_default();
            if file.kind == "message/rfc822" {
                assert!(name.contains("inner message"), "{version}: {told:?}");
            } else {
                assert_eq!(name, file.name, "{version}: {told:?}");
            }
            assert!(file.method.is_empty() || told.text("Method") == Some(file.method), "{version}: {told:?}");
            if file.kind == "image/png" {
                assert_eq!(told.text("ContentId"), Some("logo@example.test"), "{version}");
                assert_eq!(told.text("IsInline"), Some("1"), "{version}: {told:?}");
            } else {
                assert!(matches!(told.text("IsInline"), None | Some("0")), "{version}: {told:?}");
            }
            let estimated = told.number("EstimatedDataSize").unwrap() as usize;
            assert!(estimated.abs_diff(file.data.len()) <= 8 + file.data.len() / 20, "{version}: {estimated}");
            let reference = told.text("FileReference").unwrap();
            let got = phone.attachment(reference, None);
            assert!(
                got.data == file.data,
                "{version}: {} of {} bytes of {}",
                got.data.len(),
                file.data.len(),
                file.name
            );
            assert_eq!(got.kind, file.kind, "{version}");
            let got = phone.attachment_in_parts(reference, None);
            assert!(got.data == file.data, "{version}: {} bytes of {}", got.data.len(), file.name);
            assert_eq!(got.kind, file.kind, "{version}");
        }
    }
}

#[test]
fn attachments_of_the_oldest_versions() {
    let post = Post::start("oldattachments");
    post.mailbox().append("INBOX", "", &message("with files"));
    for (version, base64) in [("2.5", false), ("12.0", false), ("12.1", false), ("12.1", true)] {
        let mut phone = post.phone(version);
        phone.base64 = base64;
        let inbox = phone.default_folder(super::INBOX);
        let list = listed(&mut phone, &inbox);
        assert_eq!(list.len(), files().len(), "{version}: {list:?}");
        for (told, file) in list.iter().zip(files()) {
            let handle = told.text(if version == "2.5" { "AttName" } else { "FileReference" });
            let answer = phone.get_attachment(handle.unwrap_or_else(|| panic!("{version}: {told:?}")));
            assert_eq!(answer.status, 200, "{version}: {}", file.name);
            assert!(answer.body == file.data, "{version}: {} bytes of {}", answer.body.len(), file.name);
            assert_eq!(answer.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case("Content-Type")).count(), 1);
        }
        let absent = phone.get_attachment(&format!("{inbox}:1.4711:2"));
        assert_eq!(absent.status, 500, "{version}");
    }
}

#[test]
fn pieces_of_an_attachment() {
    let post = Post::start("ranges");
    post.mailbox().append("INBOX", "", &message("with files"));
    for version in ["12.1", "14.1", "16.1"] {
        let mut phone = post.phone(version);
        let inbox = phone.default_folder(super::INBOX);
        let list = listed(&mut phone, &inbox);
        let reference = list[0].text("FileReference").unwrap();
        let data = &files()[0].data;
        let mut put_together = Vec::new();
        while put_together.len() < data.len() {
            let from = put_together.len();
            let range = format!("{from}-{}", from + 9_999);
            let piece = match from % 20_000 {
                0 => phone.attachment(reference, Some(&range)),
                _ => phone.attachment_in_parts(reference, Some(&range)),
            };
            let last = from + piece.data.len() - 1;
            assert_eq!(piece.range.as_deref(), Some(format!("{from}-{last}").as_str()), "{version}");
            assert_eq!(piece.total, Some(data.len()), "{version}");
            put_together.extend(piece.data);
        }
        assert!(&put_together == data, "{version}: not the same bytes");
        // Further than it goes, and beyond.
        let piece = phone.attachment(reference, Some("69990-80000"));
        assert_eq!(piece.range.as_deref(), Some("69990-69999"), "{version}");
        assert!(piece.data == data[69_990..], "{version}: {} bytes", piece.data.len());
        for wrong in ["70000-70010", "10-5", "x-y", "-"] {
            let answer = phone.item_operations(vec![fetch_attachment(reference, Some(wrong))]);
            assert_eq!(answer.doc().number("Response/Fetch/Status"), Some(8), "{version} {wrong}: {:?}", answer.doc);
        }
    }
}

#[test]
fn wrong_references_open_nothing() {
    let post = Post::start("references");
    post.mailbox().append("INBOX", "", &message("with files"));
    let mut phone = post.phone("14.1");
    let inbox = phone.default_folder(super::INBOX);
    let list = listed(&mut phone, &inbox);
    let good = list[0].text("FileReference").unwrap().to_owned();
    let (message, _) = good.rsplit_once(':').unwrap();
    let more = [
        String::new(),
        "x".to_owned(),
        format!("{message}:99"),
        format!("{message}:TEXT"),
        format!("{message}:1]"),
        format!("{message}:HEADER"),
    ];
    let long = format!("{message}:{}", "1.".repeat(200));
    let lines = format!("{message}:1\r\nx LOGOUT");
    for reference in more.into_iter().chain([long, lines, "../../etc/passwd:1.1:1".to_owned()]) {
        let answer = phone.item_operations(vec![fetch_attachment(&reference, None)]);
        let status = answer.doc().number("Response/Fetch/Status").or(answer.doc().number("Status"));
        assert!(matches!(status, Some(2 | 6 | 15)), "{reference:?}: {:?}", answer.doc);
    }
    // Another user's.
    let mut stranger = post.site.phone_of(&post.site.lab.user("stranger"), "stranger1", "14.1");
    stranger.pair();
    let answer = stranger.item_operations(vec![fetch_attachment(&good, None)]);
    assert!(matches!(answer.doc().number("Response/Fetch/Status"), Some(6 | 15)), "{:?}", answer.doc);
    assert!(phone.attachment(&good, None).data == files()[0].data);
}
