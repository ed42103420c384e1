#!/usr/bin/env python3
"""Writes the mails of the corpus, eml/NAME.eml, always the same bytes. All texts are our own.

Shapes: charsets in all encodings and in headers, multiparts of all kinds, names of attachments, S/MIME, TNEF, meetings, reports, lists,
what certain programs send, and what is broken.
"""

import base64
import os
import quopri
import shutil

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "eml")
DATE = "Tue, 24 Nov 2026 10:00:00 +0100"
mails = {}
counter = 0


def head(subject="Test", sender="Alice <alice@example.test>", to="Bob <bob@example.test>", extra=(), date=DATE, mime=True):
    global counter
    counter += 1
    lines = [f"From: {sender}", f"To: {to}", f"Subject: {subject}", f"Message-ID: <{counter}.corpus@example.test>"]
    if date:
        lines.append(f"Date: {date}")
    if mime:
        lines.append("MIME-Version: 1.0")
    lines.extend(extra)
    return "\r\n".join(lines).encode("utf-8") + b"\r\n"


def add(name, raw):
    assert name not in mails, name
    mails[name] = raw


def b64(data, width=76):
    text = base64.b64encode(data)
    return b"\r\n".join(text[i:i + width] for i in range(0, len(text), width)) + b"\r\n"


