//! Times, numbers and reasons as people read them. A number and its unit stay on one line.

use std::time::Duration;

use chrono_tz::Tz;

use switchhook_core::outcome::Reason;
use switchhook_core::timestamp::shown;

pub(crate) use switchhook_core::timestamp::clock;

/// A moment with its day: `2022-01-17 18:07:28`.
pub(crate) fn moment(ms: i64, zone: Tz) -> String {
    shown(ms, zone, "%Y-%m-%d %H:%M:%S")
}

/// A moment in a list: on a clock, and with its day when that is not today's.
pub(crate) fn when(ms: i64, now_ms: i64, zone: Tz) -> String {
    match moment(ms, zone).get(..10) == moment(now_ms, zone).get(..10) {
        true => clock(ms, zone),
        false => shown(ms, zone, "%m-%d %H:%M:%S"),
    }
}

/// How long ago, or how far ahead, in one unit: `3 min ago`, `in 2 h`.
pub(crate) fn away(ms: i64, now_ms: i64) -> String {
    let (ahead, gap) = (ms > now_ms, now_ms.abs_diff(ms));
    let text = whole(Duration::from_millis(gap));
    match (gap < 1_000, ahead) {
        (true, _) => "now".into(),
        (false, true) => format!("in {text}"),
        (false, false) => format!("{text} ago"),
    }
}

/// A time in one unit, without its fraction: `59 s`, `2 h`.
pub(crate) fn whole(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..100 => format!("{seconds}\u{a0}s"),
        seconds @ 100..6_000 => format!("{}\u{a0}min", seconds / 60),
        seconds @ 6_000..172_800 => format!("{}\u{a0}h", seconds / 3_600),
        seconds => format!("{}\u{a0}days", seconds / 86_400),
    }
}

/// A short time as exactly as it matters: `0.4 ms`, `38 ms`, `1.24 s`, `2 min 5 s`.
#[allow(clippy::cast_precision_loss)] // for reading
pub(crate) fn took(us: u64) -> String {
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

/// A time that somebody set: `10 s`, `1.5 s`.
pub(crate) fn span(time: Duration) -> String {
    format!("{}\u{a0}s", time.as_secs_f64())
}

/// Bytes: `800 B`, `1.2 KiB`.
#[allow(clippy::cast_precision_loss)] // for reading
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..1_024 => format!("{count}\u{a0}B"),
        1_024..1_048_576 => format!("{:.1}\u{a0}KiB", count as f64 / 1024.0),
        _ => format!("{:.1}\u{a0}MiB", count as f64 / 1_048_576.0),
    }
}

/// A percentage; what is not quite all is not called 100.
#[allow(clippy::cast_precision_loss)] // for reading
pub(crate) fn share(part: usize, all: usize) -> String {
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

/// What a reason means, and what to do about it.
pub(crate) struct Meaning {
    /// After "because": `the webhook did not answer in time`.
    pub because: &'static str,
    /// The first thing to look at.
    pub cure: &'static str,
}

/// The meaning of a reason by its word; of another version's word, that it is not known.
pub(crate) fn meaning(word: &str) -> Meaning {
    let reason = Reason::ALL
        .into_iter()
        .find(|reason| reason.as_str() == word);
    let (because, cure) = reason.map_or(
        (
            "of a reason that this version does not know",
            "See its sentence.",
        ),
        told,
    );
    Meaning { because, cure }
}

const fn told(reason: Reason) -> (&'static str, &'static str) {
    match reason {
        Reason::AuthenticationFailure => (
            "the webhook refused our credentials",
            "Compare the webhook's auth settings, and the secret that they name, with what the receiver expects.",
        ),
        Reason::Timeout => (
            "the webhook gave no whole answer in time",
            "See below where the time went. Make the webhook faster, or raise its timeout (and the hook's schedule with it).",
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
            "The body is not what response.type says, or larger than response.limit.",
        ),
        Reason::InvalidResponseMap => (
            "the answer did not contain what response.map looks for",
            "Compare the paths of response.map with the answer, or give the entry a default.",
        ),
        Reason::ConnectionFailure => (
            "the webhook could not be reached",
            "Look at its name, address, port and certificate: switchhook doctor tries them.",
        ),
        Reason::HttpStatus => (
            "the webhook answered with a status that is no success",
            "The receiver's own log says why it gave this status.",
        ),
        Reason::BlockedAddress => (
            "its address is not allowed",
            "See [egress]: private addresses and plain HTTP are refused unless they are listed.",
        ),
        Reason::CircuitOpen => (
            "the webhook failed so often that it is not asked for a while",
            "Repair what the sentence above names. The first call after the pause asks the webhook: an answer ends the rest, another failure begins the next pause.",
        ),
        Reason::Overloaded => (
            "a limit of this service was reached",
            "See switchhook_limits_hit_total; raise [limits], or add another service.",
        ),
    }
}

/// A cause of ITU-T Q.850 by its number, in the words of a person.
pub(crate) fn cause(number: &str) -> &'static str {
    match number {
        "1" => "there is no such number",
        "16" => "hung up as usual",
        "17" => "busy",
        "18" => "the phone did not react",
        "19" => "nobody answered",
        "20" => "the phone was not to be reached",
        "21" => "refused",
        "27" => "the phone or its line is out of order",
        "28" => "the number is not complete",
        "31" => "ended, no reason given",
        "34" => "no line was free",
        "38" | "41" => "a fault of the network",
        "102" => "something took too long",
        _ => "",
    }
}

/// How a run left, in a word or two.
pub(crate) fn ending(word: &str) -> &str {
    match word {
        "line_0" => "line 0",
        "line_1" => "line 1",
        "hung_up" => "hung up on hold",
        "lost" => "connection lost",
        "rescued" => "taken on by the hook's schedule",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_exact_as_they_matter() {
        let texts = [400, 38_000, 1_240_000, 125_000_000].map(took);
        assert_eq!(
            texts,
            [
                "0.4\u{a0}ms",
                "38\u{a0}ms",
                "1.24\u{a0}s",
                "2\u{a0}min 5\u{a0}s"
            ]
        );
        assert_eq!(away(0, 180_000), "3\u{a0}min ago");
        let day = 86_400_000;
        assert_eq!(when(day, day + 60_000, Tz::UTC), "00:00:00");
        assert_eq!(when(day - 1, day, Tz::UTC), "01-01 23:59:59");
        assert_eq!(away(7_200_000, 0), "in 2\u{a0}h");
    }

    #[test]
    fn a_share_that_is_not_all_is_not_called_all() {
        assert_eq!(share(99_999, 100_000), "99.9\u{a0}%");
        assert_eq!(share(1, 100_000), "0.1\u{a0}%");
        assert_eq!(share(2, 3), "66.7\u{a0}%");
        assert_eq!(share(0, 0), "–");
    }

    #[test]
    fn every_reason_is_told_with_what_to_do() {
        for reason in Reason::ALL {
            let meaning = meaning(reason.as_str());
            assert!(!meaning.because.contains("not know"), "{reason}");
            assert!(meaning.cure.ends_with('.'), "{reason}");
        }
    }
}
