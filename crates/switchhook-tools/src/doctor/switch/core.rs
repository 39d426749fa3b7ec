//! Checks the switch itself: version, clock, limits, modules, and whether it can connect to us.

use std::sync::LazyLock;

use regex::Regex;

use super::modules::{MODULES, load};
use crate::doctor::ExpectedSetup;
use crate::doctor::answers::{Answers, Reply};
use crate::doctor::finding::Findings;
use switchhook_core::clock::ahead;

/// The oldest release that Switchhook was tested with.
const OLDEST_VERSION: (u64, u64) = (1, 10);

/// Above this, ms, documents are out of order with the records of other systems.
const MAX_SKEW_MS: i64 = 1_000;
/// Above this, ms, receivers that check a timestamp begin to refuse documents.
const LARGE_SKEW_MS: i64 = 60_000;

/// Compiles a pattern. Tests show that each one compiles and matches.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

static VERSION: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"Version (\d+)\.(\d+)(\S*)"));
static SESSIONS: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(\d+) session\(s\) - peak (\d+)"));
static MAX_SESSIONS: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"(\d+) session\(s\) max"));
static RATE: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"per Sec out of max (\d+), peak (\d+)"));

fn numbers(pattern: &LazyLock<Option<Regex>>, text: &str) -> Option<(u64, u64)> {
    let found = pattern.as_ref()?.captures(text)?;
    let number = |index| {
        found
            .get(index)
            .and_then(|group| group.as_str().parse().ok())
    };
    Some((number(1)?, number(2).unwrap_or_default()))
}

pub(super) fn version(answers: &Answers, findings: &mut Findings) {
    let Some(text) = answers.output("version") else {
        return findings.info("version", "it does not say its version");
    };
    let text = text.lines().next().unwrap_or_default();
    match numbers(&VERSION, text) {
        Some(found) if found >= OLDEST_VERSION => findings.ok("version", text),
        Some(_) => {
            let what = format!("{text} is older than the tested versions");
            findings.warn("version", what, "use FreeSWITCH 1.10 or later");
        }
        None => findings.info("version", format!("unknown version: {text}")),
    }
}

/// Judges readiness and limits. FreeSWITCH: mod_commands.c `status_function`.
pub(super) fn state(answers: &Answers, expected: &ExpectedSetup, findings: &mut Findings) {
    let Some(text) = answers.output("status") else {
        return findings.info("sessions", "it does not say its limits");
    };
    if text.contains("is not ready") {
        let cure = "it is starting, shutting down or paused; fsctl resume ends a pause";
        findings.fault("state", "it takes no calls: it is not ready", cure);
    }
    let (Some((most, _)), Some((now, peak)), Some((rate, rate_peak))) = (
        numbers(&MAX_SESSIONS, text),
        numbers(&SESSIONS, text),
        numbers(&RATE, text),
    ) else {
        return findings.info(
            "sessions",
            "its status cannot be read: the words are not known",
        );
    };
    let what = format!(
        "{now} of at most {most} sessions (peak {peak}), at most {rate} new a second (peak {rate_peak})"
    );
    if peak >= most || rate_peak >= rate {
        let cure = "calls above a limit are refused; raise max-sessions or sessions-per-second in switch.conf if the machine can carry more";
        findings.warn("sessions", format!("{what}: a limit was reached"), cure);
    } else {
        findings.ok("sessions", what);
    }
    let on_hold = expected.calls_on_hold as u64;
    if most < on_hold {
        let what = format!(
            "limits.calls_on_hold = {on_hold} is never reached: this switch has at most {most} sessions"
        );
        findings.info("limits", what);
    } else {
        let what = format!(
            "it admits {most} sessions; {on_hold} of them can be on hold, further calls take line 1 with OVERLOADED"
        );
        findings.info("limits", what);
    }
}

/// Compares the switch's clock with ours.
pub(super) fn clock(answers: &Answers, findings: &mut Findings) {
    let query = "strmicroepoch";
    let theirs: Option<i64> = answers.output(query).and_then(|text| text.parse().ok());
    let (Some(theirs), Some((sent, answered))) = (theirs, answers.between_us(query)) else {
        return findings.info("clock", "it does not say its time");
    };
    // Only a time before the query or after the reply is surely wrong, however long the trip took.
    let off_us = ahead(theirs, sent, answered);
    let off_ms = off_us / 1_000;
    let direction = if off_ms < 0 { "behind" } else { "ahead of" };
    let seconds = off_ms.abs() as f64 / 1e3;
    let what =
        format!("its clock is {seconds:.1} s {direction} ours: the times of documents are its own");
    let cure = "let NTP set both clocks; then fsctl sync_clock, since FreeSWITCH counts on by itself after its start";
    match off_ms.abs() {
        off if off > LARGE_SKEW_MS => findings.fault("clock", what, cure),
        off if off > MAX_SKEW_MS => findings.warn("clock", what, cure),
        _ => findings.ok("clock", "its clock and ours agree"),
    }
}

pub(super) fn modules(answers: &Answers, findings: &mut Findings) {
    if answers.reply("module_exists mod_commands") == Some(&Reply::Unknown) {
        let what = "mod_commands is not loaded: no call can be controlled, and nothing more can be checked";
        return findings.fault("modules", what, &load("mod_commands"));
    }
    for (module, why) in [
        (
            "mod_dptools",
            "the applications socket, playback and transfer are missing",
        ),
        ("mod_dialplan_xml", "XML dialplans are not read"),
    ] {
        if answers.has_module(module) == Some(false) {
            findings.fault(
                "modules",
                format!("{module} is not loaded: {why}"),
                &load(module),
            );
        }
    }
    if answers.has_module("mod_loopback") == Some(false) {
        let what = "mod_loopback is not loaded: only calls without a phone need it";
        findings.info("modules", what);
    }
    let there = |module: &&&str| answers.has_module(module) == Some(true);
    let there: Vec<_> = MODULES.iter().filter(there).copied().collect();
    if !there.is_empty() {
        findings.ok("modules", format!("loaded: {}", there.join(", ")));
    }
}

