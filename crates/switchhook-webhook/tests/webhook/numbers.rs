//! Values that came as numbers, in templates.

use switchhook_core::outcome::Reason;
use switchhook_webhook::options::{Body, WebhookOptions};
use switchhook_webhook::{CallContext, Webhook};

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
fn a_number_of_any_form_prints_as_it_came_and_compares_by_its_value() {
    let flags = ("variable_flow.json_keys", "n");
    let compared = "[{% if flow.key.n > 3 %}1{% else %}0{% endif %},\
                    {% if flow.key.n == 1.1 %}1{% else %}0{% endif %},\
                    {% if 3 >= flow.key.n %}1{% else %}0{% endif %}]";
    for (value, expected) in [
        ("2", "[0,0,1]"),
        ("10", "[1,0,0]"),
        ("1.1", "[0,1,1]"),
        ("1.10", "[0,1,1]"),
        ("1E5", "[1,0,0]"),
        ("1e-5", "[0,0,1]"),
        ("-0", "[0,0,1]"),
        ("9223372036854775808", "[1,0,0]"),
        ("18446744073709551615", "[1,0,0]"),
        ("18446744073709551616", "[1,0,0]"),
        ("-9223372036854775809", "[0,0,1]"),
        ("340282366920938463463374607431768211456", "[1,0,0]"),
        (
            "123456789012345678901234567890123456789012345678901234567890",
            "[1,0,0]",
        ),
        (
            "-123456789012345678901234567890123456789012345678901234567890",
            "[0,0,1]",
        ),
    ] {
        let headers = [flags, ("variable_flow.key.n", value)];
        let rendered = |template: &str| body(Body::Json(template.into()), &headers).unwrap();
        let (bare, json) = ("[{{ flow.key.n }}]", "[{{ flow.key.n | tojson }}]");
        for template in [bare, json, "{{ [flow.key.n] | tojson }}"] {
            assert_eq!(rendered(template), format!("[{value}]"), "{template}");
        }
        assert_eq!(rendered("[\"{{ flow.key.n }}\"]"), format!("[\"{value}\"]"));
        let form = "{{ flow.key.n }}";
        let text = body(Body::Text(form.into()), &headers).unwrap();
        assert_eq!(text, value);
        assert_eq!(rendered(compared), expected, "{value}");
    }
}

#[test]
fn a_number_calculates_in_every_form() {
    let flags = ("variable_flow.json_keys", "n");
    for (template, value, expected) in [
        ("[{{ flow.key.n + 1 }}]", "2", "[3]"),
        ("[{{ flow.key.n + 1 }}]", "1.5", "[2.5]"),
        ("[{{ flow.key.n + 1 }}]", "1.10", "[2.1]"),
        (
            "[{{ flow.key.n + 1 }}]",
            "18446744073709551616",
            "[18446744073709551617]",
        ),
        (
            "[{{ flow.key.n - 1 }}]",
            "-9223372036854775809",
            "[-9223372036854775810]",
        ),
        ("[{{ flow.key.n * 2 }}]", "1E5", "[200000.0]"),
        ("[{{ flow.key.n | int }}]", "2.50", "[2]"),
        ("[{{ flow.key.n | round }}]", "2.60", "[3.0]"),
        ("[{{ flow.key.n in [1.1, 2] }}]", "1.10", "[true]"),
        (
            "[{% if flow.key.n %}1{% else %}0{% endif %}]",
            "0.00",
            "[0]",
        ),
        (r#"[{{ flow.key["n"] > 3 }}]"#, "1.10", "[false]"),
        ("[{% set n = flow.key.n %}{{ n }}]", "1.10", "[1.10]"),
        ("[{{ flow.key.n | default(0) }}]", "1.10", "[1.10]"),
    ] {
        let headers = [flags, ("variable_flow.key.n", value)];
        let rendered = body(Body::Json(template.into()), &headers);
        assert_eq!(rendered.unwrap(), expected, "{template} {value}");
    }
    // Where a missing value fails, it can be tested for.
    let query = entry(
        "n",
        "{{ 1 if flow.key.none is defined else flow.key.n + 1 }}",
        true,
    );
    let options_of = WebhookOptions {
        query: vec![query],
        ..options("https://crm.example/")
    };
    let prepared = prepare(options_of, &[flags, ("variable_flow.key.n", "1.10")]).unwrap();
    assert_eq!(prepared.url.query(), Some("n=2.1"));
    // Also numbers of a document.
    let document = serde_json::json!({"keys": [
        {"name": "a", "value": serde_json::from_str::<serde_json::Value>("1.10").unwrap()},
        {"name": "b", "value": serde_json::from_str::<serde_json::Value>("4.00").unwrap()},
    ]});
    let template = "[{% for key in keys if key.value > 3 %}{{ key.value }}{% endfor %}]";
    let webhook = compile(WebhookOptions {
        body: Body::Json(template.into()),
        ..options("https://crm.example/")
    });
    let headers = channel(&[]);
    let call = CallContext {
        headers: &headers,
        document: Some(&document),
        predefined: &Vec::new,
    };
    assert_eq!(webhook.prepare(&call).unwrap().body, "[4.00]");
}

#[test]
fn a_number_is_not_compared_with_a_text() {
    let flags = ("variable_flow.json_keys", "n,flag");
    let headers = [
        flags,
        ("variable_flow.key.n", "3"),
        ("variable_flow.key.flag", "true"),
        ("variable_flow.key.text", "3"),
    ];
    for (expression, expected) in [
        (
            "flow.key.n == \"3\"",
            Err("flow.key.n, which is no text, with a text"),
        ),
        ("'3' != flow.key.n", Err("(flow.key.n | string)")),
        (
            "flow.key.flag == \"true\"",
            Err("flow.key.flag, which is no text"),
        ),
        (
            "flow.key.n == flow.key.text",
            Err("flow.key.text, which is a text, with flow.key.n"),
        ),
        ("flow.key.text > flow.key.n", Err("(flow.key.text | int)")),
        ("(flow.key.n | string) == \"3\"", Ok("[true]")),
        ("flow.key.text == \"3\"", Ok("[true]")),
        ("flow.key.none == \"3\"", Ok("[false]")),
        ("flow.key.none == flow.key.n", Ok("[false]")),
        ("flow.key.flag == true", Ok("[true]")),
    ] {
        let template = format!("[{{{{ {expression} }}}}]");
        let rendered = body(Body::Json(template), &headers);
        match (rendered, expected) {
            (Ok(rendered), Ok(expected)) => assert_eq!(rendered, expected, "{expression}"),
            (Err(failure), Err(words)) => {
                assert_eq!(failure.reason, Reason::InvalidRequest);
                assert!(failure.detail.contains(words), "{failure}");
            }
            (found, _) => panic!("{expression}: {found:?}"),
        }
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
