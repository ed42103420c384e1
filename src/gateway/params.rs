//! CGI variables (RFC 3875), which FastCGI and plain CGI share: request from variables, answer as CGI header.

use std::{io::Write, net::IpAddr};

use super::{Headers, Response, ResponseBody};

/// What the variables of a request say about it; the body comes by another way.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Vec<u8>,
    pub(super) headers: Headers,
    pub(super) remote: Option<IpAddr>,
    /// `CONTENT_LENGTH`, where the web server knew it.
    pub(super) length: Option<u64>,
}

impl Head {
    /// Reads the variables. Those that are not known are skipped; none is required.
    pub(super) fn from_variables<'a>(variables: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut head = Self::default();
        let (mut script, mut info, mut query) = (&b""[..], &b""[..], &b""[..]);
        let (mut uri, mut redirected) = (None, None);
        for (name, value) in variables {
            match name {
                b"REQUEST_METHOD" => head.method = text(value),
                b"REQUEST_URI" => uri = Some(value).filter(|uri| !uri.is_empty()),
                b"SCRIPT_NAME" => script = value,
                b"PATH_INFO" => info = value,
                b"QUERY_STRING" => query = value,
                b"REMOTE_ADDR" => head.remote = text(value).trim().parse().ok(),
                b"CONTENT_LENGTH" => head.length = text(value).trim().parse().ok(),
                b"CONTENT_TYPE" if !value.is_empty() => head.headers.add("content-type", value),
                b"REDIRECT_HTTP_AUTHORIZATION" => redirected = Some(value),
                // Both have a variable of their own; a web server may send the header as well.
                b"HTTP_CONTENT_TYPE" | b"HTTP_CONTENT_LENGTH" => {}
                _ => {
                    if let Some(name) = name.strip_prefix(b"HTTP_") {
                        head.headers.add(&text(name).replace('_', "-"), value);
                    }
                }
            }
        }
        if let Some(length) = head.length {
            head.headers.add("content-length", length.to_string());
        }
        // Apache renames the variable when a rewrite rule passed it on.
        if let (None, Some(value)) = (head.headers.get("authorization"), redirected) {
            head.headers.add("authorization", value);
        }
        match uri {
            Some(uri) => (head.path, head.query) = split_uri(uri),
            None => (head.path, head.query) = (text(script) + &text(info), query.to_vec()),
        }
        head
    }
}

/// Path and query of a request URI, which may be one with scheme and host (RFC 9112 3.2.2).
fn split_uri(uri: &[u8]) -> (String, Vec<u8>) {
    let (path, query) = match uri.iter().position(|&byte| byte == b'?') {
        Some(at) => (uri.get(..at).unwrap_or_default(), uri.get(at + 1..).unwrap_or_default()),
        None => (uri, &b""[..]),
    };
    let path = text(path);
    let path = match path.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('/') => {
            rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/").to_owned()
        }
        _ => path,
    };
    (path, query.to_vec())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The header of an answer in CGI form (RFC 3875 6.3), with the empty line at its end.
pub(super) fn answer_header(response: &Response) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    // Writing to a Vec does not fail.
    let _ = write!(out, "Status: {} {}\r\n", response.status, response.reason());
    for (name, value) in &response.headers {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend(value.bytes().map(|byte| if matches!(byte, b'\r' | b'\n' | 0) { b' ' } else { byte }));
        out.extend_from_slice(b"\r\n");
    }
    if let ResponseBody::Full(body) = &response.body {
        let _ = write!(out, "Content-Length: {}\r\n", body.len());
    }
    out.extend_from_slice(b"\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(variables: &[(&str, &str)]) -> Head {
        Head::from_variables(variables.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
    }

    #[test]
    fn the_uri_as_sent_wins() {
        let head = head(&[
            ("REQUEST_METHOD", "POST"),
            ("REQUEST_URI", "/Microsoft-Server-ActiveSync?Cmd=a%20b&x=?"),
            ("SCRIPT_NAME", "/other"),
            ("QUERY_STRING", "other"),
        ]);
        assert_eq!((head.method.as_str(), head.path.as_str()), ("POST", "/Microsoft-Server-ActiveSync"));
        assert_eq!(head.query, b"Cmd=a%20b&x=?");
    }

    #[test]
    fn without_uri_script_and_path_info_are_joined() {
        let head = head(&[("SCRIPT_NAME", "/a"), ("PATH_INFO", "/b"), ("QUERY_STRING", "q")]);
        assert_eq!((head.path.as_str(), head.query.as_slice()), ("/a/b", &b"q"[..]));
        assert_eq!(split_uri(b"http://host:80/p?q"), ("/p".to_owned(), b"q".to_vec()));
        assert_eq!(split_uri(b"http://host"), ("/".to_owned(), Vec::new()));
        assert_eq!(split_uri(b"/p://x"), ("/p://x".to_owned(), Vec::new()));
    }

    #[test]
    fn headers() {
        let head = head(&[
            ("HTTP_X_MS_POLICYKEY", "17"),
            ("CONTENT_TYPE", "text/xml"),
            ("CONTENT_LENGTH", "12"),
            ("HTTP_CONTENT_LENGTH", "13"),
            ("REDIRECT_HTTP_AUTHORIZATION", "Basic eA=="),
            ("REMOTE_USER", "admin"),
            ("REMOTE_ADDR", "2001:db8::1"),
        ]);
        assert_eq!(head.headers.text("x-ms-policykey"), Some("17"));
        assert_eq!(head.headers.text("content-type"), Some("text/xml"));
        assert_eq!(head.headers.text("content-length"), Some("12"));
        assert_eq!(head.headers.text("authorization"), Some("Basic eA=="));
        assert_eq!((head.length, head.remote), (Some(12), Some("2001:db8::1".parse().unwrap())));
        assert_eq!(head.headers.iter().count(), 4);
    }

    #[test]
    fn what_is_not_utf8_or_not_a_number_hurts_nothing() {
        let head = Head::from_variables([
            (&b"HTTP_X"[..], &b"\xfc\xff"[..]),
            (b"CONTENT_LENGTH", b"-1"),
            (b"REMOTE_ADDR", b"unix:"),
            (b"HTTP_AUTHORIZATION", b"Basic x"),
        ]);
        assert_eq!(head.headers.get("x"), Some(&b"\xfc\xff"[..]));
        assert_eq!((head.length, head.remote), (None, None));
        assert_eq!(head.headers.text("authorization"), Some("Basic x"));
    }

    #[test]
    fn header_of_an_answer_cannot_be_split() {
        let response = Response::status(449).header("X-Reason", "a\r\nSet-Cookie: b");
        let header = String::from_utf8(answer_header(&response)).unwrap();
        assert_eq!(
            header,
            "Status: 449 Retry after sending a PROVISION command\r\nX-Reason: a  Set-Cookie: b\r\nContent-Length: 0\r\n\r\n"
        );
    }
}
