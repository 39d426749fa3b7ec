//! Defines calls whose webhook is asked more than once: again, or at a fallback URL.

use super::{ExpectedAudio, Is, Requests, Scenario};
use crate::receiver::{OK, Request};

pub(super) fn all() -> Vec<Scenario> {
    vec![
        refused(),
        silent(),
        unavailable(),
        again(),
        retry_after(),
        passed_to_the_last(),
        in_vain(),
    ]
}

/// Returns a call that succeeds at the fallback URL of its webhook.
fn at_fallback(name: &'static str, path: &str, requests: usize) -> Scenario {
    Scenario::success(name, path)
        .set(&fallback(name))
        .expecting("response_attempts", Is::exactly("2"))
        .expecting("response_duration", Is::Seconds(0.0, 9.0))
        .raw(OK)
        .requests(Requests::Tries(requests))
}

fn fallback(name: &str) -> String {
    format!("fallback_urls = [\"http://{{receiver}}/ok/{name}\"]")
}

fn refused() -> Scenario {
    at_fallback(
        "fallback_without_connection",
        "http://127.0.0.1:{closed}/ok",
        1,
    )
}

/// The first URL never answers: the caller pays the time of one try, and hears music.
fn silent() -> Scenario {
    at_fallback("fallback_when_silent", "/silent", 2)
        .set("retry.attempt_timeout = \"600ms\"")
        .expecting("response_duration", Is::Seconds(0.5, 9.0))
        .heard(ExpectedAudio::Music("local_stream://moh", 0.3))
}

fn unavailable() -> Scenario {
    at_fallback("fallback_when_unavailable", "/status/503", 2)
}

/// One URL that fails twice.
fn again() -> Scenario {
    Scenario {
        request: Some(has_key),
        ..Scenario::success("retry_until_it_answers", "/recovers/2")
    }
    .set("retry.attempts = 3")
    .expecting("response_attempts", Is::exactly("3"))
    .expecting("response_duration", Is::Seconds(0.1, 9.0))
    .raw(OK)
    .heard(ExpectedAudio::Music("local_stream://moh", 0.0))
    .requests(Requests::Tries(3))
}

fn has_key(request: &Request) -> Result<(), String> {
    match request.header("idempotency-key") {
        Some(_) => Ok(()),
        None => Err("the request has no Idempotency-Key".into()),
    }
}

/// A server that names the time of the next try, within the deadline.
fn retry_after() -> Scenario {
    Scenario::success("retry_after_is_heeded", "/busy/1")
        .set("retry.attempts = 2")
        .expecting("response_attempts", Is::exactly("2"))
        .expecting("response_duration", Is::Seconds(1.0, 9.0))
        .raw(OK)
        .heard(ExpectedAudio::Music("local_stream://moh", 0.5))
        .requests(Requests::Tries(2))
}

/// Two URLs fail in different ways; the third answers.
fn passed_to_the_last() -> Scenario {
    let name = "fallback_to_the_last";
    Scenario::success(name, "http://127.0.0.1:{closed}/ok")
        .set(&format!(
            "fallback_urls = [\"http://{{receiver}}/status/500/{name}\", \"http://{{receiver}}/ok/{name}\"]"
        ))
        .expecting("response_attempts", Is::exactly("3"))
        .expecting("response_duration", Is::Seconds(0.0, 9.0))
        .raw(OK)
        .requests(Requests::Tries(2))
}

fn in_vain() -> Scenario {
    let name = "all_tries_fail";
    Scenario::failure(name, "/status/503", "HTTP_STATUS")
        .set(&format!(
            "fallback_urls = [\"http://{{receiver}}/status/502/{name}\"]"
        ))
        .with_status("502", "SERVER_ERROR")
        .expecting("response_attempts", Is::exactly("2"))
        .expecting("response_duration", Is::Seconds(0.0, 9.0))
        .expecting("error_detail", Is::Sentence("2 tries failed, the last: "))
        .raw(r#"{"status":502}"#)
        .requests(Requests::Tries(2))
}
