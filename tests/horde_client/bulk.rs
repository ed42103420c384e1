//! Many items at once: multiCall, its failures and substitutes, and WebDAV.

use horde_eas::horde::{Call, Error, Horde, Settings};
use serde_json::{Value, json};

use crate::{
    TRIVIAL, client, login, on_call, settings,
    stand_in::{Act, Request, Server, fatal_page},
};

/// A stand-in that takes a multiCall apart, answers it entry by entry, and dies on entries that are called `fatal`.
fn multicall(request: &Request) -> Act {
    let names: Vec<&str> = request
        .body
        .split("methodName</name><value><string>")
        .skip(1)
        .filter_map(|part| part.split('<').next())
        .collect();
    if names.contains(&"fatal") {
        return fatal_page("died");
    }
    let entries: String = names
        .iter()
        .map(|name| match *name {
            "fault" => "<value><array><data><value><struct><member><name>faultCode</name><value><int>0</int></value></member>\
                        <member><name>faultString</name><value><string>Object x not found.</string></value></member></struct></value>\
                        </data></array></value>"
                .to_owned(),
            name => format!("<value><array><data>\n <value><string>{name} &#195;&#133;</string></value></data></array></value>"),
        })
        .collect();
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n<methodResponse>\n<params><param><value><array><data>{entries}</data></array>\
         </value></param></params>\n</methodResponse>"
    );
    Act::answer(200, "text/xml;charset=UTF-8", body)
}

fn calls(names: &[&str]) -> Vec<Call> {
    names.iter().map(|name| Call { method: (*name).into(), params: vec![json!("<&>")] }).collect()
}

async fn batch(server: &Server, calls: Vec<Call>) -> (Result<Vec<Result<Value, Error>>, Error>, Horde) {
    let horde = Horde::new(Settings { multicall: true, ..settings(server) }).unwrap();
    (horde.session(&login("u", "p")).batch(calls).await, horde)
}

/// JSON calls are answered with their name; XML as scripted.
async fn with_xml(xml: impl Fn(&Request) -> Act + Send + Sync + 'static) -> Server {
    Server::start(move |request| match request.call().as_str() {
        "" => xml(request),
        "fatal" => fatal_page("died alone"),
        name => request.result(&json!(format!("{name} by JSON"))),
    })
    .await
}

#[tokio::test]
async fn a_multicall_is_one_request_with_results_in_order() {
    let server = with_xml(multicall).await;
    let (results, horde) = batch(&server, calls(&["a", "fault", "b"])).await;
    let expected = vec![Ok(json!("a Å")), Err(Error::Fault("Object x not found.".into())), Ok(json!("b Å"))];
    assert_eq!(results.unwrap(), expected);
    assert_eq!((horde.stats().xml, horde.stats().json), (2, 0), "probe and batch");
    assert!(server.log.lock().unwrap()[1].header("content-type").unwrap().starts_with("text/xml"));
    let many = vec!["a"; 1000];
    let session = horde.session(&login("u", "p"));
    assert_eq!(session.batch(calls(&many)).await.unwrap().len(), 1000);
    assert_eq!(horde.stats().total(), 6);
}

#[tokio::test]
async fn bad_entries_of_a_multicall_are_found_by_halving() {
    let server = with_xml(multicall).await;
    let mut names: Vec<String> = (0..100).map(|n| format!("m{n}")).collect();
    names[42] = "fatal".into();
    names[99] = "fatal".into();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (results, horde) = batch(&server, calls(&names)).await;
    for (n, result) in results.unwrap().into_iter().enumerate() {
        match n {
            42 | 99 => assert_eq!(result, Err(Error::Fatal("died alone".into()))),
            _ => assert!(result.unwrap().as_str().unwrap().starts_with(&format!("m{n} "))),
        }
    }
    assert!(horde.stats().total() < 40, "{:?}", horde.stats());
    // All of them bad: bounded.
    let (results, horde) = batch(&server, calls(&["fatal"; 100])).await;
    assert!(results.unwrap().iter().all(|result| *result == Err(Error::Fatal("died alone".into()))));
    assert!(horde.stats().total() < 300, "{:?}", horde.stats());
}

#[tokio::test]
async fn without_multicall_single_calls_do() {
    let answers: Vec<Act> = vec![
        Act::answer(501, "text/html", ""),
        Act::answer(500, "text/html", ""),
        fatal_page("Call to undefined function xmlrpc_server_create()"),
        Act::answer(
            200,
            "text/xml",
            "<?xml version=\"1.0\"?><methodResponse><params><param><value><array><data/></array>",
        ),
        Act::answer(200, "text/xml", "<?xml version=\"1.0\"?><html/>"),
        Act::answer(
            200,
            "text/xml",
            "<?xml version=\"1.0\"?><methodResponse><fault><value><struct><member><name>faultCode</name><value><int>-32601</int></value>\
             </member><member><name>faultString</name><value>server error. method not found.</value></member></struct></value></fault>\
             </methodResponse>",
        ),
    ];
    for answer in answers {
        let server = with_xml(move |_| answer.clone()).await;
        let (results, horde) = batch(&server, calls(&["a", "b"])).await;
        assert_eq!(results.unwrap(), [Ok(json!("a by JSON")), Ok(json!("b by JSON"))]);
        let session = horde.session(&login("u", "p"));
        assert!(!session.has_multicall().await);
        let xml = horde.stats().xml;
        session.batch(calls(&["a", "b"])).await.unwrap();
        assert_eq!(horde.stats().xml, xml, "not tried again at once");
    }
}