/// Checks by the addresses whether the switch can connect to `listen.esl`.
pub(super) fn way_back(answers: &Answers, expected: &ExpectedSetup, findings: &mut Findings) {
    let listen = expected.listen;
    if answers.same_machine {
        return findings.ok(
            "way to us",
            format!("it is on this machine and reaches {listen} ([listen] esl)"),
        );
    }
    if listen.ip().to_canonical().is_loopback() {
        let what = format!(
            "it is on another machine, and [listen] esl = \"{listen}\" accepts connections from this machine only"
        );
        let cure = "listen on an address that it reaches, behind a firewall that admits only the switches: that port has no password";
        return findings.fault("way to us", what, cure);
    }
    let what = format!(
        "it is on another machine; this machine cannot tell whether it reaches port {} here",
        listen.port()
    );
    findings.note(
        "way to us",
        what,
        "test it on that machine: nc -zv ADDRESS PORT",
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;
    use crate::doctor::tests::expected;

    const STATUS: &str = "UP 0 years, 0 days, 1 hour\nFreeSWITCH (Version 1.11.3-dev  64bit) is ready\n\
        32 session(s) since startup\n0 session(s) - peak 2, last 5min 0 \n\
        0 session(s) per Sec out of max 100, peak 2, last 5min 0 \n1000 session(s) max\n";

    fn levels(judge: impl Fn(&mut Findings)) -> Vec<Level> {
        let mut findings = Findings::about("switch");
        judge(&mut findings);
        findings
            .list()
            .iter()
            .map(|finding| finding.level)
            .collect()
    }

    #[test]
    fn versions_from_1_10_on_are_known() {
        for (text, level) in [
            ("FreeSWITCH Version 1.11.3-dev~64bit ( 64bit)\n", Level::Ok),
            (
                "FreeSWITCH Version 1.10.12-release+git~2024 (git 64bit)\n",
                Level::Ok,
            ),
            ("FreeSWITCH Version 1.8.7~64bit\n", Level::Warning),
            ("something else", Level::Note),
            ("-ERR version Command not found!\n", Level::Note),
        ] {
            let answers = Answers::canned(&[("version", text)]);
            assert_eq!(
                levels(|findings| version(&answers, findings)),
                [level],
                "{text}"
            );
        }
    }

    #[test]
    fn a_limit_that_was_reached_and_a_switch_that_is_not_ready_are_reported() {
        let of = |text: &str| {
            let answers = Answers::canned(&[("status", text)]);
            levels(|findings| state(&answers, &expected(), findings))
        };
        assert_eq!(of(STATUS), [Level::Ok, Level::Note]);
        assert_eq!(
            of(&STATUS.replace("peak 2, last 5min 0 \n1000", "peak 100, last 5min 0 \n1000")),
            [Level::Warning, Level::Note]
        );
        assert_eq!(
            of(&STATUS.replace("- peak 2", "- peak 1000"))[0],
            Level::Warning
        );
        assert_eq!(
            of(&STATUS.replace("is ready", "is not ready"))[0],
            Level::Fault
        );
        assert_eq!(of("nothing known"), [Level::Note]);
    }

    #[test]
    fn the_clock_is_off_only_beyond_what_the_way_may_have_taken() {
        let of = |theirs: i64| {
            let mut answers = Answers::default();
            answers.put(
                "strmicroepoch".into(),
                Reply::Output(theirs.to_string()),
                (50_000_000, 53_000_000),
            );
            levels(|findings| clock(&answers, findings))[0]
        };
        assert_eq!(of(50_000_000), Level::Ok);
        assert_eq!(of(53_900_000), Level::Ok);
        assert_eq!(of(55_000_000), Level::Warning);
        assert_eq!(of(48_000_000), Level::Warning);
        assert_eq!(of(120_000_000), Level::Fault);
    }

    #[test]
    fn the_modules_that_calls_need_are_faults() {
        let answers = Answers::canned(&[
            ("module_exists mod_dptools", "false"),
            ("module_exists mod_loopback", "false"),
        ]);
        assert_eq!(
            levels(|findings| modules(&answers, findings)),
            [Level::Fault, Level::Note]
        );
        let answers = Answers::canned(&[(
            "module_exists mod_commands",
            "-ERR module_exists Command not found!",
        )]);
        assert_eq!(
            levels(|findings| modules(&answers, findings)),
            [Level::Fault]
        );
        let answers = Answers::canned(&[("module_exists mod_dptools", "true")]);
        assert_eq!(levels(|findings| modules(&answers, findings)), [Level::Ok]);
    }

    #[test]
    fn another_machine_does_not_reach_our_loopback() {
        let of = |same_machine, listen: &str| {
            let answers = Answers::new(same_machine);
            let expected = ExpectedSetup {
                listen: listen.parse().unwrap(),
                ..expected()
            };
            levels(|findings| way_back(&answers, &expected, findings))[0]
        };
        assert_eq!(of(true, "127.0.0.1:8084"), Level::Ok);
        assert_eq!(of(false, "127.0.0.1:8084"), Level::Fault);
        assert_eq!(of(false, "0.0.0.0:8084"), Level::Note);
    }
}
