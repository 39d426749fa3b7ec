//! Defines calls with values that would run on the switch or break a frame, a URL or a document.

use percent_encoding::percent_decode_str;

use super::{Is, Scenario};
use crate::receiver::{HOSTILE, KEYS, OK, Request, SPLIT};

/// Lead with the special characters of an attribute, a path and a query.
const LEAD: &str = "a/b?c&d=\"e\" ü";
/// Value that a plain event does not carry faithfully.
const DISCOUNT: &str = "100%25 off";

/// Number of values above the capacity of a channel's private queue (FreeSWITCH: 256).
const MANY: usize = 257;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        answer(),
        dollars(),
        split(),
        keys(),
        long(),
        caller(),
        template(),
        percent(),
    ]
}

/// Returns an answer with harmful values. Each must arrive in an inert form, with its exact bytes
/// in a second variable.
fn answer() -> Scenario {
    let values: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(HOSTILE).unwrap_or_default();
    let paths: Vec<String> = values
        .keys()
        .map(|key| format!("{key} = \"$.{key}\""))
        .collect();
    let mut scenario = Scenario::success("hostile_answer", "/hostile")
        .set(&format!("response.map = {{ {} }}", paths.join(", ")))
        .expecting("response_raw", Is::Text(HOSTILE.into()));
    for (key, value) in &values {
        let text = value.as_str().unwrap_or_default().to_owned();
        scenario = scenario.expecting(key, Is::Text(text));
    }
    scenario
}

/// Returns an answer with a template in two halves, which a dialplan may write one after the other.
fn split() -> Scenario {
    Scenario::success("hostile_split", "/split")
        .set(r#"response.map = { first = "$.first", second = "$.second" }"#)
        .expecting("first", Is::Text("a $".into()))
        .expecting("second", Is::Text("{strftime(%Y)}".into()))
        .expecting("response_raw", Is::Text(SPLIT.into()))
}

/// Returns an answer with harmful keys. The service writes only the variables that the operator
/// mapped, so a webhook's own keys never become names.
fn keys() -> Scenario {
    Scenario::success("hostile_keys", "/keys")
        .set(r#"response.map = { all = { path = "$.absent", required = false } }"#)
        .expecting("response_raw", Is::Text(KEYS.into()))
}

/// Returns an answer with more long values than the queue can take. The service must write none of
/// them.
fn long() -> Scenario {
    let map: Vec<String> = (0..MANY).map(|n| format!("v{n} = \"$.v\"")).collect();
    let scenario = Scenario::failure("hostile_long", "/long", "INVALID_RESPONSE");
    scenario.with_status("200", "SUCCESSFUL").set(&format!(
        "response.raw = false\nresponse.map = {{ {} }}",
        map.join(", ")
    ))
}

/// Returns a call whose caller name contains templates of the switch and of Switchhook.
fn template() -> Scenario {
    const NAME: &str = "{{ channel['sip_password'] }}{% for x in y %}${uuid}";
    let mut scenario = Scenario::success("hostile_template", "/ok")
        .set(r#"headers = { X-Name = "{{ call.caller_name }}" }"#)
        .raw(OK);
    scenario.call.caller_name = NAME.into();
    scenario.request = Some(|request| match request.header("x-name") {
        Some(NAME) => Ok(()),
        other => Err(format!("the header became {other:?}")),
    });
    scenario
}

fn dollars() -> Scenario {
    Scenario::success("dollars_untouched", "/ok")
        .set(r#"response.map = { amount = "$.amount" }"#)
        .expecting("amount", Is::exactly("$100"))
        .raw(OK)
}

/// Returns a call whose caller name and lead must not break a URL or a document.
fn caller() -> Scenario {
    let mut scenario = Scenario::success("hostile_caller", "/ok/{{ flow.key.leadid }}")
        .set(r#"query = [{ name = "lead", value = "{{ flow.key.leadid }}" }]"#)
        .raw(OK);
    scenario.call.caller_name = "An\"na & <Söhne>".into();
    scenario.call.variables = vec![("flow.key.leadid".into(), LEAD.into())];
    scenario.request = Some(carries_the_lead);
    scenario
}

fn carries_the_lead(request: &Request) -> Result<(), String> {
    let (path, query) = request.target.split_once('?').ok_or("no query")?;
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let in_path = path
        .trim_start_matches("/ok/")
        .trim_end_matches("/hostile_caller");
    let in_query = url::form_urlencoded::parse(query.as_bytes())
        .next()
        .unwrap_or_default();
    let in_body = key(request, "$flow.key.leadid")?;
    if decoded(in_path) != LEAD || in_path.contains('/') {
        return Err(format!("the path became {path:?}"));
    }
    if in_query.0 != "lead" || in_query.1 != LEAD || in_body != LEAD {
        return Err(format!("the query became {query:?}, the body {in_body}"));
    }
    Ok(())
}

/// Returns the value of one key in the predefined document.
fn key(request: &Request, name: &str) -> Result<serde_json::Value, String> {
    let body: serde_json::Value = serde_json::from_slice(&request.body)
        .map_err(|error| format!("the body is not JSON: {error}"))?;
    let mut keys = body["keys"].as_array().into_iter().flatten();
    let entry = keys.find(|key| key["name"] == name);
    entry
        .map(|entry| entry["value"].clone())
        .ok_or_else(|| format!("the body lacks the key {name}"))
}

/// Returns a call with a percent sign in a variable. It must arrive as stored, although plain
/// events lose it.
fn percent() -> Scenario {
    let mut scenario = Scenario::success("percent_exact", "/ok").raw(OK);
    scenario.call.variables = vec![("flow.key.discount".into(), DISCOUNT.into())];
    scenario.request = Some(|request| {
        let value = key(request, "$flow.key.discount")?;
        if value == DISCOUNT {
            Ok(())
        } else {
            Err(format!("{DISCOUNT:?} arrived as {value}"))
        }
    });
    scenario
}