def qp(data):
    return quopri.encodestring(data.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")


def crlf(text):
    return text.replace("\n", "\r\n")


def part(kind, body, *headers):
    if isinstance(body, str):
        body = crlf(body).encode("utf-8")
    lines = [f"Content-Type: {kind}", *headers] if kind else list(headers)
    return "\r\n".join(lines).encode("utf-8") + (b"\r\n" if lines else b"") + b"\r\n" + body


def multi(kind, *parts, boundary=None, params="", preamble=b"", epilogue=b"", end=True):
    boundary = boundary or f"=_{kind}_{len(parts)}_{sum(map(len, parts)) % 9973}"
    quoted = f'"{boundary}"'
    out = f"Content-Type: multipart/{kind}; boundary={quoted}{params}\r\n\r\n".encode() + preamble
    for p in parts:
        out += f"--{boundary}\r\n".encode() + p + b"\r\n"
    return out + (f"--{boundary}--\r\n".encode() if end else b"") + epilogue


PLAIN = part("text/plain; charset=utf-8", "Guten Tag,\n\ndas ist der Text für Leser ohne HTML.\n", "Content-Transfer-Encoding: 8bit")
HTML = part("text/html; charset=utf-8", "<html><body><p>Guten <b>Tag</b>, das ist HTML für alle.</p></body></html>\n", "Content-Transfer-Encoding: 8bit")
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
PDF = b"%PDF-1.4\n" + bytes(range(256)) * 8 + b"\n%%EOF\n"
PNG_INLINE = part("image/png; name=logo.png", b64(PNG), "Content-Transfer-Encoding: base64", "Content-ID: <logo@example.test>", "Content-Disposition: inline; filename=logo.png")
HTML_CID = part("text/html; charset=utf-8", '<p>Bild: <img src="cid:logo@example.test"></p>\n')


def pdf(name="filename=report.pdf", kind="application/pdf"):
    return part(kind, b64(PDF), "Content-Transfer-Encoding: base64", f"Content-Disposition: attachment; {name}")


# Charsets: in each encoding, with the subject and the name of the sender as encoded words, and once raw.
CHARSETS = {
    "us-ascii": "Plain old text.", "utf-8": "Grüße aus Köln: 你好, Привет, שלום, 😀.", "iso-8859-1": "Grüße aus Köln, café.", "iso-8859-15": "Grüße für 5 €.",
    "windows-1252": "„Grüße“ für 5 € – bald.", "iso-8859-2": "Příliš žluťoučký kůň.", "windows-1250": "Příliš žluťoučký kůň.", "windows-1251": "Привет из Москвы.",
    "koi8-r": "Привет из Москвы.", "iso-8859-5": "Привет из Москвы.", "iso-8859-7": "Καλημέρα κόσμε.", "windows-1253": "Καλημέρα κόσμε.", "iso-8859-9": "Günaydın dünya, ışık.",
    "windows-1254": "Günaydın dünya.", "windows-1255": "שלום עולם.", "windows-1256": "مرحبا بالعالم.", "windows-1257": "Labas rytas, žmogau.", "windows-874": "สวัสดีชาวโลก",
    "iso-2022-jp": "こんにちは、世界。テスト", "shift_jis": "こんにちは、世界。テスト", "euc-jp": "こんにちは、世界。テスト", "gb2312": "你好，世界。", "gbk": "你好，世界。喆", "gb18030": "你好，世界。喆",
    "big5": "你好，世界。繁體", "euc-kr": "안녕하세요 세계.", "utf-7": "Grüße aus Köln.", "koi8-u": "Привіт, світе їжак.",
}
PYTHON = {"windows-874": "cp874"}
for charset, text in CHARSETS.items():
    codec = PYTHON.get(charset, charset)
    body = crlf(text + "\nZweite Zeile = zwei.\n").replace("Zweite Zeile", "Second line").encode(codec)
    word = text[:9].encode(codec)
    q = "".join(chr(b) if chr(b).isalnum() and b < 128 else f"={b:02X}" for b in word)
    for encoding, coded in (("8bit", body), ("quoted-printable", qp(body)), ("base64", b64(body))):
        if encoding == "8bit":
            subject = f"=?{charset}?B?{base64.b64encode(word).decode()}?="
        else:
            subject = f"Re: =?{charset}?Q?{q}?= und mehr"
        sender = f"=?{charset}?B?{base64.b64encode(word).decode()}?= <alice@example.test>"
        add(f"charset-{charset}-{encoding}", head(subject, sender) + f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + coded)
for charset in ("iso-8859-1", "windows-1251", "koi8-r", "shift_jis", "gb18030", "big5", "euc-kr"):
    text = f"<html><head><meta http-equiv=\"Content-Type\" content=\"text/html; charset={charset}\"></head><body><p>{CHARSETS[charset]}</p></body></html>\n"
    add(f"html-{charset}", head("HTML") + f"Content-Type: text/html; charset=\"{charset}\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n".encode() + crlf(text).encode(charset))
    add(f"html-meta-only-{charset}", head("HTML") + b"Content-Type: text/html\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + crlf(text).encode(charset))

# Multiparts.
alt = multi("alternative", PLAIN, HTML)
related = multi("related", HTML_CID, PNG_INLINE)
inner = head("Inner message") + PLAIN
inner_mixed = head("Inner with attachment") + multi("mixed", PLAIN, pdf("filename=inner.pdf"))
rfc822 = part("message/rfc822", inner)
trees = {
    "alternative": alt,
    "alternative-html-only": multi("alternative", HTML),
    "alternative-plain-only": multi("alternative", PLAIN),
    "alternative-three": multi("alternative", PLAIN, part("text/x-amp-html; charset=utf-8", "<html amp4email>x</html>"), HTML),
    "alternative-related": multi("alternative", PLAIN, related),
    "related": related,
    "related-alternative": multi("related", multi("alternative", PLAIN, HTML_CID), PNG_INLINE, params='; type="multipart/alternative"'),
    "mixed-one": multi("mixed", PLAIN),
    "mixed-pdf": multi("mixed", PLAIN, pdf()),
    "mixed-two": multi("mixed", PLAIN, pdf(), pdf("filename=second.pdf")),
    "mixed-alternative-pdf": multi("mixed", alt, pdf()),
    "mixed-related-pdf": multi("mixed", related, pdf()),
    "mixed-deep": multi("mixed", multi("alternative", PLAIN, multi("related", HTML_CID, PNG_INLINE)), pdf(), rfc822),
    "mixed-text-image-text": multi("mixed", PLAIN, part("image/png; name=photo.png", b64(PNG), "Content-Transfer-Encoding: base64", "Content-Disposition: inline; filename=photo.png"), PLAIN),
    "mixed-html-pdf-html": multi("mixed", HTML, part("application/pdf; name=doc.pdf", b64(PDF), "Content-Transfer-Encoding: base64", "Content-Disposition: inline; filename=doc.pdf"), HTML),
    "mixed-plain-footer": multi("mixed", PLAIN, part("text/plain; charset=us-ascii", "-- \nlist footer\n", "Content-Disposition: inline")),
    "mixed-text-attachment": multi("mixed", PLAIN, part("text/plain; charset=utf-8; name=notes.txt", "Notizen ü\n", "Content-Disposition: attachment; filename=notes.txt")),
    "mixed-html-attachment": multi("mixed", PLAIN, part("text/html; charset=utf-8", "<p>page</p>\n", "Content-Disposition: attachment; filename=page.html")),
    "mixed-pdf-first": multi("mixed", pdf(), PLAIN),
    "mixed-only-pdf": multi("mixed", pdf()),
    "mixed-nested-mixed": multi("mixed", multi("mixed", multi("mixed", PLAIN, pdf()), pdf("filename=b.pdf")), pdf("filename=c.pdf")),
    "mixed-rfc822": multi("mixed", PLAIN, rfc822),
    "mixed-rfc822-multipart": multi("mixed", PLAIN, part("message/rfc822", inner_mixed), pdf()),
    "mixed-rfc822-twice": multi("mixed", PLAIN, part("message/rfc822", head("Outer of two") + multi("mixed", PLAIN, part("message/rfc822", inner_mixed)))),
    "digest": multi("digest", b"\r\n" + inner, b"\r\n" + inner_mixed),
    "mixed-vcard": multi("mixed", PLAIN, part("text/vcard; charset=utf-8; name=alice.vcf", "BEGIN:VCARD\nVERSION:3.0\nFN:Alice Ü\nEND:VCARD\n", "Content-Disposition: attachment; filename=alice.vcf")),
    "mixed-csv": multi("mixed", PLAIN, part("text/csv; charset=iso-8859-1", "a;b\nü;2\n".encode("iso-8859-1"), "Content-Disposition: attachment; filename=table.csv", "Content-Transfer-Encoding: 8bit")),
    "mixed-empty-parts": multi("mixed", part("text/plain", b""), part("application/octet-stream", b"", "Content-Disposition: attachment; filename=empty.bin")),
    "mixed-no-part-header": multi("mixed", b"\r\nNo header in here.\r\n", pdf()),
    "mixed-preamble": multi("mixed", PLAIN, pdf(), preamble=b"This is a message in MIME format.\r\n\r\n", epilogue=b"\r\nAfter all.\r\n"),
    "parallel": multi("parallel", PLAIN, pdf()),
    "unknown-multipart": multi("x-unknown", PLAIN, HTML),
    "apple-alternative-mixed": multi("alternative", PLAIN, multi("mixed", HTML, pdf("filename=apple.pdf").replace(b"attachment", b"inline"), HTML)),
    "form-data": multi("form-data", part("text/plain", "value\n", 'Content-Disposition: form-data; name="field"')),
    "boundary-prefix": multi("mixed", multi("alternative", PLAIN, HTML, boundary="abc"), pdf(), boundary="ab"),
    "boundary-odd-characters": multi("mixed", PLAIN, pdf(), boundary="=_a'()+_,-./:=? b"),
    "audio": multi("mixed", PLAIN, part("audio/mpeg; name=voice.mp3", b64(b"ID3" + bytes(200)), "Content-Transfer-Encoding: base64", "Content-Disposition: attachment; filename=voice.mp3")),
    "content-location": multi("related", part("text/html; charset=utf-8", '<img src="http://example.test/a.png">\n'), part("image/png", b64(PNG), "Content-Transfer-Encoding: base64", "Content-Location: http://example.test/a.png")),
}
for name, tree in trees.items():
    add(f"tree-{name}", head(f"Tree {name}") + tree)
for kind in ("pdf", "png", "rfc822"):
    body = {"pdf": pdf(), "png": part("image/png; name=a.png", b64(PNG), "Content-Transfer-Encoding: base64"), "rfc822": rfc822}[kind]
    add(f"single-{kind}", head(f"Single {kind}") + body)

# Names of attachments.
names = {
    "quoted": 'filename="Bericht 1.pdf"', "token": "filename=a.pdf", "rfc2231": "filename*=utf-8''Gr%C3%BC%C3%9Fe.pdf", "rfc2231-latin1": "filename*=iso-8859-1'de'Gr%FC%DFe.pdf",
    "rfc2231-split": "filename*0*=utf-8''Ein%20sehr%20langer%20N;\r\n filename*1*=ame%20mit%20%C3%BC;\r\n filename*2=.pdf", "rfc2231-split-plain": 'filename*0="a long "; filename*1="name.pdf"',
    "encoded-word": 'filename="=?utf-8?B?R3LDvMOfZS5wZGY=?="', "encoded-word-two": 'filename="=?utf-8?Q?Ein_langer_Name_=C3=BC?=\r\n =?utf-8?Q?ber_zwei.pdf?="', "raw-utf8": 'filename="Grüße.pdf"',
    "path": 'filename="../../etc/passwd"', "windows-path": 'filename="C:\\\\Temp\\\\a.pdf"', "quotes": 'filename="say \\"hi\\".pdf"', "semicolon": 'filename="a;b.pdf"', "spaces-unquoted": "filename=two words.pdf",
    "empty": 'filename=""', "none": "x=y", "long": f'filename="{"n" * 300}.pdf"', "both": "filename=plain.pdf; filename*=utf-8''better.pdf",
}
for name, value in names.items():
    add(f"name-{name}", head("Names") + multi("mixed", PLAIN, pdf(value)))
add("name-only-in-type", head("Names") + multi("mixed", PLAIN, part('application/pdf; name="type.pdf"', b64(PDF), "Content-Transfer-Encoding: base64", "Content-Disposition: attachment")))
add("name-type-latin1-word", head("Names") + multi("mixed", PLAIN, part('application/pdf; name="=?iso-8859-1?Q?Gr=FC=DFe.pdf?="', b64(PDF), "Content-Transfer-Encoding: base64")))

# S/MIME, PGP, TNEF (the contents are made up: nothing here opens them).
DER = b"\x30\x82\x01\x00" + bytes(i * 7 % 256 for i in range(256))
add("smime-encrypted", head("Secret") + part("application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m", b64(DER), "Content-Transfer-Encoding: base64", "Content-Disposition: attachment; filename=smime.p7m"))
add("smime-opaque-signed", head("Signed") + part("application/pkcs7-mime; smime-type=signed-data; name=smime.p7m", b64(DER), "Content-Transfer-Encoding: base64", "Content-Disposition: attachment; filename=smime.p7m"))
add("smime-x-type", head("Secret") + part("application/x-pkcs7-mime; name=smime.p7m", b64(DER), "Content-Transfer-Encoding: base64"))
signature = part("application/pkcs7-signature; name=smime.p7s", b64(DER), "Content-Transfer-Encoding: base64", "Content-Disposition: attachment; filename=smime.p7s")
signed = '; protocol="application/pkcs7-signature"; micalg=sha-256'
add("smime-signed", head("Signed") + multi("signed", PLAIN, signature, params=signed))
add("smime-signed-mixed", head("Signed") + multi("signed", multi("mixed", alt, pdf()), signature, params=signed))
add("pgp-signed", head("Signed") + multi("signed", PLAIN, part("application/pgp-signature; name=signature.asc", "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n"), params='; protocol="application/pgp-signature"; micalg=pgp-sha256'))
add("pgp-encrypted", head("Secret") + multi("encrypted", part("application/pgp-encrypted", "Version: 1\n"), part("application/octet-stream; name=encrypted.asc", "-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n"), params='; protocol="application/pgp-encrypted"'))
add("pgp-inline", head("Inline") + part("text/plain; charset=utf-8", "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nText\n-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n"))
TNEF = b"\x78\x9f\x3e\x22" + bytes(range(200))
add("tnef-mixed", head("Winmail") + multi("mixed", PLAIN, part("application/ms-tnef; name=winmail.dat", b64(TNEF), "Content-Transfer-Encoding: base64", "Content-Disposition: attachment; filename=winmail.dat")))
add("tnef-single", head("Winmail") + part("application/ms-tnef; name=winmail.dat", b64(TNEF), "Content-Transfer-Encoding: base64"))
add("tnef-octet-stream", head("Winmail") + multi("mixed", PLAIN, part("application/octet-stream; name=winmail.dat", b64(TNEF), "Content-Transfer-Encoding: base64")))


# Meetings.
def calendar(method, partstat="NEEDS-ACTION"):
    return f"""BEGIN:VCALENDAR
PRODID:-//Example//Corpus//EN
VERSION:2.0
METHOD:{method}
BEGIN:VEVENT
UID:meeting-{method.lower()}@example.test
DTSTAMP:20261124T090000Z
DTSTART:20261201T090000Z
DTEND:20261201T100000Z
SUMMARY:Besprechung über Köln
ORGANIZER;CN=Alice:mailto:alice@example.test
ATTENDEE;CN=Bob;PARTSTAT={partstat};RSVP=TRUE:mailto:bob@example.test
END:VEVENT
END:VCALENDAR
"""


def ics(method, partstat="NEEDS-ACTION", *headers):
    return part(f"text/calendar; charset=utf-8; method={method}", calendar(method, partstat), "Content-Transfer-Encoding: 8bit", *headers)


invite = part("application/ics; name=invite.ics", b64(crlf(calendar("REQUEST")).encode()), "Content-Transfer-Encoding: base64", "Content-Disposition: attachment; filename=invite.ics")
add("meeting-request-alternative", head("Besprechung") + multi("alternative", PLAIN, HTML, ics("REQUEST")))
add("meeting-request-gmail", head("Invitation: Meeting") + multi("mixed", multi("alternative", PLAIN, HTML, ics("REQUEST")), invite))
add("meeting-request-single", head("Besprechung") + ics("REQUEST"))
add("meeting-request-mixed", head("Besprechung") + multi("mixed", PLAIN, ics("REQUEST")))
add("meeting-request-attached", head("Besprechung") + multi("mixed", PLAIN, ics("REQUEST", "NEEDS-ACTION", "Content-Disposition: attachment; filename=meeting.ics")))
add("meeting-request-base64", head("Besprechung") + multi("alternative", PLAIN, part("text/calendar; charset=utf-8; method=REQUEST", b64(crlf(calendar("REQUEST")).encode()), "Content-Transfer-Encoding: base64")))
add("meeting-cancel", head("Canceled: Besprechung") + multi("alternative", PLAIN, ics("CANCEL")))
for answer in ("ACCEPTED", "TENTATIVE", "DECLINED"):
    add(f"meeting-reply-{answer.lower()}", head(f"{answer}: Besprechung") + multi("alternative", PLAIN, ics("REPLY", answer)))
add("meeting-counter", head("New time proposed") + multi("alternative", PLAIN, ics("COUNTER", "TENTATIVE")))
add("meeting-publish", head("Calendar") + multi("mixed", PLAIN, ics("PUBLISH", "NEEDS-ACTION", "Content-Disposition: attachment; filename=cal.ics")))
add("meeting-no-method", head("Calendar") + multi("mixed", PLAIN, part("text/calendar; charset=utf-8; name=event.ics", calendar("REQUEST"), "Content-Disposition: attachment; filename=event.ics")))

# Reports.
DSN = "Reporting-MTA: dns; mx.example.test\nArrival-Date: " + DATE + "\n\nFinal-Recipient: rfc822; nobody@example.test\nAction: {0}\nStatus: {1}\n"
for action, status in (("failed", "5.1.1"), ("delayed", "4.4.1"), ("delivered", "2.0.0"), ("relayed", "2.0.0")):
    add(f"report-{action}", head("Delivery report", "Mail Delivery System <MAILER-DAEMON@mx.example.test>", extra=["Auto-Submitted: auto-replied"]) + multi("report", part("text/plain; charset=us-ascii", "This is the mail system.\n"), part("message/delivery-status", DSN.format(action, status)), rfc822, params="; report-type=delivery-status"))
add("report-headers-only", head("Undelivered", "MAILER-DAEMON@mx.example.test") + multi("report", part("text/plain", "Not delivered.\n"), part("message/delivery-status", DSN.format("failed", "5.2.2")), part("text/rfc822-headers", head("Original")), params='; report-type="delivery-status"'))
MDN = "Reporting-UA: phone\nFinal-Recipient: rfc822;bob@example.test\nOriginal-Message-ID: <x@example.test>\nDisposition: manual-action/MDN-sent-manually; {0}\n"
for what in ("displayed", "deleted"):
    add(f"receipt-{what}", head(f"Read: Test ({what})") + multi("report", part("text/plain", "Your message was read.\n"), part("message/disposition-notification", MDN.format(what)), params="; report-type=disposition-notification"))
add("bounce-plain", head("failure notice", "MAILER-DAEMON@mx.example.test") + part("text/plain", "Hi. This is the mail program.\n\n<nobody@example.test>:\nno such user\n\n--- Below this line is a copy of the message.\n\nSubject: x\n\ny\n"))
add("feedback-report", head("Abuse report") + multi("report", part("text/plain", "This is a report.\n"), part("message/feedback-report", "Feedback-Type: abuse\nVersion: 1\n"), rfc822, params="; report-type=feedback-report"))

# Lists, threads, importance, senders.
LIST = ["List-ID: Corpus <corpus.example.test>", "List-Post: <mailto:corpus@example.test>", "List-Unsubscribe: <mailto:corpus-leave@example.test>", "Precedence: list", "Reply-To: Corpus <corpus@example.test>", "Sender: corpus-bounces@example.test"]
add("list-plain", head("[Corpus] Hello", extra=LIST) + PLAIN)
add("list-reply", head("Re: [Corpus] Hello", extra=LIST + ["In-Reply-To: <root@example.test>", "References: <root@example.test>"]) + PLAIN)
add("list-footer", head("[Corpus] Footer", extra=LIST) + multi("mixed", alt, part("text/plain; charset=us-ascii", "_______\nCorpus mailing list\n", "Content-Disposition: inline")))
add("thread-long", head("AW: Re: WG: Thema", extra=["References: " + "\r\n ".join(f"<t{i}@example.test>" for i in range(40)), "In-Reply-To: <t39@example.test>"]) + PLAIN)
add("thread-index", head("RE: Topic", extra=["Thread-Topic: Topic", "Thread-Index: " + base64.b64encode(bytes(range(1, 33))).decode()]) + PLAIN)
for name, extra in {"high": ["Importance: high", "X-Priority: 1"], "low": ["Importance: low"], "x-priority": ["X-Priority: 2 (High)"], "urgent": ["Priority: urgent"]}.items():
    add(f"importance-{name}", head("Importance", extra=extra) + PLAIN)
add("sender-differs", head("Sender", extra=["Sender: Secretary <secretary@example.test>"]) + PLAIN)
add("from-two", head("Two", "Alice <alice@example.test>, Carol <carol@example.test>", extra=["Sender: alice@example.test"]) + PLAIN)
add("to-group", head("Group", to="undisclosed-recipients:;") + PLAIN)
add("to-group-members", head("Group", to="Team: Bob <bob@example.test>, carol@example.test;, Dave <dave@example.test>") + PLAIN)
add("to-comments", head("Comments", to="bob@example.test (Bob B.)") + PLAIN)
add("to-quoted-comma", head("Comma", to='"Builder, Bob" <bob@example.test>, "Say \\"hi\\"" <carol@example.test>') + PLAIN)
add("to-thousand", head("Thousand", to=",\r\n ".join(f"Recipient {i} <user{i}@example.test>" for i in range(1000)), extra=["Cc: " + ", ".join(f"cc{i}@example.test" for i in range(200))]) + PLAIN)
add("to-words-folded", head("Words", to="=?utf-8?Q?J=C3=BCrgen?=\r\n =?utf-8?Q?_M=C3=BCller?= <j@example.test>,\r\n\t=?iso-8859-1?Q?Andr=E9?= <a@example.test>") + PLAIN)
add("subject-folded", head("A subject that goes on\r\n over two lines\r\n\tand a third") + PLAIN)
add("subject-word-split", head("=?utf-8?B?R3LDvMM=?=\r\n =?utf-8?B?n2UgYW4gYWxsZQ==?=") + PLAIN)
add("subject-words-mixed", head("Re: =?iso-8859-1?Q?Gr=FC=DFe?= =?koi8-r?B?8NLJ18XU?= end") + PLAIN)
add("subject-none", head("x").replace(b"Subject: x\r\n", b"") + PLAIN)
add("subject-empty", head("") + PLAIN)
add("subject-long", head("word " * 150 + "end") + PLAIN)
add("flowed", head("Flowed") + part("text/plain; charset=utf-8; format=flowed", "This paragraph \nflows over \nthree lines.\n\n> quoted \n> too\n-- \nsignature\n"))
add("flowed-delsp", head("Flowed") + part("text/plain; charset=utf-8; format=flowed; delsp=yes", "Donaudampf \nschiff\n"))
add("dates-obsolete", head("Date", date="24 Nov 26 10:00 GMT") + PLAIN)
add("dates-comment", head("Date", date="Tue, 24 Nov 2026 10:00:00 +0100 (CET)") + PLAIN)

# What certain programs send.
add("outlook", head("RE: Angebot", '"Meier, Eva" <eva@example.test>', extra=["Thread-Topic: Angebot", "Thread-Index: AdxeAAECAwQFBgcICQoLDA0ODw==", "X-MS-Has-Attach: yes", "Content-Language: de-DE"]) + multi("related", multi("alternative", part('text/plain; charset="iso-8859-1"', qp("Grüße\r\n".encode("iso-8859-1")), "Content-Transfer-Encoding: quoted-printable"), part('text/html; charset="iso-8859-1"', qp('<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><style>p.MsoNormal {margin:0cm}</style></head><body><p class=MsoNormal>Gr&uuml;&szlig;e<img src="cid:image001.png@01DC"></p></body></html>\r\n'.encode("iso-8859-1")), "Content-Transfer-Encoding: quoted-printable")), part('image/png; name="image001.png"', b64(PNG), 'Content-Description: image001.png', 'Content-Disposition: inline; filename="image001.png"; size=68', "Content-ID: <image001.png@01DC>", "Content-Transfer-Encoding: base64"), params='; type="multipart/alternative"', boundary="_004_AM0PR01MB1"))
add("gmail", head("Foto", extra=["Delivered-To: bob@example.test"]) + multi("mixed", multi("related", multi("alternative", part('text/plain; charset="UTF-8"', b64("Hallo ü\r\n".encode()), "Content-Transfer-Encoding: base64"), part('text/html; charset="UTF-8"', qp('<div dir="ltr">Hallo ü<img src="cid:ii_abc"></div>\r\n'.encode()), "Content-Transfer-Encoding: quoted-printable"), boundary="000000000000aaaa"), part('image/png; name="image.png"', b64(PNG), 'Content-Disposition: inline; filename="image.png"', "Content-Transfer-Encoding: base64", "Content-ID: <ii_abc>", "X-Attachment-Id: ii_abc"), boundary="000000000000bbbb"), pdf('filename="Datei.pdf"'), boundary="000000000000cccc"))
add("apple-mail", head("Apple", extra=["Mime-Version: 1.0 (Mac OS X Mail 16.0)", "X-Mailer: Apple Mail (2.3774)"], mime=False) + multi("alternative", part("text/plain; charset=us-ascii", "See below.\n", "Content-Transfer-Encoding: 7bit"), multi("mixed", part("text/html; charset=us-ascii", "<html><body>See below.</body></html>\n"), part("application/pdf; x-unix-mode=0644; name=doc.pdf", b64(PDF), "Content-Disposition: inline; filename=doc.pdf", "Content-Transfer-Encoding: base64"), part("text/html; charset=us-ascii", "<html><body>Bye</body></html>\n"), boundary="Apple-Mail=_B"), boundary="Apple-Mail=_A"))
add("apple-iphone", head("Von meinem iPhone") + multi("mixed", part("text/plain; charset=utf-8", qp("Schau mal ü\r\n\r\n".encode()), "Content-Transfer-Encoding: quoted-printable"), part("image/jpeg; name=image0.jpeg; x-apple-part-url=1", b64(b"\xff\xd8\xff" + bytes(300)), "Content-Disposition: inline; filename=image0.jpeg", "Content-Transfer-Encoding: base64"), part("text/plain; charset=us-ascii", "\n\nSent from my phone\n", "Content-Transfer-Encoding: 7bit"), boundary="Apple-Mail-1"))
add("k9", head("K-9", extra=["User-Agent: K-9 Mail for Android"]) + multi("alternative", part("text/plain;\r\n charset=utf-8", qp("Hallo ü\r\n".encode()), "Content-Transfer-Encoding: quoted-printable"), part("text/html;\r\n charset=utf-8", qp("<!DOCTYPE html><html><body>Hallo ü</body></html>\r\n".encode()), "Content-Transfer-Encoding: quoted-printable"), boundary="----ABCDEF"))
add("thunderbird", head("Re: Thunderbird", extra=["User-Agent: Mozilla Thunderbird", "In-Reply-To: <a@example.test>", "References: <a@example.test>"]) + part("text/plain; charset=UTF-8; format=flowed", "On 24.11.26 Bob wrote:\n> Frage\n\nAntwort \nmit Umbruch.\n", "Content-Transfer-Encoding: 8bit"))
add("horde", head("IMP", extra=["User-Agent: Horde Application Framework 5"]) + part("text/plain; charset=utf-8; format=flowed; DelSp=Yes", "Ein Text \n mit Horde.\n", "Content-Disposition: inline", "Content-Transfer-Encoding: 8bit"))
add("newsletter", head("=?utf-8?Q?=F0=9F=8E=89_Angebote_der_Woche?=", "Shop <news@shop.example.test>", extra=["List-Unsubscribe: <https://shop.example.test/u>", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"]) + multi("alternative", part("text/plain; charset=utf-8", "Angebote: https://shop.example.test/\n"), part("text/html; charset=utf-8", qp(("<html><head><style>" + ".a {color: red}\r\n" * 200 + "</style></head><body><table width=\"600\"><tr><td bgcolor=\"#ffffff\" onclick=\"track()\"><img src=\"https://shop.example.test/pixel.gif\" width=\"1\"><script>track()</script>" + "<p>Angebot ü</p>\r\n" * 100 + "</td></tr></table></body></html>\r\n").encode()), "Content-Transfer-Encoding: quoted-printable")))
add("fax", head("Fax") + multi("mixed", part("text/plain", "Fax received.\n"), part("image/tiff; name=fax.tif", b64(b"II*\x00" + bytes(100)), "Content-Transfer-Encoding: base64", "Content-Disposition: attachment; filename=fax.tif")))
add("cron", head("Cron <root@host> /bin/true", "root@host.example.test (Cron Daemon)", mime=False, extra=["Auto-Submitted: auto-generated"]) + b"\r\n/bin/true: done\r\n")
add("lf-only", (head("LF only") + multi("mixed", alt, pdf())).replace(b"\r\n", b"\n"))
add("mixed-line-ends", head("Mixed") + part("text/plain; charset=utf-8", b"one\r\ntwo\nthree\r\n"))

# Broken ones.
add("broken-empty", b"")
add("broken-one-line", b"hello")
add("broken-no-header", b"This is no header at all\r\nand more of it\r\n")
add("broken-only-header", head("Only header"))
add("broken-header-no-end", head("No end").rstrip(b"\r\n"))
add("broken-no-blank-line", head("No blank line", mime=False) + b"This text begins without an empty line.\r\nmore\r\n")
add("broken-mbox-from", b"From alice@example.test Tue Nov 24 10:00:00 2026\r\n" + head("From line") + PLAIN)
add("broken-no-date", head("No date", date=None) + PLAIN)
add("broken-date", head("Bad date", date="yesterday") + PLAIN)
add("broken-boundary-missing", head("No boundary") + b"Content-Type: multipart/mixed\r\n\r\n--x\r\n\r\ntext\r\n--x--\r\n")
add("broken-boundary-never", head("Never") + b"Content-Type: multipart/mixed; boundary=never\r\n\r\njust text\r\n")
add("broken-boundary-no-end", head("No end") + multi("mixed", PLAIN, pdf(), end=False))
add("broken-boundary-inner-no-end", head("Inner no end") + multi("mixed", multi("alternative", PLAIN, HTML, end=False), pdf()))
add("broken-boundary-spaces", head("Spaces") + multi("mixed", PLAIN, pdf(), boundary="sp").replace(b"--sp\r\n", b"--sp   \r\n"))
add("broken-base64-cut", head("Cut") + multi("mixed", PLAIN, part("application/pdf; name=cut.pdf", b64(PDF)[:1001], "Content-Transfer-Encoding: base64")))
add("broken-base64-garbage", head("Garbage") + part("text/plain; charset=utf-8", b"SGFs!!bG8g\r\n*d2VsdA==\r\n", "Content-Transfer-Encoding: base64"))
add("broken-qp", head("Bad QP") + part("text/plain; charset=utf-8", "100 =ZZ and = alone\nsoft=\n break=3d =C3=BC\n", "Content-Transfer-Encoding: quoted-printable"))
add("broken-encoding-unknown", head("Unknown encoding") + part("text/plain; charset=utf-8", "as it is\n", "Content-Transfer-Encoding: x-unknown"))
add("broken-uuencode", head("uuencode") + part("text/plain", "begin 644 a.txt\n#0V%T\n`\nend\n"))
add("broken-charset-unknown", head("Unknown charset") + part("text/plain; charset=x-klingon", "Grüße\n", "Content-Transfer-Encoding: 8bit"))
add("broken-charset-wrong", head("Wrong charset") + part("text/plain; charset=utf-8", "Grüße\n".encode("iso-8859-1"), "Content-Transfer-Encoding: 8bit"))
add("broken-charset-ascii-8bit", head("8 bit") + part("text/plain; charset=us-ascii", "Grüße\n".encode("utf-8"), "Content-Transfer-Encoding: 8bit"))
add("broken-charset-none-latin1", head("8 bit", mime=False) + b"\r\n" + "Grüße\r\n".encode("iso-8859-1"))
add("broken-header-latin1", head("Grüße").replace("Grüße".encode(), "Grüße".encode("iso-8859-1")) + part("text/plain; charset=iso-8859-1", "x\n"))
add("broken-header-koi8", head("Привет", "Привет <a@example.test>").replace("Привет".encode(), "Привет".encode("koi8-r")) + part("text/plain; charset=koi8-r", "Привет\n".encode("koi8-r"), "Content-Transfer-Encoding: 8bit"))
add("broken-header-utf8", head("Grüße 你好", "Jürgen <j@example.test>") + PLAIN)
add("broken-header-bad-word", head("=?utf-8?Q?unfinished and =?bad?= =?utf-8?X?a?=") + PLAIN)
add("broken-header-nul", head("a\0b") + PLAIN)
add("broken-header-long", head("x" * 20000) + PLAIN)
add("broken-header-many", head("Many", extra=[f"X-Header-{i}: {i}" for i in range(500)]) + PLAIN)
add("broken-header-twice", head("First", extra=["Subject: Second", "To: carol@example.test"]) + PLAIN)
add("broken-body-nul", head("NUL") + part("text/plain; charset=utf-8", b"a\0b\0\r\nc\r\n"))
add("broken-body-control", head("Control") + part("text/plain; charset=utf-8", b"bell\x07 escape\x1b[0m form\x0cfeed\r\n"))
add("broken-line-endless", head("Endless") + part("text/plain; charset=utf-8", b"x" * 100000))
add("broken-from-empty", head("No from", "") + PLAIN)
add("broken-from-none", head("No from").replace(b"From: Alice <alice@example.test>\r\n", b"") + PLAIN)
add("broken-from-name-only", head("Name", "Alice without an address") + PLAIN)
add("broken-from-unclosed", head("Unclosed", "Alice <alice@example.test") + PLAIN)
add("broken-to-spaces", head("Spaces", to="bob@example.test carol@example.test") + PLAIN)
add("broken-to-semicolons", head("Semicolons", to="bob@example.test; carol@example.test") + PLAIN)
add("broken-type", head("Type") + part("nonsense", "text\n"))
add("broken-type-empty", head("Type") + b"Content-Type: \r\n\r\ntext\r\n")
add("broken-type-twice", head("Type") + b"Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\ntext\r\n")
add("broken-rfc822-base64", head("Encoded message") + multi("mixed", PLAIN, part("message/rfc822", b64(inner), "Content-Transfer-Encoding: base64")))
add("broken-html-scripts", head("Scripts") + part("text/html; charset=utf-8", '<p onclick="x()">ok</p><script>alert(1)</script><a href="javascript:x()">y</a><iframe src="//x"></iframe>\n'))
add("broken-html-deep", head("Deep") + part("text/html; charset=utf-8", "<div>" * 5000 + "deep" + "</div>" * 5000))
add("broken-deep-multipart", head("Deep") + b"".join(f"Content-Type: multipart/mixed; boundary=b{i}\r\n\r\n--b{i}\r\n".encode() for i in range(30)) + PLAIN)
add("broken-truncated", (head("Truncated") + multi("mixed", alt, pdf()))[:-700])

if __name__ == "__main__":
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    for name, raw in mails.items():
        with open(os.path.join(OUT, f"{name}.eml"), "wb") as file:
            file.write(raw)
    print(len(mails), "mails")
