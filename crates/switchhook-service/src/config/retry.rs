//! `[webhooks.NAME.retry]`: how often a request is tried.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml_edit::Value;

use super::section::Section;
use super::value::{
    Parsed, Problem, display, duration, format_duration, found_type, list, number, optional,
};
use switchhook_webhook::options::{RetryOn, RetryOptions};

/// More tries are of no use within a caller's patience.
const ATTEMPTS: RangeInclusive<u32> = 1..=5;
/// Allowed times of one try.
const ATTEMPT_TIMEOUTS: RangeInclusive<Duration> =
    Duration::from_millis(50)..=Duration::from_secs(60);

/// Reads the section `retry` of a webhook with this timeout.
pub(super) fn options(webhook: &mut Section<'_>, timeout: Duration) -> RetryOptions {
    let mut section = webhook.subsection("retry");
    let default = RetryOptions::default();
    let options = RetryOptions {
        attempts: section.get_or("attempts", default.attempts, number(ATTEMPTS)),
        on: section.get_or("on", default.on, list(retry_on)),
        attempt_timeout: section
            .get("attempt_timeout", optional(duration(ATTEMPT_TIMEOUTS)))
            .flatten(),
    };
    if options.on.is_empty() {
        let help = "name what is tried again, or leave it out";
        section.fault("on", Problem::new("names nothing", help));
    }
    let is_alone = !section.has("attempts") && !webhook.has("fallback_urls");
    for key in ["on", "attempt_timeout"] {
        if is_alone && section.has(key) {
            let help = "add retry.attempts, for example 3, or fallback_urls";
            let what = "has no effect without retry.attempts or fallback_urls";
            section.fault(key, Problem::new(what, help));
        }
    }
    if options.attempt_timeout.is_some_and(|one| one > timeout) {
        let help = "set it shorter: all tries are within the webhook's timeout";
        let timeout = format_duration(timeout);
        let what = format!("is longer than the webhook's timeout, {timeout}");
        section.fault("attempt_timeout", Problem::new(what, help));
    }
    options
}

fn retry_on(value: &Value) -> Parsed<RetryOn> {
    const HELP: &str =
        "write \"connection\", \"timeout\", a status such as \"429\" or a class such as \"5xx\"";
    let Some(word) = value.as_str() else {
        return Err(Problem::new(found_type(value), HELP));
    };
    match word {
        "connection" => Ok(RetryOn::Connection),
        "timeout" => Ok(RetryOn::Timeout),
        word => match statuses(word) {
            Some(statuses) => Ok(RetryOn::Statuses(statuses)),
            None => {
                let what = format!("{} is no failure that can be tried again", display(value));
                Err(Problem::new(what, HELP))
            }
        },
    }
}

/// Returns the statuses of `429` or `5xx`: no success, no 1xx.
fn statuses(word: &str) -> Option<RangeInclusive<u16>> {
    if let Some(class) = word.strip_suffix("xx") {
        let class: u16 = class.parse().ok().filter(|class| (3..=5).contains(class))?;
        return Some(class * 100..=class * 100 + 99);
    }
    let status = word
        .parse()
        .ok()
        .filter(|status| (300..=599).contains(status))?;
    Some(status..=status)
}
