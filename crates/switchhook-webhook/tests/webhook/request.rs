//! Requests from templates over a call.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use switchhook_core::outcome::Reason;
use switchhook_webhook::CallContext;
use switchhook_webhook::context::HeaderRecorder;
use switchhook_webhook::options::{Body, WebhookOptions};

use crate::rendering::*;

#[test]
fn flow_call_and_channel_are_the_names_of_a_template() {
    let headers = [
        ("variable_flow.key.leadid", "HFC123"),
        ("variable_flow.key.customer.number", "9198"),
        ("variable_flow.key.customer", "ann"),
        ("variable_flow.key.a-b", "hyphen"),
        ("variable_sip_from_user", "1000"),
        ("Unique-ID", "9d34878d"),
        ("Caller-Caller-ID-Number", "+4930"),
        ("Caller-Channel-Created-Time", "1642423041952000"),
        ("FreeSWITCH-Switchname", "pbx-9"),
        ("Event-Name", "CHANNEL_DATA"),
    ];
    for (template, expected) in [
        ("{{ flow.key.leadid }}", "HFC123"),
        ("{{ flow.key.customer.number }}", "9198"),
        (
            "{{ flow.key.customer }}/{{ flow.key.customer.number }}",
            "ann/9198",
        ),
        ("{{ flow.key['a-b'] }}", "hyphen"),
        ("{{ channel[\"sip_from_user\"] }}", "1000"),
        ("{{ channel['Event-Name'] }}", "CHANNEL_DATA"),
        ("{{ channel['flow.key.leadid'] | lower }}", "hfc123"),
        ("{{ channel['sip_' ~ 'from_user'] }}", "1000"),
        ("{{ call.uuid }}/{{ call.switch }}", "9d34878d/pbx-9"),
        ("{{ call.caller_number }}", "%2B4930"),
        ("{{ call.created }}", "2022-01-17T12%3A37%3A21.952Z"),
        ("{{ flow.key.none | default('main') }}", "main"),
        ("{% if flow.key.none %}x{% else %}y{% endif %}", "y"),
        (
            "{% set x %}{{ call.caller_number }}{% endset %}{{ x }}",
            "%2B4930",
        ),
        ("{{ flow.key | length }}", "4"),
    ] {
        let found = url(&format!("https://crm.example/{template}"), &headers);
        assert_eq!(
            found.unwrap(),
            format!("https://crm.example/{expected}"),
            "{template}"
        );
    }
}

#[test]
fn a_missing_variable_in_the_url_fails_by_its_name() {
    for (template, name) in [
        ("{{ flow.key.leadid }}", "flow.key.leadid"),
        ("{{ flow.key.empty }}", "flow.key.empty"),
        ("{{ flow.key.a.b }}", "flow.key.a.b"),
        ("{{ flow.key.leadid | tojson }}", "flow.key.leadid"),
        ("{{ call.caller_name }}", "call.caller_name"),
        ("{{ channel['nobody'] }}", "channel[\"nobody\"]"),
        ("?q={{ flow.key.leadid ~ 'x' }}", "flow.key.leadid"),
    ] {
        let headers = [("variable_flow.key.empty", "")];
        let failure = url(&format!("https://crm.example/{template}"), &headers).unwrap_err();
        assert_eq!(failure.reason, Reason::InvalidFlowVar, "{template}");
        assert!(
            failure.detail.contains(name),
            "{template}: {}",
            failure.detail
        );
    }
}

#[test]
fn entries_without_their_variable_fail_or_are_left_out() {
    let with = |mandatory| WebhookOptions {
        query: vec![
            entry("lead", "{{ flow.key.leadid }}", mandatory),
            entry("v", "1", false),
        ],
        headers: vec![entry("X-Lead", "id {{ flow.key.leadid }}", false)],
        ..options("https://crm.example/?a=b")
    };
    let left_out = prepare(with(false), &[]).unwrap();
    assert_eq!(left_out.url.as_str(), "https://crm.example/?a=b&v=1");
    assert!(left_out.headers.get("X-Lead").is_none());
    let failure = prepare(with(true), &[]).unwrap_err();
    assert_eq!(failure.reason, Reason::InvalidFlowVar);
    assert!(failure.detail.contains("lead") && failure.detail.contains("flow.key.leadid"));
    let there = prepare(with(true), &[("variable_flow.key.leadid", "a&b=c #é")]).unwrap();
    assert_eq!(there.url.query(), Some("a=b&lead=a%26b%3Dc+%23%C3%A9&v=1"));
    assert_eq!(there.headers["X-Lead"].as_bytes(), "id a&b=c #é".as_bytes());
}

