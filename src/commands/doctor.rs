//! `switchhook doctor`: turns the configuration into the checks' options, and prints the findings.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use eslclient::Limits;
use switchhook_core::tenants::{Pattern, Route};
use switchhook_core::variables::{VariableNames, flow_key};
use switchhook_service::call_control::HoldMusic;
use switchhook_service::config::{self, Config, Diagnostic};
use switchhook_service::service::{
    compile, exposure_warnings, recordings_folder, signed_links, store_options, target,
};
use switchhook_store::Role;
use switchhook_tools::doctor::{
    self, DoctorReport, ExpectedRecordings, ExpectedSetup, ExpectedWebhook, Finding, Level,
    Recordings, Switch,
};
use switchhook_webhook::options::ValueKind;

use super::counted;
use crate::cli::Doctor;

/// Checks everything that the configuration names, and prints the findings.
///
/// Exits with 1 if there is a fault, or if nothing could be checked.
#[must_use]
pub fn doctor(path: &Path, args: &Doctor) -> ExitCode {
    super::exit(super::block_on(run(path, args)))
}

async fn run(path: &Path, args: &Doctor) -> Result<bool, String> {
    let config = Config::load(path).map_err(|faults| faults.to_string())?;
    let options = options(&config, args)?;
    let report = doctor::examine(&options).await;
    let text = if args.json {
        let json = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
        json + "\n"
    } else {
        shown(&report, args.quiet)
    };
    super::write_stdout(&text)?;
    Ok(report.ok)
}

fn options(config: &Config, args: &Doctor) -> Result<doctor::DoctorOptions, String> {
    let tasks = compile(config).map_err(|faults| faults.to_string())?;
    let recordings = recordings(config)?;
    let expected = ExpectedSetup {
        recordings: recordings.as_ref().map(ExpectedRecordings::of),
        ..plan(config)
    };
    Ok(doctor::DoctorOptions {
        switches: switches(config),
        tasks,
        expected,
        recordings,
        http: config.listen.http,
        store: store_options(config, Role::Command),
        exposed: exposed(config),
        send_head: args.ask,
        deadline: *args.timeout,
    })
}

fn exposed(config: &Config) -> Vec<(String, String)> {
    let warnings = exposure_warnings(config).into_iter();
    let shown = |warning: Diagnostic| (format!("{}: {}", warning.key, warning.what), warning.help);
    warnings.map(shown).collect()
}

fn recordings(config: &Config) -> Result<Option<Recordings>, String> {
    let target = target(config).map_err(|faults| faults.to_string())?;
    let folder = recordings_folder(config);
    Ok(folder.map(|(key, folder)| Recordings {
        key,
        folder: folder.clone(),
        links: signed_links(config),
        target,
    }))
}

fn switches(config: &Config) -> Vec<Switch> {
    let limits = &config.limits;
    let frames = Limits {
        header_bytes: limits.frame_header_bytes,
        headers: limits.frame_headers,
        body_bytes: limits.frame_body_bytes,
    };
    let switch = |switch: &config::Switch| Switch {
        address: switch.address.clone(),
        password: switch.password.clone(),
        frames,
        park_service: switch.park_service.clone(),
        json_cdr_dir: switch.json_cdr_dir.clone(),
        json_cdr_post: switch.json_cdr_post,
    };
    config.freeswitch.iter().map(switch).collect()
}

fn plan(config: &Config) -> ExpectedSetup {
    let posts = |flow: &config::Flow| flow.webhook || !flow.after.is_empty();
    let mut values = BTreeMap::new();
    for webhook in config.webhooks.values() {
        for mapping in &webhook.request.response.map {
            write(&mut values, flow_key(&mapping.name), mapping.kind);
        }
        for name in texts(&webhook.task.variables) {
            write(&mut values, name.to_owned(), ValueKind::Text);
        }
    }
    ExpectedSetup {
        listen: config.listen.esl,
        calls_on_hold: config.limits.calls_on_hold,
        posts: config.flows.values().any(posts),
        flows: config.flows.keys().cloned().collect(),
        webhooks: config.webhooks.iter().map(hooked).collect(),
        routed: config.routes.iter().filter_map(routed).collect(),
        contexts: config.routes.iter().filter_map(context).collect(),
        values,
        recordings: None,
    }
}

/// Returns the variables whose text the webhook chooses; the others have fixed words.
fn texts(names: &VariableNames) -> [&str; 2] {
    [&names.response_raw, &names.error_detail]
}

/// Records the kind of a variable's value: if one webhook writes text, it can hold text.
fn write(values: &mut BTreeMap<String, ValueKind>, name: String, kind: ValueKind) {
    let known = values.entry(name).or_insert(kind);
    if kind == ValueKind::Text {
        *known = ValueKind::Text;
    }
}

fn routed(route: &Route) -> Option<String> {
    route.webhook.clone()
}

fn context(route: &Route) -> Option<String> {
    match &route.context {
        Some(Pattern::Exact(context)) => Some(context.clone()),
        Some(Pattern::Prefix(_)) | None => None,
    }
}

fn hooked((name, webhook): (&String, &config::Webhook)) -> (String, ExpectedWebhook) {
    // Without waiting there is no hold music.
    let music = if webhook.task.wait_for_response {
        webhook.task.hold_music.clone()
    } else {
        HoldMusic::Silence
    };
    let hooked = ExpectedWebhook {
        timeout: webhook.request.timeout,
        music,
        has_templated_host: has_template_host(&webhook.request.url),
    };
    (name.clone(), hooked)
}

fn has_template_host(url: &str) -> bool {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    authority.contains("{{") || authority.contains("{%")
}

fn shown(report: &DoctorReport, quiet: bool) -> String {
    let mut out = String::new();
    let mut subject = "";
    let is_shown = |finding: &&Finding| !quiet || finding.level >= Level::Warning;
    for finding in report.findings.iter().filter(is_shown) {
        if subject != finding.subject {
            let gap = if subject.is_empty() { "" } else { "\n" };
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{gap}{}", finding.subject);
            subject = &finding.subject;
        }
        let mark = mark(finding.level);
        let _ = writeln!(out, "  {mark} {:<13} {}", finding.check, finding.what);
        if let Some(cure) = &finding.cure {
            let _ = writeln!(out, "    {:<13} → {cure}", "");
        }
    }
    let gap = if out.is_empty() { "" } else { "\n" };
    out + gap + &summary(report) + "\n"
}

fn mark(level: Level) -> char {
    match level {
        Level::Ok => '✓',
        Level::Note => '·',
        Level::Warning => '!',
        Level::Fault => '✗',
    }
}

fn summary(report: &DoctorReport) -> String {
    let count = |level, one, many| counted(report.count(level) as u64, one, many);
    let faults = count(Level::Fault, "fault", "faults");
    let warnings = count(Level::Warning, "warning", "warnings");
    let notes = count(Level::Note, "note", "notes");
    format!("{faults}, {warnings}, {notes}")
}
