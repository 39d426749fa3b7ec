//! Times, numbers and reasons as text for a person.
//!
//! A no-break space keeps a number and its unit on one line.

use std::time::Duration;

use switchhook_core::zone::Zone;

use switchhook_core::outcome::Reason;
use switchhook_core::timestamp::format_ms;

pub(crate) use switchhook_core::timestamp::time_of_day;

/// Returns date and time: `2022-01-17 18:07:28`.
pub(crate) fn date_time(ms: i64, zone: Zone) -> String {
    format_ms(ms, zone, "%Y-%m-%d %H:%M:%S")
}

/// Returns the time of a day, with the date if that is not today.
pub(crate) fn time_or_date(ms: i64, now_ms: i64, zone: Zone) -> String {
    if date_time(ms, zone).get(..10) == date_time(now_ms, zone).get(..10) {
        time_of_day(ms, zone)
    } else {
        format_ms(ms, zone, "%m-%d %H:%M:%S")
    }
}

/// Returns the distance from now in one unit: `3 min ago`, `in 2 h`.
pub(crate) fn relative(ms: i64, now_ms: i64) -> String {
    let (ahead, gap) = (ms > now_ms, now_ms.abs_diff(ms));
    let text = rounded(Duration::from_millis(gap));
    if gap < 1_000 {
        "now".into()
    } else if ahead {
        format!("in {text}")
    } else {
        format!("{text} ago")
    }
}

/// Returns a duration in one unit, without its fraction: `59 s`, `2 h`.
pub(crate) fn rounded(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..100 => format!("{seconds}\u{a0}s"),
        seconds @ 100..6_000 => format!("{}\u{a0}min", seconds / 60),
        seconds @ 6_000..172_800 => format!("{}\u{a0}h", seconds / 3_600),
        seconds => format!("{}\u{a0}days", seconds / 86_400),
    }
}

/// Returns a duration with the precision that matters: `0.4 ms`, `38 ms`, `1.24 s`, `2 min 5 s`.
#[allow(clippy::cast_precision_loss)] // for reading
pub(crate) fn duration(us: u64) -> String {
    let ms = us as f64 / 1e3;
    match us {
        0..10_000 => format!("{ms:.1}\u{a0}ms"),
        10_000..1_000_000 => format!("{ms:.0}\u{a0}ms"),
        1_000_000..100_000_000 => format!("{:.2}\u{a0}s", ms / 1e3),
        _ => format!(
            "{}\u{a0}min {}\u{a0}s",
            us / 60_000_000,
            us / 1_000_000 % 60
        ),
    }
}

/// Returns a configured duration: `10 s`, `1.5 s`.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{}\u{a0}s", time.as_secs_f64())
}

/// Returns a number of bytes: `800 B`, `1.2 KiB`.
#[allow(clippy::cast_precision_loss)] // for reading
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..1_024 => format!("{count}\u{a0}B"),
        1_024..1_048_576 => format!("{:.1}\u{a0}KiB", count as f64 / 1024.0),
        _ => format!("{:.1}\u{a0}MiB", count as f64 / 1_048_576.0),
    }
}

/// Returns a percentage; only all of it is 100 %, only none of it 0 %.
#[allow(clippy::cast_precision_loss)] // for reading
pub(crate) fn percentage(part: usize, all: usize) -> String {
    if all == 0 {
        return "–".into();
    }
    let percent = 100.0 * part as f64 / all as f64;
    match (part == all, percent) {
        (true, _) => "100\u{a0}%".into(),
        (false, percent) if percent > 99.9 => "99.9\u{a0}%".into(),
        (false, percent) if percent < 0.1 && part > 0 => "0.1\u{a0}%".into(),
        (false, percent) => format!("{percent:.1}\u{a0}%"),
    }
}

/// The explanation of an `error_reason`.
pub(crate) struct ReasonText {
    /// The cause, after "because": `the webhook did not answer in time`.
    pub because: &'static str,
    /// The first thing to check.
    pub cure: &'static str,
}

/// Returns the explanation of a reason. A word of another version is explained as unknown.
pub(crate) fn reason_text(word: &str) -> ReasonText {
    let reason = Reason::ALL.iter().find(|reason| reason.as_str() == word);
    let (because, cure) = reason.copied().map_or(
        (
            "of a reason that this version does not know",
            "Read the sentence above.",
        ),
        explain,
    );
    ReasonText { because, cure }
}

