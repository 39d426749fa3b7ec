//! Defines calls that go to line 0, and the ways in which they wait.

use std::time::Duration;

use super::{ExpectedAudio, Host, Is, PARK_SERVICE, Requests, Scenario};
use crate::receiver::{OK, Request, TEXT, XML};
use crate::switch::Call;

const JSON_MAP: &str = r#"response.map = { customer_name = "$.customer.name", tier = "$.customer.tier", vip = "$.customer.vip", queue = { path = "$.queue", as = "word" }, number = { path = "$.number", as = "digits" }, group = { path = "$.nowhere", default = "main" } }"#;

/// Tone that no other scenario plays.
const TONE: &str = "tone_stream://%(200,0,440);loops=-1";

pub(super) fn all() -> Vec<Scenario> {
    let mut all = vec![
        json(),
        xml(),
        text(),
        empty(),
        second_host(),
        after_a_park(),
        background(),
        large(),
        late_report(),
    ];
    all.extend(waiting());
    all.extend(unanswered());
    all
}

fn json() -> Scenario {
    Scenario {
        request: Some(is_predefined),
        ..mapped("success_json", "/ok").raw(OK)
    }
}

pub(super) fn mapped(name: &'static str, path: &str) -> Scenario {
    Scenario::success(name, path)
        .set(JSON_MAP)
        .expecting("customer_name", Is::exactly("Anna Müller"))
        .expecting("tier", Is::exactly("7"))
        .expecting("vip", Is::exactly("true"))
        .expecting("flow.json_keys", Is::exactly("tier,vip"))
        .expecting("queue", Is::exactly("gold"))
        .expecting("number", Is::exactly("+919822003887"))
        .expecting("group", Is::exactly("main"))
        .typed("tier", 7.into())
        .typed("vip", true.into())
}

/// Checks for the predefined body. A webhook without a body of its own gets the document of the
/// call so far.
fn is_predefined(request: &Request) -> Result<(), String> {
    let body: serde_json::Value = serde_json::from_slice(&request.body)
        .map_err(|error| format!("the body is not JSON: {error}"))?;
    let lead = serde_json::json!({ "name": "$flow.key.leadid", "value": "HFC123" });
    let keys = body["keys"].as_array().ok_or("the body has no keys")?;
    if !keys.contains(&lead) {
        return Err(format!("the keys {keys:?} lack {lead}"));
    }
    let callee = &body["callDetails"][0]["calleeNumber"];
    if callee != "919822003887" || request.method != "POST" {
        return Err(format!("{} with calleeNumber {callee}", request.method));
    }
    Ok(())
}

fn xml() -> Scenario {
    let map = r#"response.type = "xml"
response.map = { customer_name = "/answer/customer/name", tier = "/answer/customer/@tier", queue = "/answer/queue" }"#;
    Scenario::success("success_xml", "/xml")
        .set(map)
        .expecting("customer_name", Is::exactly("Anna & Sons"))
        .expecting("tier", Is::exactly("7"))
        .expecting("queue", Is::exactly("gold"))
        .raw(XML)
}

fn text() -> Scenario {
    let map = r#"response.type = "text"
response.map = { customer_name = 'name=(.+)', queue = 'queue=(\w+)' }"#;
    Scenario::success("success_text", "/text")
        .set(map)
        .expecting("customer_name", Is::exactly("Anna Müller"))
        .expecting("queue", Is::exactly("gold"))
        .raw(TEXT)
}

fn empty() -> Scenario {
    Scenario::success("success_empty", "/empty")
}

fn second_host() -> Scenario {
    Scenario {
        host: Host::SecondOfTwo,
        ..mapped("second_host", "/ok").raw(OK)
    }
}

/// Returns a call that was parked for the service earlier and is on a socket now.
fn after_a_park() -> Scenario {
    let mut scenario = mapped("after_a_park", "/ok").raw(OK);
    let hook = [
        ("flow.service", PARK_SERVICE),
        ("flow.lines", "earlier"),
        ("flow.lines_context", "flows"),
    ];
    let left = hook.map(|(name, value)| (name.to_owned(), value.to_owned()));
    scenario.call.variables.extend(left);
    scenario
}

/// Returns a call with `wait_for_response` off. It takes line 0 at once, and the service still
/// sends the request.
fn background() -> Scenario {
    let mut scenario = Scenario::success("background", "/slow/800")
        .set("wait_for_response = false")
        .requests(Requests::Eventually);
    scenario.variables.retain(|(name, _)| name == "flow.line");
    scenario
}

fn large() -> Scenario {
    Scenario::success("large_response_raw", "/large").raw(&crate::receiver::large())
}

/// Returns a call whose data for the document arrives only 2 s after the hang-up.
fn late_report() -> Scenario {
    let mut scenario = mapped("late_report", "/ok").raw(OK);
    scenario.call.reports_after = Duration::from_secs(2);
    scenario
}

fn waiting() -> Vec<Scenario> {
    let music = |name, path, settings, file, seconds| {
        let scenario = mapped(name, path).set(settings).raw(OK);
        scenario.heard(ExpectedAudio::Music(file, seconds))
    };
    let slow = Is::Seconds(0.7, 3.0);
    vec![
        music(
            "slow_with_music",
            "/slow/800",
            "",
            "local_stream://moh",
            0.5,
        )
        .expecting("response_duration", slow.clone()),
        music(
            "slow_with_a_tone",
            "/slow/600",
            &format!("hold_music = '{TONE}'"),
            TONE,
            0.3,
        ),
        music(
            "a_file_repeats",
            "/slow/3600",
            r#"hold_music = "ivr/wait.wav""#,
            "ivr/wait.wav",
            3.3,
        )
        .expecting("response_duration", Is::Seconds(3.5, 8.0)),
        mapped("slow_without_music", "/slow/800")
            .set("hold_music = false")
            .raw(OK)
            .expecting("response_duration", slow),
        music("drip", "/drip/5", "", "local_stream://moh", 0.2),
    ]
}

/// Returns calls that the dialplan has not answered. They must never get a 200 OK by accident.
fn unanswered() -> Vec<Scenario> {
    let waits = |name, before: &str, heard| {
        let mut scenario = mapped(name, "/slow/700")
            .set(&format!("before_answer = \"{before}\""))
            .raw(OK);
        scenario.call = Call {
            answered: false,
            ..scenario.call
        };
        scenario.answered = before == "answer";
        scenario.heard(heard)
    };
    let moh = ExpectedAudio::Music("local_stream://moh", 0.4);
    let mut at_once = mapped("unanswered_at_once", "/ok").raw(OK);
    at_once.call = Call {
        answered: false,
        ..at_once.call
    };
    at_once.call.talks = Duration::ZERO;
    at_once.answered = false;
    vec![
        waits("unanswered_early_media", "early_media", moh.clone()),
        waits("unanswered_silence", "silence", ExpectedAudio::NoMusic),
        waits("unanswered_answer", "answer", moh),
        at_once,
    ]
}
