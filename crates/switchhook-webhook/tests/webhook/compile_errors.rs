//! Compile errors, and the text of a request for people.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use switchhook_core::secret::Secret;
use switchhook_webhook::options::{Auth, Body, WebhookOptions};
use switchhook_webhook::{CompileError, Webhook};

use crate::rendering::*;

#[test]
fn secrets_are_sent_and_never_shown() {
    let secret = "correct horse";
    for auth in [
        Auth::Bearer(Secret::new(secret)),
        Auth::Basic {
            username: "switch".into(),
            password: Secret::new(secret),
        },
    ] {
        let options = WebhookOptions {
            auth,
            headers: vec![entry("X-Api-Key", secret, false), entry("X-Id", "7", false)],
            query: vec![entry("token", secret, false), entry("id", "8", false)],
            ..options("https://crm.example/")
        };
        let prepared = prepare(options, &[]).unwrap();
        let sent = &prepared.headers["authorization"];
        let basic = format!("Basic {}", STANDARD.encode(format!("switch:{secret}")));
        assert!(sent == &format!("Bearer {secret}") || sent == &basic);
        for shown in [
            prepared.redacted(),
            prepared.to_string(),
            format!("{prepared:?}"),
        ] {
            assert!(shown.starts_with("POST https://crm.example/?"), "{shown}");
            assert!(
                shown.contains("x-id: 7") && shown.contains("id=8"),
                "{shown}"
            );
            assert!(!shown.contains("horse") && !shown.contains(&STANDARD.encode(secret)[..8]));
            assert!(!shown.contains(&basic), "{shown}");
        }
    }
}

fn compile_errors(options: WebhookOptions) -> Vec<CompileError> {
    Webhook::compile("lookup", options).unwrap_err()
}

#[test]
fn every_fault_is_reported_at_once_with_its_key_and_cure() {
    let found = compile_errors(WebhookOptions {
        method: "BREW".into(),
        url: "ftp://crm.example/{{ flow.key.x".into(),
        query: vec![entry("lead", "{{ flaw.key.x }}", false)],
        headers: vec![
            entry("X Y", "1", false),
            entry("Content-Length", "1", false),
            entry("Authorization", "x", false),
        ],
        body: Body::Json("{% if %}".into()),
        auth: Auth::Bearer(Secret::new("a\nb")),
        timeout: std::time::Duration::from_secs(61),
        ..WebhookOptions::default()
    });
    let keys: Vec<&str> = found.iter().map(|error| error.key.as_str()).collect();
    for key in [
        "method",
        "url",
        "query.lead",
        "headers.X Y",
        "headers.Content-Length",
        "headers.Authorization",
        "body.json",
        "auth.bearer",
        "timeout",
    ] {
        assert!(keys.contains(&key), "{key} in {keys:?}");
    }
    for error in &found {
        assert!(!error.what.is_empty() && !error.help.is_empty(), "{error}");
        assert!(!error.to_string().contains("a\nb"));
    }
}

#[test]
fn urls_that_can_be_seen_to_be_wrong_are_faults() {
    for wrong in [
        "",
        "crm.example/x",
        "{{ flow.key.url }}",
        "https://",
        "https://crm.example:99999/",
        "https://user:pw@crm.example/",
        "https://crm.example{{ flow.key.path }}",
        "https://exa mple/",
    ] {
        let keys: Vec<String> = compile_errors(options(wrong))
            .into_iter()
            .map(|f| f.key)
            .collect();
        assert_eq!(keys, ["url"], "{wrong}");
    }
    let fine = compile(options(
        "https://crm.example/{{ flow.key.x }}?y={{ call.uuid | upper }}",
    ));
    assert_eq!(
        fine.sample_url().unwrap().as_str(),
        "https://crm.example/1?y=1"
    );
}

#[test]
fn a_filter_that_is_not_there_is_a_fault() {
    for template in [
        "{{ call.uuid | safe }}",
        "{{ call.uuid | nosuch }}",
        "{{ nosuch() }}",
    ] {
        let found = compile_errors(WebhookOptions {
            body: Body::Text(template.into()),
            ..options("https://crm.example/")
        });
        assert_eq!(found[0].key, "body.text", "{template}");
    }
}

#[test]
fn a_body_that_no_call_could_make_valid_is_a_fault_with_its_line() {
    for (body, key, words, cure) in [
        (
            Body::Json("{\n  'lead': {{ flow.key.lead | tojson }}\n}".into()),
            "body.json",
            "on line 2",
            "| tojson",
        ),
        (
            Body::Json(r#"{"lead": {{ "text " ~ flow.key.lead }}}"#.into()),
            "body.json",
            "outside of quotes",
            "| tojson",
        ),
        (
            Body::Xml("<lead>\n{{ flow.key.lead }}</load>".into()),
            "body.xml",
            "2:",
            "close every tag",
        ),
    ] {
        let found = compile_errors(WebhookOptions {
            body,
            ..options("https://crm.example/")
        });
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].key, key);
        assert!(found[0].what.contains(words), "{}", found[0]);
        assert!(found[0].help.contains(cure), "{}", found[0]);
    }
    // What is wrong in another way is said once.
    let found = compile_errors(WebhookOptions {
        body: Body::Json("{lead: {{ flaw.key.x }}}".into()),
        ..options("https://crm.example/")
    });
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn a_webhook_prints_without_what_its_templates_hold() {
    let webhook = compile(WebhookOptions {
        headers: vec![entry("X-Api-Key", "correct-horse", false)],
        ..options("https://crm.example/")
    });
    assert!(!format!("{webhook:?}").contains("horse"));
}
