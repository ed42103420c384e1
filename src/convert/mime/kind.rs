//! What a message is to a phone: MessageClass (MS-ASEMAIL 2.2.2.49), ContentClass, Importance.

use super::{header::Headers, layout::Layout, part::Part};

/// S/MIME in one piece: encrypted, or signed so that only who knows S/MIME can read it.
const OPAQUE: [&str; 2] = ["application/pkcs7-mime", "application/x-pkcs7-mime"];

/// Classes of meetings by METHOD of iCalendar; answers are told apart by what the attendee says.
const MEETINGS: [(&str, &str); 5] = [
    ("request", "IPM.Schedule.Meeting.Request"),
    ("cancel", "IPM.Schedule.Meeting.Canceled"),
    ("reply", "IPM.Schedule.Meeting.Resp.Pos"),
    ("counter", "IPM.Schedule.Meeting.Resp.Tent"),
    ("declinecounter", "IPM.Schedule.Meeting.Resp.Neg"),
];
const ANSWERS: [(&str, &str); 3] = [
    ("ACCEPTED", "IPM.Schedule.Meeting.Resp.Pos"),
    ("TENTATIVE", "IPM.Schedule.Meeting.Resp.Tent"),
    ("DECLINED", "IPM.Schedule.Meeting.Resp.Neg"),
];

/// Classes of reports by the type of report, and by a word that a delivery report says what happened with.
const DELIVERY: [(&str, &str); 4] = [
    ("failed", "REPORT.IPM.NOTE.NDR"),
    ("delayed", "REPORT.IPM.NOTE.DELAYED"),
    ("delivered", "REPORT.IPM.NOTE.DR"),
    ("relayed", "REPORT.IPM.NOTE.DR"),
];

/// Whether S/MIME makes the message what it is, so that a phone with MIMESupport 1 wants it whole.
pub fn is_smime(root: &Part) -> bool {
    is_opaque(root) || is_signed(root)
}

fn is_opaque(root: &Part) -> bool {
    OPAQUE.contains(&root.kind.as_str()) && !root.param("smime-type").eq_ignore_ascii_case("certs-only")
}

fn is_signed(root: &Part) -> bool {
    root.kind == "multipart/signed" && root.param("protocol").to_ascii_lowercase().contains("pkcs7-signature")
}

/// MessageClass. `calendar` is the text of the invitation and `report` that of a message/delivery-status or
/// message/disposition-notification part, as far as they are known; "" else.
pub fn message_class(root: &Part, calendar: &str, report: &str) -> &'static str {
    if is_opaque(root) {
        return "IPM.Note.SMIME";
    }
    if is_signed(root) {
        return "IPM.Note.SMIME.MultipartSigned";
    }
    if root.kind == "multipart/report" {
        return report_class(root, report);
    }
    let Some(part) = Layout::of(root).calendar else { return "IPM.Note" };
    let method = part.param("method").to_ascii_lowercase();
    if method == "reply" {
        let says = |(status, _): &&(&str, &str)| calendar.to_ascii_uppercase().contains(&format!("PARTSTAT={status}"));
        if let Some((_, class)) = ANSWERS.iter().find(says) {
            return class;
        }
    }
    MEETINGS.iter().find(|(name, _)| *name == method).map_or("IPM.Note", |(_, class)| class)
}

fn report_class(root: &Part, report: &str) -> &'static str {
    let report = report.to_ascii_lowercase();
    match root.param("report-type").to_ascii_lowercase().as_str() {
        "delivery-status" => {
            let action = |line: &str| line.strip_prefix("action:").map(|action| action.trim().to_owned());
            let action = report.lines().find_map(action).unwrap_or_default();
            DELIVERY.iter().find(|(word, _)| action.starts_with(word)).map_or("REPORT.IPM.NOTE.NDR", |(_, class)| class)
        }
        "disposition-notification" if report.contains("deleted") && !report.contains("displayed") => {
            "REPORT.IPM.NOTE.IPNNRN"
        }
        "disposition-notification" => "REPORT.IPM.NOTE.IPNRN",
        _ => "IPM.Note",
    }
}

