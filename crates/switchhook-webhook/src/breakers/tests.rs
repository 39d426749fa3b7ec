use std::time::Duration;

use super::*;
use switchhook_core::metrics_recorder::MetricsRecorder;

const PAUSE: Duration = Duration::from_secs(10);

fn config(settings: &str) -> BreakerConfig {
    BreakerConfig {
        webhook: "crm".into(),
        fallback_urls: 0,
        options: BreakerOptions {
            failures: 2,
            pause: PAUSE,
        },
        settings: settings.into(),
        time_zone: Zone::UTC,
    }
}

fn breakers() -> Arc<Breakers> {
    Breakers::of([config("as it is")].into_iter())
}

fn fail(breakers: &Breakers) {
    let failure = Failure::new(
        Reason::Timeout,
        "no answer from crm.example:443 within 10 s",
    );
    breakers
        .acquire("crm")
        .unwrap()
        .record_outcome(&Outcome::unsent(failure));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_since_when_why_and_until_when() {
    let breakers = breakers();
    assert!(breakers.acquire("another").is_ok());
    fail(&breakers);
    fail(&breakers);
    let failure = breakers.acquire("crm").unwrap_err();
    assert_eq!(failure.reason, Reason::CircuitOpen);
    let shape = regex::Regex::new(
        r"^the circuit of crm is open since \d\d:\d\d:\d\d [+-]\d\d:\d\d, after 2 failures in a row \(the last: no answer from crm.example:443 within 10 s\); it is tried again at \d\d:\d\d:\d\d [+-]\d\d:\d\d$",
    );
    assert!(shape.unwrap().is_match(&failure.detail), "{failure}");
    tokio::time::advance(PAUSE).await;
    let probe = breakers.acquire("crm").unwrap();
    let refused = breakers.acquire("crm").unwrap_err();
    assert!(refused.detail.ends_with("; one call is trying it now"));
    // The probing call hangs up: the next call probes.
    drop(probe);
    let circuits = breakers.circuits("crm");
    let next = circuits[0].as_ref().map(|circuit| circuit.next_probe);
    assert_eq!(next, Some(NextProbe::NextCall));
    breakers.acquire("crm").unwrap().record(Some(404), None);
    assert_eq!(breakers.circuits("crm"), [None]);
    assert_eq!(breakers.circuits("another"), []);
    assert!(breakers.acquire("crm").is_ok());
}

#[test]
fn a_reload_forgets_the_rest_of_a_webhook_that_was_changed_and_of_no_other() {
    let breakers = breakers();
    fail(&breakers);
    fail(&breakers);
    breakers.replace([config("as it is")].into_iter());
    assert!(breakers.acquire("crm").is_err());
    breakers.replace([config("another URL")].into_iter());
    assert!(breakers.acquire("crm").is_ok());
}

fn with_fallback_urls(number: usize) -> BreakerConfig {
    BreakerConfig {
        fallback_urls: number,
        // As in a service, the settings' text changes with them.
        ..config(&format!("{number} further URLs"))
    }
}

/// Opens the circuit of one URL.
fn open(breakers: &Breakers, url: usize) {
    for _ in 0..2 {
        let permit = breakers.acquire_url("crm", url).unwrap();
        permit.record(Some(503), None);
    }
}

#[test]
fn each_url_has_a_circuit_and_a_metric_of_its_own() {
    let recorder = MetricsRecorder::default();
    let shown = || {
        let text = recorder.render();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let lines: Vec<String> = lines
            .filter_map(|line| line.strip_prefix("switchhook_circuit_open{webhook=\"crm\",url="))
            .map(|line| line.replace(['"', '}'], ""))
            .collect();
        lines.join(", ")
    };
    metrics::with_local_recorder(&recorder, || {
        let breakers = Breakers::of([with_fallback_urls(2)].into_iter());
        assert_eq!(shown(), "fallback_urls.1 0, fallback_urls.2 0, url 0");
        open(&breakers, 1);
        assert_eq!(shown(), "fallback_urls.1 1, fallback_urls.2 0, url 0");
        open(&breakers, 0);
        assert_eq!(shown(), "fallback_urls.1 1, fallback_urls.2 0, url 1");
        let is_open = |circuit: Option<CircuitStatus>| circuit.is_some();
        let circuits = breakers.circuits("crm").into_iter().map(is_open);
        assert_eq!(circuits.collect::<Vec<_>>(), [true, true, false]);
        let refused = breakers.acquire_url("crm", 1).unwrap_err();
        let words = "the circuit of crm (fallback_urls, number 1) is open since ";
        assert!(refused.detail.starts_with(words), "{refused}");
        // The second of the fallback URLs is taken out of the configuration.
        breakers.replace([with_fallback_urls(1)].into_iter());
        assert_eq!(shown(), "fallback_urls.1 0, url 0");
        breakers.replace([].into_iter());
        assert_eq!(shown(), "url 0");
    });
}