#[test]
fn in_a_body_a_missing_variable_is_empty() {
    let template =
        r#"{"a": "{{ flow.key.a }}", "b": {{ flow.key.b.c | tojson }}, "c": {{ flow.key.c }}}"#;
    let expected = json!({"a": "", "b": null, "c": null});
    assert_eq!(json_body(template, &[]).unwrap(), expected);
    assert_eq!(
        body(Body::Text("<{{ flow.key.a }}>".into()), &[]).unwrap(),
        "<>"
    );
    let xml = body(Body::Xml("<a b='{{ flow.key.b }}'/>".into()), &[]);
    assert_eq!(xml.unwrap(), "<a b=''/>");
    let form = |mandatory| Body::Form(vec![entry("a", "{{ flow.key.a }}", mandatory)]);
    assert_eq!(body(form(false), &[]).unwrap(), "a=");
    assert_eq!(
        body(form(true), &[]).unwrap_err().reason,
        Reason::InvalidFlowVar
    );
}

#[test]
fn a_json_body_stays_the_document_that_its_template_is() {
    let list = |value| json_body("[{{ flow.key.x }}]", &[("variable_flow.key.x", value)]);
    assert_eq!(list("12.5").unwrap(), json!([12.5]));
    for value in ["1,2", "{\"admin\":true}", "word", "\"x\",\"y\""] {
        let failure = list(value).unwrap_err();
        assert_eq!(failure.reason, Reason::InvalidRequest, "{value}");
        assert!(failure.detail.contains("tojson"), "{}", failure.detail);
    }
    let comma = r#"{"a": 1,{% if flow.key.b %}"b": 1{% endif %}}"#;
    let broken = json_body(comma, &[]).unwrap_err();
    assert!(
        broken.detail.contains("is not valid JSON"),
        "{}",
        broken.detail
    );
    assert_eq!(broken.reason, Reason::InvalidRequest);
    let filtered = json_body(
        r#"{"a": "{{ flow.key.x | e }}"}"#,
        &[("variable_flow.key.x", "\"")],
    );
    assert_eq!(filtered.unwrap(), json!({"a": "\""}));
    let escaping_off = "{% autoescape false %}{\"a\": \"{{ flow.key.x }}\"}{% endautoescape %}";
    let found = json_body(escaping_off, &[("variable_flow.key.x", "\",\"b\":\"")]);
    assert_eq!(found.unwrap(), json!({"a": "\",\"b\":\""}));
}

#[test]
fn after_the_call_its_document_joins_the_names() {
    let document = json!({
        "call": {"talk_ms": 15962, "uuid": "first"},
        "callDetails": [{"duration": "15962", "incoming": true}],
        "keys": [{"name": "$flow.key.leadid", "value": "HFC123"}],
        "phonon-uuid": "9d34",
    });
    let template = r#"{"lead": {{ flow.key.leadid | tojson }}, "talk_ms": {{ call.talk_ms }},
        "uuid": "{{ call.uuid }}", "number": "{{ call.caller_number }}",
        "in": {{ callDetails[0].incoming }}, "all": {{ callDetails }},
        "names": [{% for key in keys %}"{{ key.name }}"{% endfor %}],
        "id": "{{ document['phonon-uuid'] }}", "flow": {{ flow.key | tojson }}}"#;
    let options = WebhookOptions {
        body: Body::Json(template.into()),
        ..options("https://crm.example/")
    };
    let headers = channel(&[
        ("variable_flow.key.leadid", "HFC123"),
        ("variable_flow.key.bill", "%{strftime(%Y)}"),
        (
            "variable_flow.key.bill_b64",
            &STANDARD.encode("${strftime(%Y)}"),
        ),
        ("Caller-Caller-ID-Number", "9198"),
    ]);
    let prepared = prepare_with(options, &headers, Some(&document)).unwrap();
    let found: serde_json::Value = serde_json::from_slice(&prepared.body).unwrap();
    let expected = json!({
        "lead": "HFC123", "talk_ms": 15962, "uuid": "first", "number": "9198", "in": true,
        "all": [{"duration": "15962", "incoming": true}], "names": ["$flow.key.leadid"],
        "id": "9d34", "flow": {"leadid": "HFC123", "bill": "${strftime(%Y)}"},
    });
    assert_eq!(found, expected);
}