/// The part of a report that programs read.
pub fn report_part(root: &Part) -> Option<&Part> {
    let kinds = ["message/delivery-status", "message/disposition-notification", "message/global-delivery-status"];
    root.children.iter().find(|part| root.kind == "multipart/report" && kinds.contains(&part.kind.as_str()))
}

/// Importance: "0" low, "1" normal, "2" high.
pub fn importance(headers: &Headers) -> &'static str {
    let first = |name: &str| headers.text(name).to_ascii_lowercase();
    let named = [first("importance"), first("priority"), first("x-msmail-priority")];
    if let Some(value) = named.iter().find(|value| !value.is_empty()) {
        return match value.as_str() {
            "high" | "urgent" => "2",
            "low" | "non-urgent" => "0",
            _ => "1",
        };
    }
    match first("x-priority").chars().next() {
        Some('1' | '2') => "2",
        Some('4' | '5') => "0",
        _ => "1",
    }
}

#[cfg(test)]
mod tests {
    use super::{super::scan::scan, *};

    #[test]
    fn messages_have_the_class_of_what_they_are() {
        let report = |kind: &str| {
            format!(
                "Content-Type: multipart/report; report-type={kind}; boundary=a\n\n--a\n\nx\n--a\nContent-Type: message/{kind}\n\ny\n--a--\n"
            )
        };
        let delivery = report("delivery-status");
        let receipt = report("disposition-notification");
        for (raw, calendar, part, class) in [
            ("Subject: x\n\ny", "", "", "IPM.Note"),
            ("Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\n", "", "", "IPM.Note.SMIME"),
            (
                "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=a\n\n--a\n\nx\n--a--",
                "",
                "",
                "IPM.Note.SMIME.MultipartSigned",
            ),
            (
                "Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; boundary=a\n\n--a\n\nx\n--a--",
                "",
                "",
                "IPM.Note",
            ),
            ("Content-Type: text/calendar; method=REQUEST\n\n", "", "", "IPM.Schedule.Meeting.Request"),
            ("Content-Type: text/calendar; method=cancel\n\n", "", "", "IPM.Schedule.Meeting.Canceled"),
            (
                "Content-Type: text/calendar; method=REPLY\n\n",
                "ATTENDEE;PARTSTAT=DECLINED:x",
                "",
                "IPM.Schedule.Meeting.Resp.Neg",
            ),
            (
                "Content-Type: text/calendar; method=REPLY\n\n",
                "ATTENDEE;partstat=tentative:x",
                "",
                "IPM.Schedule.Meeting.Resp.Tent",
            ),
            ("Content-Type: text/calendar; method=PUBLISH\n\n", "", "", "IPM.Note"),
            (&delivery, "", "Reporting-MTA: x\n\nAction: failed\n", "REPORT.IPM.NOTE.NDR"),
            (&delivery, "", "Action: delivered\n", "REPORT.IPM.NOTE.DR"),
            (&delivery, "", "Action: delayed\n", "REPORT.IPM.NOTE.DELAYED"),
            (&receipt, "", "Disposition: manual-action/MDN-sent-manually; displayed\n", "REPORT.IPM.NOTE.IPNRN"),
            (&receipt, "", "Disposition: automatic-action/MDN-sent-automatically; deleted\n", "REPORT.IPM.NOTE.IPNNRN"),
        ] {
            assert_eq!(message_class(&scan(raw.as_bytes()), calendar, part), class, "{raw}");
        }
        assert!(report_part(&scan(delivery.as_bytes())).is_some());
    }

    #[test]
    fn importance_has_many_names() {
        for (header, importance_) in [
            ("", "1"),
            ("Importance: High\n", "2"),
            ("Importance: low\nX-Priority: 1\n", "0"),
            ("X-Priority: 1 (Highest)\n", "2"),
            ("X-Priority: 5\n", "0"),
            ("Priority: urgent\n", "2"),
        ] {
            assert_eq!(importance(&Headers::parse(header.as_bytes(), "")), importance_, "{header}");
        }
    }
}
