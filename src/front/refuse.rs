//! Which error becomes which HTTP status or Status element.

use std::time::Duration;

use crate::{
    error::Error,
    gateway::Response,
    proto::{Command, Version, write_status},
};

/// HTTP status for a common Status in versions that do not have it in the body (MS-ASCMD 2.2.2): from, to, HTTP status.
const HTTP: [(u16, u16, u16); 17] = [
    (101, 109, 400),
    (111, 111, 503),
    (112, 112, 403),
    (113, 113, 507),
    (114, 114, 503),
    (123, 123, 403),
    (124, 124, 401),
    (125, 132, 403),
    (137, 137, 501),
    (138, 138, 400),
    (139, 139, 403),
    (140, 144, 449),
    (145, 145, 403),
    (147, 147, 400),
    (150, 150, 404),
    (165, 165, 400),
    (177, 177, 403),
];

/// When to come back where nothing better is known.
const LATER: Duration = Duration::from_secs(60);

/// The type of a document.
pub(super) const WBXML: &str = "application/vnd.ms-sync.wbxml";

/// HTTP status for a common Status; 500 for those that no phone of that age can have asked for.
pub(super) fn http(status: u16) -> u16 {
    HTTP.iter().find(|(from, to, _)| (*from..=*to).contains(&status)).map_or(500, |row| row.2)
}

/// The answer that tells the phone of an error. `command` is `None` when it is not known which it was.
pub(super) fn refuse(error: &Error, asked: Option<(Command, Version)>, realm: &str) -> Response {
    let status = match error {
        Error::RetryLater { after, .. } => return retry_later(*after),
        Error::Unauthorized => 124,
        Error::Status(status) => *status,
        Error::Internal(_) => 110,
    };
    let document = asked.map(|(command, version)| write_status(command, status, version)).unwrap_or_default();
    if status != 124 && !document.is_empty() {
        return Response::full(200, WBXML, document);
    }
    match http(status) {
        401 => Response::status(401).header("WWW-Authenticate", format!("Basic realm=\"{realm}\"")),
        503 => retry_later(LATER),
        code => Response::status(code),
    }
}

fn retry_later(after: Duration) -> Response {
    Response::status(503).header("Retry-After", after.as_secs().clamp(1, 3600).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::ResponseBody;

    fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
        response.headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str())
    }

    #[test]
    fn per_version() {
        let old = refuse(&Error::Status(142), Some((Command::FolderSync, Version::V12_1)), "r");
        assert_eq!((old.status, old.reason()), (449, "Retry after sending a PROVISION command"));
        let new = refuse(&Error::Status(142), Some((Command::FolderSync, Version::V14_0)), "r");
        assert_eq!((new.status, header(&new, "Content-Type")), (200, Some(WBXML)));
        let ResponseBody::Full(body) = new.body else { panic!("{new:?}") };
        // FolderSync { Status 142 }
        assert_eq!(body, b"\x03\x01\x6a\x00\x00\x07\x56\x4c\x03142\x00\x01\x01");
        // A command without documents has only HTTP.
        assert_eq!(refuse(&Error::Status(137), Some((Command::GetAttachment, Version::V14_0)), "r").status, 501);
        assert_eq!(refuse(&Error::Status(137), None, "r").status, 501);
    }

    #[test]
    fn no_login_is_401_and_a_pause_is_503_in_every_version() {
        for version in Version::ALL {
            let asked = Some((Command::Sync, version));
            let response = refuse(&Error::Unauthorized, asked, "My Horde");
            assert_eq!(
                (response.status, header(&response, "WWW-Authenticate")),
                (401, Some("Basic realm=\"My Horde\""))
            );
            let error = Error::RetryLater { reason: String::new(), after: Duration::from_millis(10) };
            let response = refuse(&error, asked, "r");
            assert_eq!((response.status, header(&response, "Retry-After")), (503, Some("1")));
        }
    }

    #[test]
    fn every_common_status_has_an_http_status_that_is_an_error() {
        for status in 101..=184 {
            assert!((400..=507).contains(&http(status)), "{status}");
        }
        for (status, code) in [(102, 400), (110, 500), (122, 500), (129, 403), (140, 449), (145, 403), (113, 507)] {
            assert_eq!(http(status), code, "{status}");
        }
    }
}