#[test]
fn the_exact_text_is_seen_where_the_switch_holds_an_inert_one() {
    let exact = STANDARD.encode("${caller} % 100");
    let headers = [
        ("variable_flow.key.n", "%{caller} % 100"),
        ("variable_flow.key.n_b64", &exact),
    ];
    let found = json_body(r#"["{{ flow.key.n }}"]"#, &headers).unwrap();
    assert_eq!(found, json!(["${caller} % 100"]));
    for useless in ["not base64", &exact] {
        let set_since = [
            ("variable_flow.key.n", "set since"),
            ("variable_flow.key.n_b64", useless),
        ];
        let found = json_body(r#"["{{ flow.key.n }}"]"#, &set_since).unwrap();
        assert_eq!(found, json!(["set since"]));
    }
}

#[test]
fn what_a_webhook_reads_is_known_before_and_recorded() {
    let webhook = compile(WebhookOptions {
        headers: vec![entry("X", "{{ channel['a' ~ 'b'] }}", false)],
        ..options("https://crm.example/{{ flow.key.leadid }}/{{ channel['sip_from_user'] }}")
    });
    let before = webhook.headers_read();
    assert!(before.contains(&"variable_flow.key.leadid".to_owned()));
    assert!(before.contains(&"variable_sip_from_user".to_owned()));
    let headers = channel(&[
        ("variable_flow.key.leadid", "1"),
        ("variable_sip_from_user", "2"),
        ("variable_ab", "3"),
        ("variable_other", "4"),
    ]);
    let recorder = HeaderRecorder::new(&headers);
    let call = CallContext {
        headers: &recorder,
        document: None,
        predefined: &Vec::new,
    };
    assert_eq!(webhook.prepare(&call).unwrap().headers["X"], "3");
    let expected = [
        "variable_ab",
        "variable_flow.key.leadid",
        "variable_sip_from_user",
    ];
    assert_eq!(recorder.read(), expected);
}

#[test]
fn the_body_without_a_template_is_the_predefined_document() {
    let with = |method: &str| {
        let options = WebhookOptions {
            method: method.into(),
            ..options("https://crm.example/")
        };
        prepare(options, &[]).unwrap()
    };
    for method in ["POST", "put", "PATCH"] {
        let prepared = with(method);
        assert_eq!(prepared.body.as_ref(), b"{\"callDetails\":[]}");
        assert_eq!(prepared.headers["content-type"], "application/json");
    }
    for method in ["GET", "HEAD", "DELETE"] {
        let prepared = with(method);
        assert!(
            prepared.body.is_empty() && prepared.headers.is_empty(),
            "{method}"
        );
    }
}

#[test]
fn the_operators_content_type_wins() {
    let options = WebhookOptions {
        headers: vec![entry("Content-Type", "application/vnd.crm+json", false)],
        body: Body::Json("{}".into()),
        ..options("https://crm.example/")
    };
    let prepared = prepare(options, &[]).unwrap();
    assert_eq!(prepared.headers["content-type"], "application/vnd.crm+json");
}

#[test]
fn a_header_with_a_line_break_is_refused_with_its_name() {
    for value in ["a\r\nX-Evil: 1", "a\nb", "a\0b", "a\u{7f}"] {
        let options = WebhookOptions {
            headers: vec![entry("X-Name", "{{ flow.key.n }}", true)],
            ..options("https://crm.example/")
        };
        let failure = prepare(options, &[("variable_flow.key.n", value)]).unwrap_err();
        assert_eq!(failure.reason, Reason::InvalidRequest);
        assert!(failure.detail.contains("X-Name") && !failure.detail.contains("Evil"));
    }
}

#[test]
fn a_value_cannot_walk_through_the_path_or_change_the_host() {
    for (template, value) in [
        ("https://crm.example/a/{{ flow.key.x }}/b", ".."),
        ("https://crm.example/a/.{{ flow.key.x }}", "."),
        ("https://crm.example/{{ flow.key.x }}", "."),
        ("https://{{ flow.key.x }}.crm.example/", "evil.example/"),
        ("https://{{ flow.key.x }}/", "me@evil.example"),
        ("https://{{ flow.key.x }}/", "[::1]"),
    ] {
        let failure = url(template, &[("variable_flow.key.x", value)]).unwrap_err();
        assert_eq!(failure.reason, Reason::InvalidFlowVar, "{template} {value}");
    }
    let headers = [("variable_flow.key.x", "../..//?#\\@:%2e%2e")];
    let found = url("https://crm.example/a/{{ flow.key.x }}?b", &headers).unwrap();
    assert_eq!(
        found,
        "https://crm.example/a/..%2F..%2F%2F%3F%23%5C%40%3A%252e%252e?b"
    );
    let host = url(
        "https://{{ flow.key.x }}/",
        &[("variable_flow.key.x", "crm.example")],
    );
    assert_eq!(host.unwrap(), "https://crm.example/");
}

#[tokio::test]
async fn an_empty_body_says_that_it_is_empty_where_one_belongs() {
    for (method, says) in [
        ("POST", true),
        ("PUT", true),
        ("GET", false),
        ("DELETE", false),
    ] {
        let (report, received) = tokio::sync::oneshot::channel();
        let address = crate::support::server(|mut stream, request| async move {
            use tokio::io::AsyncWriteExt as _;
            report.send(request).unwrap();
            let bytes = crate::support::answer("204 No Content", "", "");
            stream.write_all(&bytes).await.unwrap();
        })
        .await;
        let options = WebhookOptions {
            method: method.into(),
            body: Body::Text("{{ flow.key.nothing }}".into()),
            ..options(&format!("http://{address}/"))
        };
        let outcome = crate::support::send_with(crate::support::open(), options).await;
        assert!(outcome.verdict.is_ok(), "{:?}", outcome.verdict);
        let request = received.await.unwrap();
        assert_eq!(request.contains("content-length: 0\r\n"), says, "{request}");
    }
}
