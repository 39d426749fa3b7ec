//! Defines calls whose webhook's connection is of no use any more when it is used again.
//!
//! Each asks twice: the first answer, 404, is tried again, and leaves a kept connection. The last one
//! cannot connect to the first of two addresses.

use super::{ExpectedAudio, Is, Requests, Scenario};
use crate::receiver::OK;

pub(super) fn all() -> Vec<Scenario> {
    let mut all = vec![kept(), stopped(), forgotten()];
    // Other systems have one loopback address.
    if cfg!(target_os = "linux") {
        all.push(silent());
    }
    all
}

fn again(name: &'static str, url: &str, attempts: u32) -> Scenario {
    Scenario::success(name, &format!("{url}/{name}"))
        .set(&format!("retry.attempts = {attempts}"))
        .expecting("response_attempts", Is::exactly(&attempts.to_string()))
        .expecting("response_duration", Is::Seconds(0.0, 9.0))
        .heard(ExpectedAudio::Music("local_stream://moh", 0.0))
        .raw(OK)
}

/// The server closes a kept connection at the moment when it is used again. That counts neither as
/// a try nor for the breaker.
fn kept() -> Scenario {
    again("kept_connection_ends", "http://{spare}/closes", 2)
        .set("retry.on = [\"404\"]\nbreaker.failures = 1")
        .requests(Requests::Tries(3))
}

/// The connection answers pings and no request: after one try it is left.
fn stopped() -> Scenario {
    again("http2_connection_hangs", "http://{stopped}/ok", 3)
        .set("http_version = \"2\"")
        .set("retry.on = [\"404\", \"timeout\"]\nretry.attempt_timeout = \"900ms\"")
        .requests(Requests::None)
}

/// The connection sends nothing any more: a ping finds it out within the same try.
fn forgotten() -> Scenario {
    again("http2_connection_is_forgotten", "http://{forgotten}/ok", 2)
        .set("http_version = \"2\"\nretry.on = [\"404\"]")
        .set("retry.attempt_timeout = \"9s\"")
        .requests(Requests::None)
}

/// The first address of the webhook's name drops every packet: the second one gets a share of the
/// time.
fn silent() -> Scenario {
    Scenario::success("address_is_silent", "http://{several}/ok/address_is_silent")
        .expecting("response_duration", Is::Seconds(0.1, 9.0))
        .heard(ExpectedAudio::Music("local_stream://moh", 0.0))
        .raw(OK)
}
