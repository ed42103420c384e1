//! Values there and back, and what must not be believed.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// As PHP writes: each byte of UTF-8 above 0x7F is a reference of its own, that of 200 to 209 without the zero.
fn as_php(text: &str) -> String {
    let one = |b: u8| match b {
        0..0x80 => char::from(b).to_string(),
        200..=209 => format!("&#{};", b - 180),
        _ => format!("&#{b};"),
    };
    text.bytes().map(one).collect()
}

fn reply(xml: impl Into<Vec<u8>>) -> Reply {
    Reply { status: 200, content_type: "text/xml;charset=utf-8".into(), body: xml.into(), ..Reply::default() }
}

fn response(value: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n<methodResponse>\n<params>\n <param>{value}</param>\n</params>\n</methodResponse>"
    )
}

fn one(value: &str) -> Result<Value, Failure> {
    let xml = response(&format!(
        "<value><array><data><value><array><data>{value}</data></array></value></data></array></value>"
    ));
    let (mut entries, noise) = entries(&reply(xml), 1)?;
    assert_eq!(noise, None);
    entries.remove(0)
}

fn values() -> impl Strategy<Value = Value> {
    let text = any::<String>().prop_filter("XML", |text| is_xml(text));
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Value::from),
        text.clone().prop_map(Value::from),
        "[ -~äöü😀\r\n\t]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((text.clone().prop_filter("a name", |name| !name.is_empty()), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[test]
fn members_that_are_not_public_come_in_their_order() {
    let member = |name: &str, n: i32| format!("<member>{name}<value><int>{n}</int></value></member>");
    let all = [("<name/>", 7), ("<name>a</name>", 8), ("<name></name>", 9)].map(|(name, n)| member(name, n)).concat();
    assert_eq!(one(&format!("<value><struct>{all}</struct></value>")).unwrap(), json!({"": [7, 9], "a": 8}));
}

proptest! {
    #[test]
    fn values_come_back_as_they_were(value in values()) {
        prop_assume!(fault_of(&value).is_none());
        prop_assert!(can_carry(&value));
        let mut xml = String::new();
        write(&value, &mut xml);
        prop_assert_eq!(one(&as_php(&xml)).unwrap(), value);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), head in any::<bool>()) {
        let mut body = if head { b"<?xml version=\"1.0\"?><methodResponse><params><param>".to_vec() } else { Vec::new() };
        body.extend(bytes);
        let _ = entries(&reply(body), 1);
    }

    #[test]
    fn damaged_answers_give_an_error_or_whole_entries(at in 0usize..600, byte in any::<u8>(), end in 0usize..900) {
        let mut xml = String::new();
        write(&json!([[{"a": [1, true, 2.5, "x"]}], ["ä"]]), &mut xml);
        let mut body = response(&as_php(&xml)).into_bytes();
        if let Some(place) = body.get_mut(at) {
            *place = byte;
        }
        body.truncate(end);
        if let Ok((entries, _)) = entries(&reply(body), 2) {
            prop_assert_eq!(entries.len(), 2);
        }
    }
}