const fn explain(reason: Reason) -> (&'static str, &'static str) {
    match reason {
        Reason::AuthenticationFailure => (
            "the webhook refused our credentials",
            "Compare the webhook's auth settings and their secret with what the receiver expects.",
        ),
        Reason::Timeout => (
            "the webhook did not answer completely in time",
            "The phases below show where the time went. Make the webhook faster, or raise its timeout and the hook's schedule.",
        ),
        Reason::InvalidFlowVar => (
            "a flow variable that the request needs was missing or could not be used",
            "Set the variable in the dialplan before the hook, or make the entry optional in the config.",
        ),
        Reason::InvalidRequest => (
            "the request could not be made",
            "Correct the webhook's URL or headers, or the name that the dialplan's hook gives.",
        ),
        Reason::InvalidResponse => (
            "the answer could not be read",
            "The body is not of the type in response.type, or larger than response.limit.",
        ),
        Reason::InvalidResponseMap => (
            "the answer lacks a value of response.map",
            "Compare the paths of response.map with the answer, or give the entry a default.",
        ),
        Reason::ConnectionFailure => (
            "the webhook could not be reached",
            "Check its name, address, port and certificate; switchhook doctor tests them.",
        ),
        Reason::HttpStatus => (
            "the webhook answered with an error status",
            "Look into the webhook's own log for the cause.",
        ),
        Reason::BlockedAddress => (
            "its address is not allowed",
            "See [egress]: private addresses and plain HTTP are blocked unless you allow them.",
        ),
        Reason::CircuitOpen => (
            "its circuit is open after failures in a row",
            "Repair the fault in the sentence above. The first call after the pause asks the webhook: success closes the circuit, a failure starts the next pause.",
        ),
        Reason::Overloaded => (
            "a limit of this service was reached",
            "See switchhook_limits_hit_total. Raise the limit in [limits], or add another instance.",
        ),
    }
}

/// Returns the meaning of a cause of ITU-T Q.850; empty for a rare one.
pub(crate) fn hangup_cause(number: &str) -> &'static str {
    match number {
        "1" => "there is no such number",
        "16" => "hung up as usual",
        "17" => "busy",
        "18" => "the phone did not respond",
        "19" => "nobody answered",
        "20" => "the phone was not reachable",
        "21" => "refused",
        "27" => "the phone or its line is out of order",
        "28" => "the number is not complete",
        "31" => "ended, no reason given",
        "34" => "no line was free",
        "38" | "41" => "network failure",
        "102" => "a timer expired",
        _ => "",
    }
}

/// Returns how a lookup ended, in a few words.
pub(crate) fn ending(word: &str) -> &str {
    match word {
        "line_0" => "line 0",
        "line_1" => "line 1",
        "hung_up" => "hung up on hold",
        "fetched" => "fetched from hold by somebody else",
        "lost" => "connection lost",
        "rescued" => "moved to line 1 by the hook's schedule",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_exact_as_they_matter() {
        let texts = [400, 38_000, 1_240_000, 125_000_000].map(duration);
        assert_eq!(
            texts,
            [
                "0.4\u{a0}ms",
                "38\u{a0}ms",
                "1.24\u{a0}s",
                "2\u{a0}min 5\u{a0}s"
            ]
        );
        assert_eq!(relative(0, 180_000), "3\u{a0}min ago");
        let day = 86_400_000;
        assert_eq!(time_or_date(day, day + 60_000, Zone::UTC), "00:00:00");
        assert_eq!(time_or_date(day - 1, day, Zone::UTC), "01-01 23:59:59");
        assert_eq!(relative(7_200_000, 0), "in 2\u{a0}h");
    }

    #[test]
    fn a_share_that_is_not_all_is_not_called_all() {
        assert_eq!(percentage(99_999, 100_000), "99.9\u{a0}%");
        assert_eq!(percentage(1, 100_000), "0.1\u{a0}%");
        assert_eq!(percentage(2, 3), "66.7\u{a0}%");
        assert_eq!(percentage(0, 0), "–");
    }

    #[test]
    fn every_reason_is_shown_with_what_to_do() {
        for reason in Reason::ALL {
            let meaning = reason_text(reason.as_str());
            assert!(!meaning.because.contains("not know"), "{reason}");
            assert!(meaning.cure.ends_with('.'), "{reason}");
        }
    }
}
