//! Values that came as numbers, in templates.

use switchhook_core::outcome::Reason;
use switchhook_webhook::Webhook;
use switchhook_webhook::options::{Body, WebhookOptions};

use crate::rendering::*;

#[test]
fn a_value_that_came_as_a_number_is_one_and_keeps_its_text() {
    let flags = ("variable_flow.json_keys", "n,flag");
    for (template, value, expected) in [
        (r#"{"a": {{ flow.key.n | tojson }}}"#, "42", r#"{"a": 42}"#),
        (
            r#"{"a": {{ flow.key.n | tojson }}}"#,
            "1.10",
            r#"{"a": 1.10}"#,
        ),
        (r#"{"a": {{ flow.key.n }}}"#, "1E5", r#"{"a": 1E5}"#),
        (r#"{"a": "{{ flow.key.n }}"}"#, "1.10", r#"{"a": "1.10"}"#),
        (
            r#"{"a": {{ flow.key.n | tojson }}}"#,
            "123456789012345678901234567890",
            r#"{"a": 123456789012345678901234567890}"#,
        ),
        (
            r#"{"a": {{ flow.key.n | tojson }}}"#,
            "no number",
            r#"{"a": "no number"}"#,
        ),
        (
            r#"{"a": {{ flow.key.text | tojson }}}"#,
            "42",
            r#"{"a": "42"}"#,
        ),
        (
            r#"[{% if flow.key.n > 3 %}1{% else %}0{% endif %}]"#,
            "2",
            "[0]",
        ),
        (
            r#"[{% if flow.key.n > 3 %}1{% else %}0{% endif %}]"#,
            "10",
            "[1]",
        ),
        (
            r#"[{% if flow.key.flag %}1{% else %}0{% endif %}]"#,
            "false",
            "[0]",
        ),
    ] {
        let headers = [
            flags,
            ("variable_flow.key.n", value),
            ("variable_flow.key.text", value),
            ("variable_flow.key.flag", value),
        ];
        assert_eq!(
            body(Body::Json(template.into()), &headers).unwrap(),
            expected,
            "{value}"
        );
    }
}

#[test]
fn a_text_is_not_compared_with_a_number() {
    let template = "[{% if flow.key.n > 3 %}1{% endif %}]";
    let failed = body(Body::Json(template.into()), &[("variable_flow.key.n", "2")]);
    let failure = failed.unwrap_err();
    assert_eq!(failure.reason, Reason::InvalidRequest);
    for words in [
        "flow.key.n, which is a text, with a number",
        "(flow.key.n | int)",
    ] {
        assert!(failure.detail.contains(words), "{failure}");
    }
    let template = "[{% if (flow.key.n | int) > 3 %}1{% else %}0{% endif %}]";
    let rendered = body(Body::Json(template.into()), &[("variable_flow.key.n", "2")]);
    assert_eq!(rendered.unwrap(), "[0]");
    let rendered = body(
        Body::Json("[{% if flow.key.n > 3 %}1{% else %}0{% endif %}]".into()),
        &[],
    );
    assert_eq!(
        rendered.unwrap(),
        "[0]",
        "what is not there is not compared"
    );
    let options = WebhookOptions {
        body: Body::Text("{% if call.caller_number > 3 %}x{% endif %}".into()),
        ..options("https://crm.example/")
    };
    let errors = Webhook::compile("lookup", options).unwrap_err();
    assert_eq!(errors[0].key, "body.text");
    assert!(
        errors[0]
            .what
            .contains("call.caller_number, which is a text"),
        "{}",
        errors[0].what
    );
}