#[test]
fn types_of_php_are_read() {
    assert_eq!(one("<value>bare &amp; simple</value>"), Ok(json!("bare & simple")));
    assert_eq!(one("<value><string>&#195;&#133;ngstr&#195;&#182;m</string></value>"), Ok(json!("Ångström")));
    assert_eq!(one("<value><string>&#26;&#169; &#28;&#150;</string></value>"), Ok(json!("Ω Ж")));
    assert_eq!(one("<value><string>&#240;&#159;&#152;&#128;</string></value>"), Ok(json!("😀")));
    assert_eq!(one("<value><string>a&#13;&#10;b<![CDATA[<c>]]></string></value>"), Ok(json!("a\r\nb<c>")));
    // Proper Unicode, or Latin-1 that is no UTF-8, stays.
    assert_eq!(one("<value><string>&#8364; &#xE4;</string></value>"), Ok(json!("€ ä")));
    assert_eq!(one("<value><string>\u{e4}b</string></value>"), Ok(json!("äb")));
    assert_eq!(one("<value><i4> 5 </i4></value>"), Ok(json!(5)));
    assert_eq!(one("<value><boolean>1</boolean></value>"), Ok(json!(true)));
    assert_eq!(one("<value><double>-1.50</double></value>"), Ok(json!(-1.5)));
    assert_eq!(one("<value><nil/></value>"), Ok(json!(null)));
    assert_eq!(one("<value/>"), Ok(json!("")));
    assert_eq!(one("<value><struct/></value>"), Ok(json!({})));
    assert_eq!(one("<value><base64>YWJj\n</base64></value>"), Ok(json!("YWJj")));
    let date = "<value><dateTime.iso8601>20260101T00:00:00</dateTime.iso8601></value>";
    assert_eq!(one(date), Ok(json!("20260101T00:00:00")));
    for bad in
        ["<value><int>x</int></value>", "<value><odd>1</odd></value>", "<value><base64>?</base64></value>", "<x/>"]
    {
        assert!(one(bad).is_err(), "{bad}");
    }
    for bad in ["<value><string>&x;</string></value>", "<value><string>&#xD800;</string></value>"] {
        assert!(one(bad).is_err(), "{bad}");
    }
}

#[test]
fn faults_hide_in_results() {
    let member = |name: &str, value: &str| format!("<member><name>{name}</name><value>{value}</value></member>");
    let code = member("faultCode", "<int>0</int>");
    let fault = format!(
        "<value><struct>{code}{}</struct></value>",
        member("faultString", "<string>Permission Denied</string>")
    );
    assert_eq!(one(&fault), Err(Failure::Fault("Permission Denied".into())));
    let lost = format!("<value><struct>{code}{}</struct></value>", member("faultString", "MySQL server has gone away"));
    assert!(matches!(one(&lost), Err(Failure::Trouble(trouble)) if trouble.kind == Kind::Database));
    let third = format!("<value><struct>{code}{}{}</struct></value>", member("faultString", "x"), member("more", "y"));
    assert!(one(&third).is_ok(), "an item that happens to have such fields");
}

#[test]
fn requests_are_plain_xml() {
    let call = Call {
        method: "a.b".into(),
        params: vec![json!("<ä&\r>"), json!(1), json!(5_000_000_000i64), json!({"k": []})],
    };
    let xml = multicall(&[call]);
    assert!(xml.contains("<string>&lt;ä&amp;&#13;&gt;</string>"), "{xml}");
    assert!(xml.contains("<int>1</int>") && xml.contains("<string>5000000000</string>"), "{xml}");
    assert!(
        xml.contains("<struct><member><name>k</name><value><array><data></data></array></value></member></struct>"),
        "{xml}"
    );
    for cannot in [json!(null), json!([{"a": null}]), json!("\u{0}"), json!("\u{1b}"), json!({"\u{1}": 1})] {
        assert!(!can_carry(&cannot), "{cannot}");
    }
}

#[test]
fn nesting_and_documents_are_bounded() {
    let deep = format!("{}{}", "<value><array><data>".repeat(100), "</data></array></value>".repeat(100));
    assert!(one(&deep).is_err());
    let mut value = json!(1);
    for _ in 0..100 {
        value = json!([value]);
    }
    assert!(!can_carry(&value));
    let evil = "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"b\">]><methodResponse/>";
    assert!(entries(&reply(evil), 1).is_err());
}

#[test]
fn php_messages_before_the_answer_are_told() {
    let xml = response(
        "<value><array><data><value><array><data><value>x</value></data></array></value></data></array></value>",
    );
    let (entries, noise) = entries(&reply(format!("<b>Warning</b>: odd\n{xml}")), 1).unwrap();
    assert_eq!(entries, [Ok(json!("x"))]);
    assert_eq!(noise.as_deref(), Some("Warning : odd"));
}
