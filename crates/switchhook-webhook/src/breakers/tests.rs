use std::time::Duration;

use super::*;

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
        r"^the circuit of crm is open since \d\d:\d\d:\d\d, after 2 failures in a row \(the last: no answer from crm.example:443 within 10 s\); it is tried again at \d\d:\d\d:\d\d$",
    );
    assert!(shape.unwrap().is_match(&failure.detail), "{failure}");
    tokio::time::advance(PAUSE).await;
    let probe = breakers.acquire("crm").unwrap();
    let refused = breakers.acquire("crm").unwrap_err();
    assert!(refused.detail.ends_with("; one call is trying it now"));
    // The probing call hangs up: the next call probes.
    drop(probe);
    let next = breakers
        .status("crm")
        .map(|open_circuit| open_circuit.next_probe);
    assert_eq!(next, Some(NextProbe::NextCall));
    breakers.acquire("crm").unwrap().record(Some(404), None);
    assert_eq!(breakers.status("crm"), None);
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