/// XML cannot carry everything, and an answer must have as many entries as the question.
#[tokio::test]
async fn what_multicall_cannot_do_right_goes_by_json() {
    let server = with_xml(multicall).await;
    for param in [json!(null), json!("a\u{1}b"), json!({"a": [null]})] {
        let call = Call { method: "a".into(), params: vec![param] };
        let (results, horde) = batch(&server, vec![call; 2]).await;
        assert_eq!(results.unwrap()[1], Ok(json!("a by JSON")));
        assert_eq!(horde.stats().xml, 0);
    }
    let server = with_xml(|request| {
        let act = multicall(request);
        if request.body.contains(TRIVIAL) {
            return act;
        }
        let empty = "<?xml version=\"1.0\"?><methodResponse><params><param><value><array><data></data></array></value></param></params>";
        Act::answer(200, "text/xml", format!("{empty}</methodResponse>"))
    })
    .await;
    let (results, _) = batch(&server, calls(&["a", "b"])).await;
    assert_eq!(results.unwrap()[1], Ok(json!("b by JSON")));
}

#[tokio::test]
async fn a_site_that_fails_during_a_batch_gives_no_results_at_all() {
    let server = with_xml(|request| match request.body.contains(TRIVIAL) {
        true => multicall(request),
        false => Act::answer(502, "text/html", ""),
    })
    .await;
    let (results, _) = batch(&server, calls(&["a", "b"])).await;
    assert!(matches!(results, Err(Error::Unavailable { .. })), "{results:?}");
    let server = Server::start(|request| match request.json()["params"][0].as_i64() {
        Some(7) => Act::answer(401, "text/html", ""),
        _ => request.result(&json!(1)),
    })
    .await;
    let calls = (0..20).map(|n| Call { method: "a".into(), params: vec![json!(n)] }).collect();
    let session = client(&server).session(&login("u", "p"));
    assert_eq!(session.batch(calls).await, Err(Error::Unauthorized));
}

#[tokio::test]
async fn multiget_reads_what_webdav_says() {
    let server = on_call(|request| match (request.method.as_str(), request.target.as_str()) {
        ("REPORT", "/horde/rpc.php/addressbooks/u/contacts~b/") => {
            assert!(request.body.contains("addressbook-multiget") && request.body.contains("<d:href>/x/a&amp;b</d:href>"));
            Act::answer(
                207,
                "application/xml; charset=utf-8",
                "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<d:multistatus xmlns:d=\"DAV:\" xmlns:card=\"urn:ietf:params:xml:ns:carddav\">\
                 <d:response><d:href>/x/a&amp;b</d:href><d:propstat><d:prop><card:address-data>BEGIN:VCARD&#13;\nFN:Å\
                 </card:address-data></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>\
                 <d:response><d:href>/x/gone</d:href><d:status>HTTP/1.1 404 Not Found</d:status></d:response></d:multistatus>",
            )
        },
        ("PROPFIND", _) => {
            assert_eq!(request.header("depth"), Some("1"));
            Act::answer(404, "application/xml", "<d:error xmlns:d=\"DAV:\"><s:message>No such book</s:message></d:error>")
        },
        _ => Act::answer(405, "text/html", "no"),
    })
    .await;
    let horde = Horde::new(Settings { multiget: true, ..settings(&server) }).unwrap();
    let session = horde.session(&login("u", "p"));
    let hrefs = ["/x/a&b".to_owned(), "/x/gone".to_owned()];
    let path = "addressbooks/u/contacts~b/";
    let expected = vec![("/x/a&b".to_owned(), "BEGIN:VCARD\r\nFN:Å".to_owned())];
    assert_eq!(session.multiget(path, &hrefs).await, Ok(Some(expected)));
    assert_eq!(session.list_hrefs(path).await, Err(Error::Fault("HTTP 404 No such book".into())));
    for bad in ["../x", "addressbooks/%2e%2E/x", "a?b", "a#b"] {
        assert!(session.list_hrefs(bad).await.is_err(), "{bad}");
    }
    assert_eq!(horde.stats().dav, 2);
    assert_eq!(session.multiget("addressbooks/other/", &hrefs).await, Ok(None));
    assert_eq!(session.multiget(path, &hrefs).await, Ok(None), "given up for a while");
    assert_eq!(horde.stats().dav, 3);
}
