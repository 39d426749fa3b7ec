//! `retry`, `fallback_urls` and the settings of connections.

use std::time::Duration;

use switchhook_webhook::options::{ConnectionOptions, HttpVersion, RetryOn, RetryOptions};

use super::{lookup, messages, webhook};

#[test]
fn a_request_is_tried_once_unless_more_is_asked_for() {
    let default = lookup("").request;
    assert_eq!(default.retry, RetryOptions::default());
    assert_eq!(
        (default.retry.attempts, default.fallback_urls.len()),
        (1, 0)
    );
    let keys = "fallback_urls = [\"https://second.example/\"]\n\
        retry = { attempts = 3, on = [\"timeout\", \"429\", \"5xx\"], attempt_timeout = \"2s\" }";
    let webhook = lookup(keys).request;
    assert_eq!(webhook.fallback_urls, ["https://second.example/"]);
    let expected = RetryOptions {
        attempts: 3,
        on: vec![
            RetryOn::Timeout,
            RetryOn::Statuses(429..=429),
            RetryOn::Statuses(500..=599),
        ],
        attempt_timeout: Some(Duration::from_secs(2)),
    };
    assert_eq!(webhook.retry, expected);
}

#[test]
fn a_connection_is_kept_for_less_than_most_servers_keep_it() {
    let default = lookup("").request.connection;
    assert_eq!(default, ConnectionOptions::default());
    assert!(default.idle < Duration::from_secs(5));
    let chosen = lookup("http_version = \"1.1\"\nidle_timeout = \"0s\"")
        .request
        .connection;
    let expected = ConnectionOptions {
        version: HttpVersion::Http1,
        idle: Duration::ZERO,
    };
    assert_eq!(chosen, expected);
}

#[test]
fn each_fault_has_its_cure() {
    for (keys, key, what, cure) in [
        (
            "retry.attempts = 6",
            "retry.attempts",
            "6 is outside 1 to 5",
            "",
        ),
        (
            "retry.attempts = 0",
            "retry.attempts",
            "0 is outside 1 to 5",
            "",
        ),
        (
            "retry = { attempts = 2, on = [] }",
            "retry.on",
            "names nothing",
            "leave it out",
        ),
        (
            "retry = { attempts = 2, on = [\"2xx\"] }",
            "retry.on",
            "\"2xx\" is no failure that can be tried again",
            "a class such as \"5xx\"",
        ),
        (
            "retry = { attempts = 2, on = [\"600\"] }",
            "retry.on",
            "\"600\" is no failure",
            "a status",
        ),
        (
            "retry = { attempts = 2, on = [503] }",
            "retry.on",
            "",
            "a status such as \"429\"",
        ),
        (
            "retry.attempt_timeout = \"2s\"",
            "retry.attempt_timeout",
            "has no effect without retry.attempts or fallback_urls",
            "add retry.attempts",
        ),
        (
            "retry.on = [\"5xx\"]",
            "retry.on",
            "has no effect",
            "for example 3",
        ),
        (
            "timeout = \"1s\"\nretry = { attempts = 2, attempt_timeout = \"2s\" }",
            "retry.attempt_timeout",
            "is longer than the webhook's timeout, 1s",
            "set it shorter",
        ),
        (
            "retry.attempt = 2",
            "retry.attempt",
            "is not a key",
            "did you mean attempts?",
        ),
        ("http_version = \"3\"", "http_version", "\"3\"", "\"1.1\""),
        (
            "idle_timeout = \"1h\"",
            "idle_timeout",
            "above the limit",
            "5m",
        ),
    ] {
        let found = messages(webhook(keys));
        assert_eq!(found.lines().count(), 1, "{found}");
        for part in [key, what, cure] {
            assert!(found.contains(part), "{part:?} in {found}");
        }
    }
}
