//! Defines calls that go to line 1, or to no line, each for its own reason.

use std::time::Duration;

use super::{ExpectedAudio, Host, Is, Requests, Scenario};
use crate::receiver::{OK, PARTIAL, RUBBISH, Request};
use crate::switch::{Caller, Cause, Fetch, Left, SocketMode, Vanish};

/// Address of the cloud metadata service, which no operator may allow.
const METADATA: &str = "http://169.254.169.254/latest/meta-data";
/// Password that must not appear in any output.
const PASSWORD: &str = "lab-secret-81d2";

pub(super) fn all() -> Vec<Scenario> {
    let mut all = statuses();
    all.extend(timeouts());
    all.extend(requests());
    all.extend(responses());
    all.extend(connections());
    all.extend(modes());
    all.extend(lost());
    all.push(too_late());
    all
}

fn statuses() -> Vec<Scenario> {
    let status = |name, path, reason, code: &str, kind| {
        Scenario::failure(name, path, reason)
            .with_status(code, kind)
            .raw(&format!(r#"{{"status":{code}}}"#))
    };
    let auth = format!(r#"auth.basic = {{ username = "switch", password = "{PASSWORD}" }}"#);
    let denied = status(
        "authentication_failure",
        "/status/401",
        "AUTHENTICATION_FAILURE",
        "401",
        "CLIENT_ERROR",
    );
    vec![
        Scenario {
            request: Some(is_basic),
            ..denied.set(&auth)
        },
        status(
            "http_status_500",
            "/status/500",
            "HTTP_STATUS",
            "500",
            "SERVER_ERROR",
        ),
        status(
            "http_status_302",
            "/status/302",
            "HTTP_STATUS",
            "302",
            "REDIRECTION",
        ),
        status(
            "http_status_404",
            "/status/404",
            "HTTP_STATUS",
            "404",
            "CLIENT_ERROR",
        ),
    ]
}

fn is_basic(request: &Request) -> Result<(), String> {
    use base64::Engine;
    let credentials =
        base64::engine::general_purpose::STANDARD.encode(format!("switch:{PASSWORD}"));
    match request.header("authorization") {
        Some(header) if header == format!("Basic {credentials}") => Ok(()),
        other => Err(format!("basic authentication was sent as {other:?}")),
    }
}

fn timeouts() -> Vec<Scenario> {
    let late = |name, path| {
        Scenario::failure(name, path, "TIMEOUT")
            .set("timeout = \"700ms\"")
            .expecting("response_duration", Is::Seconds(0.6, 3.0))
            .heard(ExpectedAudio::Music("local_stream://moh", 0.4))
            .requests(Requests::Cancelled)
    };
    let dripping = late("timeout_in_body", "/drip/40")
        .expecting("response_status_code", Is::exactly("200"))
        .expecting("response_status_type", Is::exactly("SUCCESSFUL"))
        .expecting("response_raw", Is::Maybe)
        .requests(Requests::One);
    vec![late("timeout", "/silent"), dripping]
}

fn requests() -> Vec<Scenario> {
    let never = |name, path, reason| Scenario::failure(name, path, reason).requests(Requests::None);
    vec![
        never(
            "missing_variable_in_url",
            "/ok/{{ flow.key.nosuch }}",
            "INVALID_FLOW_VAR",
        ),
        never("missing_mandatory_query", "/ok", "INVALID_FLOW_VAR")
            .set(r#"query = [{ name = "x", value = "{{ flow.key.nosuch }}", mandatory = true }]"#),
        Scenario {
            unknown: true,
            ..never("unknown_webhook", "/ok", "INVALID_REQUEST")
        }
        .expecting("error_detail", Is::Sentence("unknown_webhook")),
        never("blocked_address", METADATA, "BLOCKED_ADDRESS"),
    ]
}

fn responses() -> Vec<Scenario> {
    let read =
        |name, path, reason| Scenario::failure(name, path, reason).with_status("200", "SUCCESSFUL");
    let required = r#"response.map = { customer_name = "$.customer.name" }"#;
    let mut stale = read("missing_required_path", "/partial", "INVALID_RESPONSE_MAP")
        .set(required)
        .raw(PARTIAL);
    // An earlier webhook left this variable. A failure must not pass it on to the dialplan.
    stale
        .call
        .variables
        .push(("flow.key.customer_name".into(), "Earlier".into()));
    let too_much = |name, path| {
        read(name, path, "INVALID_RESPONSE")
            .expecting("response_raw", Is::Maybe)
            .requests(Requests::Cut)
    };
    vec![
        read("rubbish", "/rubbish", "INVALID_RESPONSE")
            .expecting("response_raw", Is::Text(RUBBISH.into())),
        too_much("too_much", "/flood"),
        too_much("too_much_when_unpacked", "/bomb"),
        read("not_a_word", "/ok", "INVALID_RESPONSE_MAP")
            .set(r#"response.map = { queue = { path = "$.customer.name", as = "word" } }"#)
            .raw(OK),
        stale,
    ]
}

fn connections() -> Vec<Scenario> {
    let broken = |name, path| {
        Scenario::failure(name, path, "CONNECTION_FAILURE")
            .expecting("response_duration", Is::Maybe)
    };
    let mut nobody = broken("no_service", "/ok").requests(Requests::None);
    nobody.host = Host::Nobody;
    nobody.left = Left::NoService;
    nobody.variables.retain(|(name, _)| {
        !["flow.key.error_detail", "flow.key.response_duration"].contains(&name.as_str())
    });
    vec![
        broken("refused", "http://127.0.0.1:{closed}/ok").requests(Requests::None),
        broken("reset", "/reset")
            .expecting("response_status_code", Is::Maybe)
            .expecting("response_status_type", Is::Maybe)
            .expecting("response_raw", Is::Maybe),
        nobody,
    ]
}

/// Returns calls whose hook hands them over in a mode of no use.
fn modes() -> Vec<Scenario> {
    let modes = [
        ("socket_without_async", false, true),
        ("socket_without_full", true, false),
    ];
    let scenario = |(name, is_async, is_full)| {
        let mut scenario = Scenario::failure(name, "/ok", "INVALID_REQUEST")
            .requests(Requests::None)
            .expecting("error_detail", Is::Sentence("async full"));
        scenario.call.mode = SocketMode { is_async, is_full };
        scenario
    };
    modes.map(scenario).into()
}

/// Returns calls that end before an answer arrives.
fn lost() -> Vec<Scenario> {
    let lost = |name, behaviour, left| {
        let mut scenario = Scenario::success(name, "/slow/6000").requests(Requests::Cancelled);
        scenario.call.behaviour = behaviour;
        scenario.left = left;
        scenario.line = None;
        scenario.variables = vec![];
        scenario.heard(ExpectedAudio::Music("local_stream://moh", 0.2))
    };
    let after = Duration::from_millis(700);
    let vanishes = |how| Caller::Vanishes(after, how);
    // The hook's schedule comes due in the middle of the talk.
    let fetched = |name, how| {
        let mut scenario = lost(name, Caller::IsFetched(after, how), Left::Fetched);
        scenario.call.hand_over.way_out = Some(Duration::from_secs(2));
        scenario.call.talks = Duration::from_secs(3);
        scenario
    };
    vec![
        lost(
            "hangs_up_on_hold",
            Caller::HangsUp(after, Cause::by_caller()),
            Left::HungUp,
        ),
        fetched("fetched_from_hold", Fetch::Transferred),
        fetched("fetched_as_the_music_begins", Fetch::TransferredBeforeMusic)
            .heard(ExpectedAudio::NoMusic),
        fetched("an_agent_takes_the_caller", Fetch::Bridged),
        fetched("an_operator_parks_the_caller", Fetch::Parked),
        lost("switch_resets", vanishes(Vanish::Reset), Left::Vanished),
        lost("switch_closes", vanishes(Vanish::Eof), Left::Vanished),
    ]
}

/// Returns a call whose hook schedule is shorter than the webhook's response time. The caller is on
/// line 1 by then, and the answer must not move the call.
fn too_late() -> Scenario {
    let mut scenario = Scenario::failure(
        "answer_after_the_way_out",
        "/slow/2500",
        "CONNECTION_FAILURE",
    )
    .heard(ExpectedAudio::Music("local_stream://moh", 0.5));
    scenario.left = Left::Rescued;
    scenario.call.hand_over.way_out = Some(Duration::from_secs(2));
    scenario.call.talks = Duration::from_secs(3);
    scenario.variables.retain(|(name, _)| {
        !["flow.key.error_detail", "flow.key.response_duration"].contains(&name.as_str())
    });
    scenario
}

pub(super) fn overload() -> (Scenario, Scenario) {
    let first = Scenario::success("overload_first", "/slow/1500")
        .raw(OK)
        .heard(ExpectedAudio::Music("local_stream://moh", 0.8));
    let second = Scenario::failure("overloaded", "/ok", "OVERLOADED").requests(Requests::None);
    (first, second)
}
