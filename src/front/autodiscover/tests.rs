use super::*;
use crate::gateway::{Body, Hangup, Headers};

fn request(method: &str, query: &str, host: &str) -> Request {
    let mut headers = Headers::default();
    headers.add("Host", host);
    Request {
        method: method.into(),
        path: "/autodiscover/autodiscover.json".into(),
        query: query.into(),
        headers,
        remote: None,
        body: Body::empty(),
        hangup: Hangup::new().1,
        may_wait: true,
    }
}

fn document(schema: &str, inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Autodiscover \
         xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/{schema}/requestschema/2006\">{inside}</Autodiscover>"
    )
}

const PHONE: &str = "<Request>\n <EMailAddress> a&amp;b@example.org\n</EMailAddress><AcceptableResponseSchema>\n\
    http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006\n</AcceptableResponseSchema></Request>";

#[test]
fn paths() {
    for path in [
        "/autodiscover/autodiscover.xml",
        "/Autodiscover/Autodiscover.xml",
        "/AutoDiscover/AutoDiscover.xml",
        "/x/AUTODISCOVER/AUTODISCOVER.XML",
    ] {
        assert_eq!(kind(path), Some(Kind::Xml), "{path}");
    }
    assert_eq!(kind("/Autodiscover/autodiscover.json"), Some(Kind::Json(None)));
    let address = Kind::Json(Some("a@example.org".into()));
    assert_eq!(kind("/autodiscover/autodiscover.json/v1.0/a%40example.org"), Some(address));
    for path in ["/autodiscover.xml", "/autodiscover/autodiscover.xml.php", "/autodiscover/autodiscover.jsonx", "/"] {
        assert_eq!(kind(path), None, "{path}");
    }
}

#[test]
fn documents() {
    let address = Asked { address: "a&b@example.org".into() };
    assert_eq!(Asked::read(document("mobilesync", PHONE).as_bytes()), Ok(address));
    assert_eq!(Asked::read(b" \r\n"), Ok(Asked::default()));
    let only = "<Request><EMailAddress>x</EMailAddress></Request>";
    assert_eq!(Asked::read(document("mobilesync", only).as_bytes()), Ok(Asked { address: "x".into() }));
    let outlook = PHONE.replace("mobilesync", "outlook").replace("2006\n", "2006a\n");
    for (body, fault) in [
        (document("outlook", &outlook), NO_PROVIDER),
        (document("outlook", only), INVALID),
        (document("mobilesync", &format!("{PHONE}{PHONE}")), INVALID),
        (document("mobilesync", ""), INVALID),
        (document("mobilesync", "<Request>"), INVALID),
        ("no xml".to_owned(), INVALID),
        (format!("<!DOCTYPE a [<!ENTITY x \"y\">]>{}", document("mobilesync", PHONE)), INVALID),
        (document("mobilesync", &PHONE.replace("&amp;", "&x;")), INVALID),
        (document("mobilesync", &format!("{}{}", "<a>".repeat(40), "</a>".repeat(40))), INVALID),
        (document("mobilesync", &format!("{}{PHONE}", "<a></a>".repeat(5000))), INVALID),
    ] {
        assert_eq!(Asked::read(body.as_bytes()), Err(fault), "{body}");
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = Asked::read(&body);
    }

    #[test]
    fn any_markup(body in "[<>/a&;! \"'=\\[\\]?-]{0,60}") {
        let _ = Asked::read(body.as_bytes());
    }
}

#[test]
fn answers_are_xml() {
    for document in [settings("a<b>&@x", "https://x/?a&b"), error_document(INVALID, (59_999, 632_602_700))] {
        let mut reader = quick_xml::Reader::from_str(&document);
        loop {
            if reader.read_event().unwrap() == quick_xml::events::Event::Eof {
                break;
            }
        }
    }
    assert!(settings("a<b", "u").contains("<EMailAddress>a&lt;b</EMailAddress>"));
    assert!(error_document(INVALID, (59_999, 632_602_700)).contains("Time=\"16:39:59.6326027\""));
}

#[test]
fn whose_address() {
    let mut config = Config::default();
    let asked = |address: &str| Asked { address: address.into() };
    assert_eq!(address(&config, &asked(""), "erika", "erika"), "erika");
    assert_eq!(address(&config, &asked("erika@example.org"), "erika", "erika"), "erika@example.org");
    config.mail.domain = "example.org".into();
    assert_eq!(address(&config, &asked(""), "erika", "erika"), "erika@example.org");
    assert_eq!(address(&config, &asked("Erika@Example.org"), "Erika", "x"), "Erika@Example.org");
    assert_eq!(address(&config, &asked("other@example.org"), "erika", "DOM\\erika"), "erika@example.org");
    assert_eq!(address(&config, &asked("other@example.org"), "erika", "erika@example.org"), "erika@example.org");
}

fn json_of(query: &str, host: &str, config: Config) -> (u16, String) {
    let dir = tempfile::tempdir().unwrap();
    let horde = crate::horde::Horde::new(config.horde.clone()).unwrap();
    let site = Site::new(config, crate::state::Store::open(dir.path()).unwrap(), horde);
    let response = json_answer(&site, &request("GET", query, host), &mut Line::new());
    let crate::gateway::ResponseBody::Full(body) = response.body else { panic!("streamed") };
    (response.status, String::from_utf8(body).unwrap())
}

#[tokio::test]
async fn json_answers() {
    let ask = |query: &str, host: &str| json_of(query, host, Config::default());
    let (status, body) = ask("Email=a%40b&protocol=activesync&RedirectCount=1", "mail.example.org");
    assert_eq!(status, 200);
    assert_eq!(body, r#"{"Protocol":"ActiveSync","Url":"https://mail.example.org/Microsoft-Server-ActiveSync"}"#);
    let (_, body) = ask("Protocol=Autodiscoverv1", "mail.example.org");
    assert_eq!(body, r#"{"Protocol":"AutodiscoverV1","Url":"https://mail.example.org/Autodiscover/Autodiscover.xml"}"#);
    let (status, body) = ask("Protocol=<b>%22", "h");
    assert_eq!(status, 400);
    assert!(body.contains("InvalidProtocol") && body.contains("<b>\\\""), "{body}");
    assert!(ask("Email=x", "h").1.contains("MandatoryParameterMissing"));
    assert_eq!(ask("Protocol=ActiveSync", "evil\" onclick").0, 400);
    let mut config = Config::default();
    config.autodiscover.url = "https://eas.example.org/Microsoft-Server-ActiveSync".into();
    let (_, body) = json_of("Protocol=ActiveSync", "whatever", config);
    assert!(body.contains("https://eas.example.org/"), "{body}");
}
