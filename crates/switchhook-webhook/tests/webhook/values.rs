//! A caller's name stays one value in its place, whatever it contains.

use proptest::prelude::*;
use serde_json::json;
use switchhook_core::outcome::{Failure, Reason};
use switchhook_webhook::Prepared;
use switchhook_webhook::options::{Body, WebhookOptions};

use crate::rendering::*;

/// Any text, often with characters that have a meaning in URL, JSON, XML or headers.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        "[ -~]{0,6}",
        prop::sample::select(vec![
            "\"", "'", "\\", "&", "<", ">", "]]>", "/", "?", "#", "%", "%2e", "..", ";", "=", "+",
            "\r\n", "\t", "\0", "\u{1}", "\u{2}", "\u{7f}", "\u{85}", "\u{2028}", "\u{fffe}", "{{",
            "}}", "{%", "&amp;", "é", "\u{202e}", "😀", "\\u0022", "@", ":", "[", "]", ",", "null",
        ])
        .prop_map(String::from),
    ];
    prop::collection::vec(piece, 1..12)
        .prop_map(|pieces| pieces.concat())
        .prop_filter("an empty value is a missing one", |text| !text.is_empty())
}

/// Returns the text as XML 1.0 can carry it.
fn in_xml(text: &str) -> String {
    let fits = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    text.chars()
        .map(|c| if fits(c) { c } else { '\u{fffd}' })
        .collect()
}

fn everything(name: &str) -> [Result<Prepared, Failure>; 5] {
    let value = "{{ call.caller_name }}";
    let headers = [("Caller-Caller-ID-Name", name)];
    let with = |body: Body| {
        let options = WebhookOptions {
            body,
            ..options("https://crm.example/")
        };
        prepare(options, &headers)
    };
    let addressed = WebhookOptions {
        query: vec![entry("name", value, true)],
        headers: Vec::new(),
        ..options("https://crm.example/a/x{{ call.caller_name }}/b?q={{ call.caller_name }}&r")
    };
    [
        prepare(addressed, &headers),
        with(Body::Json(format!(
            r#"{{"a": "<{value}>", "b": {{{{ call.caller_name | tojson }}}}}}"#
        ))),
        with(Body::Xml(format!(
            "<a b=\"{value}\" c='{value}'>{value}</a>"
        ))),
        with(Body::Form(vec![
            entry("a", value, true),
            entry("b", "1", true),
        ])),
        with(Body::Text(format!("<{value}>"))),
    ]
}

proptest! {
    #[test]
    fn no_caller_name_breaks_url_json_xml_form_or_text(name in hostile()) {
        let [addressed, json, xml, form, text] = everything(&name).map(Result::unwrap);
        prop_assert_eq!(addressed.url.host_str(), Some("crm.example"));
        let segments: Vec<_> = addressed.url.path_segments().unwrap().collect();
        let decoded = percent_encoding::percent_decode_str(segments[1]).decode_utf8().unwrap();
        prop_assert_eq!((segments.len(), decoded), (3, format!("x{name}").into()));
        let pairs: Vec<_> = addressed.url.query_pairs().collect();
        let expected = [("q", name.as_str()), ("r", ""), ("name", name.as_str())];
        let expected = expected.map(|(name, value)| (name.into(), value.into()));
        prop_assert_eq!(pairs, expected);
        prop_assert_eq!(addressed.url.fragment(), None);

        let parsed: serde_json::Value = serde_json::from_slice(&json.body).unwrap();
        prop_assert_eq!(parsed, json!({"a": format!("<{name}>"), "b": name}));

        let document = std::str::from_utf8(&xml.body).unwrap();
        let document = roxmltree::Document::parse(document).unwrap();
        let root = document.root_element();
        let expected = in_xml(&name);
        prop_assert_eq!(root.text(), Some(expected.as_str()));
        prop_assert_eq!(root.attribute("b"), Some(expected.as_str()));
        prop_assert_eq!(root.attribute("c"), Some(expected.as_str()));
        prop_assert_eq!(root.attributes().len(), 2);

        let pairs: Vec<_> = url::form_urlencoded::parse(&form.body).into_owned().collect();
        prop_assert_eq!(pairs, [("a".to_owned(), name.clone()), ("b".to_owned(), "1".to_owned())]);
        prop_assert_eq!(text.body, format!("<{name}>"));
    }

    #[test]
    fn a_header_is_exactly_the_caller_name_or_refused(name in hostile()) {
        let options = WebhookOptions {
            headers: vec![entry("X-Name", "{{ call.caller_name }}", true)],
            ..options("https://crm.example/")
        };
        let is_broken = name.chars().any(|c| c != '\t' && c.is_ascii_control());
        match prepare(options, &[("Caller-Caller-ID-Name", &name)]) {
            Ok(prepared) => {
                prop_assert!(!is_broken);
                prop_assert_eq!(prepared.headers["X-Name"].as_bytes(), name.as_bytes());
            }
            Err(failure) => {
                prop_assert!(is_broken);
                prop_assert_eq!(failure.reason, Reason::InvalidRequest);
            }
        }
    }
}
