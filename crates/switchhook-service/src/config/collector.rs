//! `[traces]`: the collector that spans are sent to.

use toml_edit::Value;
use url::Url;

use super::section::Section;
use super::sections::{http_url, share};
use super::value::{Parsed, Problem, display, non_empty, one_line, optional};
use super::webhook::{basic, bearer};
use crate::traces::{TRACE_ID, TraceOptions};
use switchhook_webhook::options::Auth;

pub(super) fn traces(mut section: Section<'_>) -> TraceOptions {
    let default = TraceOptions::default();
    TraceOptions {
        url: section.get("url", optional(collector)).flatten(),
        auth: auth(section.subsection("auth")),
        share: section.get_or("share", default.share, share),
        service_name: section.get_or("service_name", default.service_name, |value| {
            non_empty(value).and_then(|_| one_line(value))
        }),
        link: section.get("link", optional(link)).flatten(),
    }
}

fn auth(mut section: Section<'_>) -> Auth {
    section.at_most_one(&["basic", "bearer"]);
    let (user, token) = (section.subsection("basic"), section.subsection("bearer"));
    match (user.is_present(), token.is_present()) {
        (true, _) => basic(user),
        (false, true) => bearer(token),
        (false, false) => Auth::None,
    }
}

/// Parses the address of a trace, whose id is not known yet.
fn link(value: &Value) -> Parsed<String> {
    let help = "write it as \"https://traces.example/trace/{trace_id}\"";
    let text = one_line(value)?;
    let example = Value::from(text.replace(TRACE_ID, "0"));
    http_url(&example, "a page of traces", help)?;
    if text.contains(TRACE_ID) {
        return Ok(text);
    }
    let what = format!("{} has no {TRACE_ID}", display(value));
    Err(Problem::new(what, help))
}

fn collector(value: &Value) -> Parsed<Url> {
    let help = "write it as \"http://127.0.0.1:4318/v1/traces\"";
    let url = http_url(value, "a collector", help)?;
    match url.path() {
        "/" => Err(Problem::new("has no path", help)),
        _ => Ok(url),
    }
}
