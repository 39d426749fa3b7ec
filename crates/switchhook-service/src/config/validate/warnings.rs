//! Warnings about a webhook's settings that are allowed but deserve a look.

use std::time::Duration;

use switchhook_webhook::options::{Body, Mapping, ValueKind};

use crate::config::Config;
use crate::config::lines::join;
use crate::config::read_context::ReadContext;
use crate::config::value::Problem;
use crate::config::webhook::Webhook;

/// Bytes in a frame for one byte of `response_raw`: three, because FreeSWITCH percent-encodes
/// non-ASCII bytes (`switch_event.c`: `switch_url_encode`), and the base64 of `_b64`, a third more.
const FRAME_BYTES: usize = 5;

/// The longest timeout that fits in the shipped dialplan's schedule of 15 s.
const SHIPPED_TIMEOUT: Duration = Duration::from_secs(10);
/// Seconds that the dialplan's schedule lasts beyond the timeout.
const SCHEDULE_MORE_S: u64 = 5;

/// Adds the warnings about the webhook `name` at `path`.
pub(super) fn webhook(
    name: &str,
    path: &str,
    webhook: &Webhook,
    config: &Config,
    context: &ReadContext<'_>,
) {
    mapped_text(path, webhook, context);
    unread_response(path, webhook, context);
    large_response(path, webhook, config.limits.frame_header_bytes, context);
    if !gets_only_documents(name, webhook, config) {
        long_timeout(name, path, webhook, context);
    }
    letters_in_headers(path, webhook, context);
    signed_body(path, webhook, context);
}

/// Names that often hold letters outside ASCII.
const CALLERS: [&str; 2] = ["call.caller_name", "call.callee_name"];

/// RFC 9110 (5.5) leaves bytes outside ASCII open. Node and Python's WSGI read them as Latin-1.
fn letters_in_headers(path: &str, webhook: &Webhook, context: &ReadContext<'_>) {
    for header in &webhook.request.headers {
        let has_callers = CALLERS.iter().any(|name| header.value.contains(name));
        if header.value.is_ascii() && !has_callers {
            continue;
        }
        let what = "may hold letters outside ASCII, which are sent as UTF-8: many receivers read \
                    them as Latin-1 (\"JosÃ©\" for \"José\"), and some refuse the request";
        let help = "send it in the query or the body";
        let key = join(&join(path, "headers"), &header.name);
        context.warn(&key, Problem::new(what, help));
    }
}

/// The `verify` of the libraries standardwebhooks of npm (1.0) and PyPI (1.0) parses the body as
/// JSON after it checked the signature.
fn signed_body(path: &str, webhook: &Webhook, context: &ReadContext<'_>) {
    let is_json = matches!(webhook.request.body, Body::Predefined | Body::Json(_));
    if webhook.signing.is_empty() || is_json {
        return;
    }
    let what = "signs a body that is not JSON: the verifiers of npm and PyPI (standardwebhooks) \
                throw on it, although the signature is right";
    let help = "verify without them, as docs/receivers.md shows, or send JSON";
    context.warn(&join(path, "signing"), Problem::new(what, help));
}

/// FreeSWITCH: `transfer`, `bridge` and similar applications parse their argument with a grammar of
/// their own, so text without any `$` is not safe there either.
fn mapped_text(path: &str, webhook: &Webhook, context: &ReadContext<'_>) {
    let map = join(&join(path, "response"), "map");
    let texts = |mapping: &&Mapping| mapping.kind == ValueKind::Text;
    for mapping in webhook.request.response.map.iter().filter(texts) {
        let what = "accepts any text: safe in log, set and export, never in transfer, bridge, \
                    playback, execute_extension or originate";
        let help = "map it as = \"word\" or \"digits\" if a dialplan gives it to one of those";
        context.warn(&join(&map, &mapping.name), Problem::new(what, help));
    }
}

fn unread_response(path: &str, webhook: &Webhook, context: &ReadContext<'_>) {
    let maps = !webhook.request.response.map.is_empty();
    if maps && !webhook.task.wait_for_response {
        let what = "is never read, because wait_for_response is off";
        let path = join(&join(path, "response"), "map");
        context.warn(
            &path,
            Problem::new(what, "remove it, or wait for the response"),
        );
    }
}

/// The switch sends every variable in the header block of the call's next connection.
fn large_response(path: &str, webhook: &Webhook, frame: usize, context: &ReadContext<'_>) {
    let limit = webhook.request.response.limit;
    let needed = limit.saturating_mul(FRAME_BYTES);
    let is_written = webhook.task.response_raw && webhook.task.wait_for_response;
    if !is_written || needed <= frame {
        return;
    }
    let what = format!(
        "lets response_raw take {needed} bytes of a message from the switch, and \
         limits.frame_header_bytes is {frame}: the call's next webhook would fail"
    );
    let help = format!("set response.raw = false, or limits.frame_header_bytes above {needed}");
    let path = join(&join(path, "response"), "limit");
    context.warn(&path, Problem::new(what, help));
}

/// Whether a webhook is there for documents: nothing of its answer is mapped, and a flow or account
/// names it, but no route does.
fn gets_only_documents(name: &str, webhook: &Webhook, config: &Config) -> bool {
    let tenants = config.accounts.values();
    let defaults = tenants.map(|tenant| &tenant.default_webhook);
    let defaults = defaults.chain([&config.account.default_webhook]).flatten();
    let after = config.flows.values().flat_map(|flow| &flow.after);
    let is_named = defaults.chain(after).any(|named| named == name);
    let mut routes = config.routes.iter();
    let is_routed = routes.any(|route| route.webhook.as_deref() == Some(name));
    is_named && !is_routed && webhook.request.response.map.is_empty()
}

fn long_timeout(name: &str, path: &str, webhook: &Webhook, context: &ReadContext<'_>) {
    let timeout = webhook.request.timeout;
    if !webhook.task.wait_for_response || timeout <= SHIPPED_TIMEOUT {
        return;
    }
    let seconds = timeout.as_secs_f64().ceil() as u64 + SCHEDULE_MORE_S;
    let what = "is too long for the hook in the dialplan, which waits 15s by default";
    let help = format!("hand calls over as ask-{name}-within-{seconds} (or park-…)");
    context.warn(&join(path, "timeout"), Problem::new(what, help));
}
