//! The configuration as the operator's page shows it: setting by setting, and no secret among them.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{Account, Config, Flow, Limits, Listen, Switch, Tenant, Webhook};
use crate::traces;
use switchhook_admin::access::{Role, User};
use switchhook_admin::configuration::{ConfigSection, Configuration, TraceLink};
use switchhook_core::clock;
use switchhook_webhook::options::Auth;
use switchhook_webhook::redact;

type Settings = Vec<(&'static str, String)>;

/// Returns what the page shows of a configuration that has just been read.
pub(super) fn of(config: &Config) -> Configuration {
    Configuration {
        file: config.origin().to_owned(),
        loaded_ms: clock::now_ms(),
        sections: sections(config),
        trace_link: trace_link(config),
    }
}

fn trace_link(config: &Config) -> Option<Arc<TraceLink>> {
    let options = config.traces.clone();
    options.link.as_ref()?;
    Some(Arc::new(move |call_uuid| traces::link(&options, call_uuid)))
}

fn sections(config: &Config) -> Vec<ConfigSection> {
    let mut all = vec![section("listen", listen(&config.listen))];
    all.extend(
        config
            .users
            .iter()
            .map(|one| named("users", &one.name, user(one))),
    );
    if let Some(proxy) = &config.trusted_proxy {
        let others = proxy.others.map_or("refused", role);
        let settings = vec![
            ("from", list(&proxy.from)),
            ("header", proxy.header.clone()),
            ("others", others.to_owned()),
        ];
        all.push(section("trusted_proxy", settings));
    }
    all.extend(
        config
            .freeswitch
            .iter()
            .map(|one| section("freeswitch", switch(one))),
    );
    all.push(section("store", vec![("url", config.store.url.clone())]));
    all.push(section("keep", keep(config)));
    all.push(section("limits", limits(&config.limits)));
    all.push(section("account", account(&config.account)));
    let accounts = config.accounts.iter();
    all.extend(accounts.map(|(name, one)| named("accounts", name, tenant(one))));
    let routes = config.routes.len();
    if routes > 0 {
        all.push(section("routes", vec![("number", routes.to_string())]));
    }
    all.extend(
        config
            .flows
            .iter()
            .map(|(name, one)| named("flows", name, flow(one))),
    );
    let webhooks = config.webhooks.iter();
    all.extend(webhooks.map(|(name, one)| named("webhooks", name, webhook(one))));
    all.push(section("egress", egress(config)));
    all.push(section("recordings", recordings(config)));
    all.push(section("recorder", recorder(config)));
    all.push(section("traces", traces_of(config)));
    all
}

fn section(name: &str, settings: Settings) -> ConfigSection {
    ConfigSection {
        name: name.to_owned(),
        settings,
    }
}

fn named(kind: &str, name: &str, settings: Settings) -> ConfigSection {
    section(&format!("{kind}.{name}"), settings)
}

/// Settings that differ from their defaults.
#[derive(Default)]
struct Differing(Settings);

impl Differing {
    fn add<T: PartialEq>(
        &mut self,
        name: &'static str,
        values: (&T, &T),
        text: impl Fn(&T) -> String,
    ) {
        let (value, default) = values;
        if value != default {
            self.0.push((name, text(value)));
        }
    }
}

fn listen(listen: &Listen) -> Settings {
    let token = if listen.http_token.is_some() {
        "set"
    } else {
        "none"
    };
    let mut settings = vec![
        ("esl", listen.esl.to_string()),
        ("http", listen.http.to_string()),
        ("http_token", token.to_owned()),
    ];
    let default = Listen::default();
    let mut others = Differing::default();
    others.add("allow", (&listen.allow, &default.allow), |ranges| {
        list(ranges)
    });
    let confirm = (&listen.confirm_calls, &default.confirm_calls);
    others.add("confirm_calls", confirm, bool::to_string);
    others.add(
        "http_hosts",
        (&listen.http_hosts, &default.http_hosts),
        |names| list(names),
    );
    others.add(
        "http_base",
        (&listen.http_base, &default.http_base),
        String::clone,
    );
    settings.extend(others.0);
    settings
}

fn user(user: &User) -> Settings {
    let accounts = user.accounts.as_deref().map_or("all".into(), |names| {
        let names = names
            .iter()
            .map(|name| if name.is_empty() { "[account]" } else { name });
        names.collect::<Vec<_>>().join(", ")
    });
    let credentials = match (user.password.is_some(), user.token.is_some()) {
        (true, true) => "a password and a token",
        (true, false) => "a password",
        (false, true) => "a token",
        (false, false) => "the proxy's header",
    };
    vec![
        ("role", role(user.role).to_owned()),
        ("accounts", accounts),
        ("signs in with", credentials.to_owned()),
    ]
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Operator => "operator",
    }
}

fn switch(switch: &Switch) -> Settings {
    let mut settings = vec![("address", switch.address.clone())];
    let texts = [
        ("name", &switch.name),
        ("park_service", &switch.park_service),
    ];
    let texts = texts.into_iter();
    settings.extend(texts.filter_map(|(name, text)| Some((name, text.clone()?))));
    let folder = switch.json_cdr_dir.as_ref();
    settings.extend(folder.map(|folder| ("json_cdr_dir", folder.display().to_string())));
    if switch.json_cdr_post {
        settings.push(("json_cdr_post", "true".to_owned()));
    }
    settings
}

fn keep(config: &Config) -> Settings {
    let keep = config.keep;
    let text = |time: Option<Duration>| time.map_or("for ever".into(), duration);
    vec![
        ("calls", text(keep.calls)),
        ("answers", text(keep.responses)),
        ("delivered", text(keep.delivered)),
        ("dead", text(keep.dead)),
        ("audit", text(keep.audit)),
    ]
}

fn limits(limits: &Limits) -> Settings {
    vec![
        ("calls_on_hold", limits.calls_on_hold.to_string()),
        ("connections", limits.connections.to_string()),
        ("http_connections", limits.http_connections.to_string()),
        ("drain_deadline", duration(limits.drain_deadline)),
        ("calls_remembered", limits.calls_remembered.to_string()),
    ]
}

fn account(account: &Account) -> Settings {
    let webhook = account
        .default_webhook
        .as_deref()
        .unwrap_or("Not Configured");
    vec![
        ("default_webhook", webhook.to_owned()),
        ("time_zone", account.time_zone.name().to_owned()),
        ("mask_numbers", account.mask_numbers.to_string()),
    ]
}

fn tenant(tenant: &Tenant) -> Settings {
    let webhook = tenant
        .default_webhook
        .as_deref()
        .unwrap_or("Not Configured");
    let mut settings = vec![("default_webhook", webhook.to_owned())];
    let zone = tenant
        .time_zone
        .map(|zone| ("time_zone", zone.name().to_owned()));
    settings.extend(zone);
    settings
}

fn flow(flow: &Flow) -> Settings {
    let default = Flow::default();
    let mut settings = Differing::default();
    settings.add(
        "webhook",
        (&flow.webhook, &default.webhook),
        bool::to_string,
    );
    settings.add("after", (&flow.after, &default.after), |names| list(names));
    settings.add(
        "uuid_key",
        (&flow.uuid_key, &default.uuid_key),
        String::clone,
    );
    settings.add("events", (&flow.events, &default.events), |events| {
        let names = events.iter().map(|event| event.as_str());
        names.collect::<Vec<_>>().join(", ")
    });
    settings.0
}

fn webhook(webhook: &Webhook) -> Settings {
    let (request, task) = (&webhook.request, &webhook.task);
    let url = format!("{} {}", request.method, redact::template(&request.url));
    let mut settings = vec![("url", url), ("timeout", duration(request.timeout))];
    let fallback_urls = request.fallback_urls.iter();
    let fallback_urls: Vec<String> = fallback_urls.map(|url| redact::template(url)).collect();
    if !fallback_urls.is_empty() {
        settings.push(("fallback_urls", list(&fallback_urls)));
    }
    let auth = match request.auth {
        Auth::None => None,
        Auth::Basic { .. } => Some("basic"),
        Auth::Bearer(_) => Some("bearer"),
        Auth::OAuth2(_) => Some("oauth2"),
    };
    settings.extend(auth.map(|auth| ("auth", auth.to_owned())));
    if !webhook.signing.is_empty() {
        let keys = webhook.signing.len();
        settings.push(("signing", format!("{keys} secrets")));
    }
    if !task.wait_for_response {
        settings.push(("wait_for_response", "false".to_owned()));
    }
    if task.persist_response {
        settings.push(("persist_response", "true".to_owned()));
    }
    settings
}

fn egress(config: &Config) -> Settings {
    let egress = &config.egress;
    let mut settings = vec![
        ("allow_plain_http", egress.allow_plain_http.to_string()),
        ("allow_addresses", list(&egress.allow_addresses)),
    ];
    let proxy = egress.proxy.as_ref();
    settings.extend(proxy.map(|proxy| ("proxy", redact::url(proxy).into_owned())));
    settings
}

fn recordings(config: &Config) -> Settings {
    let recordings = &config.recordings;
    let mut settings = Vec::new();
    if let Some(template) = &recordings.public_url {
        settings.push(("public_url", redact::template(template)));
    }
    if let Some(serve) = &recordings.serve {
        settings.push(("serve.url", redact::template(&serve.url)));
        settings.push(("serve.listen", serve.listen.to_string()));
    }
    if recordings.upload.is_some() {
        settings.push(("upload", "on".to_owned()));
    }
    settings
}

fn recorder(config: &Config) -> Settings {
    let share = config.recorder.share;
    if share == 0 {
        return Vec::new();
    }
    vec![
        ("share", format!("{} %", f64::from(share) / 1e4)),
        ("folder", config.recorder.folder.display().to_string()),
        ("files", config.recorder.files.to_string()),
    ]
}

fn traces_of(config: &Config) -> Settings {
    let Some(url) = &config.traces.url else {
        return Vec::new();
    };
    let mut settings = vec![
        ("url", redact::url(url).into_owned()),
        (
            "share",
            format!("{} %", f64::from(config.traces.share) / 1e4),
        ),
    ];
    let link = config.traces.link.as_ref();
    settings.extend(link.map(|link| ("link", redact::template(link))));
    settings
}

fn list<T: ToString>(values: &[T]) -> String {
    let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
    if texts.is_empty() {
        return "none".to_owned();
    }
    texts.join(", ")
}

fn duration(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;
    use switchhook_admin::access::hashes::hash_password;

    /// Every setting that holds a secret, with a secret in it.
    const SECRETS: &str = r#"
[listen]
http_token = "SECRET, long enough"
[users.ann]
role = "operator"
password_hash = "HASH"
[[freeswitch]]
address = "127.0.0.1:8021"
password = "SECRET"
json_cdr_post = true
json_cdr_auth = { username = "fs1", password = "SECRET" }
[store]
url = "postgres://switchhook:SECRET@127.0.0.1/switchhook"
[egress]
allow_plain_http = true
allow_addresses = ["127.0.0.0/8"]
proxy = "http://proxy.example:3128"
proxy_auth = { username = "u", password = "SECRET" }
[webhooks.one]
url = "http://127.0.0.1/a?api_key=SECRET&lead=1"
fallback_urls = ["http://127.0.0.1/b?token=SECRET"]
headers = { Authorization = "Bearer SECRET", X-Api-Key = "SECRET" }
body.json = '{"password": "SECRET"}'
[webhooks.two]
url = "http://127.0.0.1/"
auth.basic = { username = "u", password = "SECRET" }
[webhooks.three]
url = "http://127.0.0.1/"
auth.oauth2 = { token_url = "http://127.0.0.1/token", client_id = "c", client_secret = "SECRET" }
[recordings]
serve = { folder = "/rec", url = "https://rec.example", secret = "SECRET, long enough", listen = "127.0.0.1:8087" }
[traces]
url = "http://127.0.0.1:4318/v1/traces"
auth.bearer = { token = "SECRET" }
link = "https://traces.example/{trace_id}"
"#;

    #[test]
    fn no_secret_is_among_the_settings_that_the_page_shows() {
        let hash = hash_password("correct horse battery").unwrap();
        let text = SECRETS.replace("HASH", &hash);
        let config =
            Config::parse(&text, "switchhook.toml").unwrap_or_else(|faults| panic!("{faults}"));
        let shown = format!("{:?}", sections(&config));
        assert!(
            !shown.contains("SECRET") && !shown.contains("argon2"),
            "{shown}"
        );
        for part in [
            "users.ann",
            "operator",
            "a password",
            "webhooks.three",
            "oauth2",
            "lead=1",
            "traces.example",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }

    #[test]
    fn a_call_within_the_share_leads_to_its_trace() {
        const CALL: &str = "9d34878d-01a0-45ba-b5d6-6b097ae17611";
        let link = |share: &str, url: &str| {
            let text = format!(
                "[listen]\n[traces]\n{url}share = {share}\nlink = \"https://t.example/trace/{{trace_id}}?x=1\"\n"
            );
            let config = Config::parse(&text, "x").unwrap_or_else(|faults| panic!("{faults}"));
            trace_link(&config).and_then(|link| link(CALL))
        };
        let url = "url = \"http://127.0.0.1:4318/v1/traces\"\n";
        let wanted = "https://t.example/trace/9d34878d01a045bab5d66b097ae17611?x=1";
        assert_eq!(link("1.0", url).as_deref(), Some(wanted));
        assert_eq!(link("0.0", url), None, "it has no trace");
        assert_eq!(link("1.0", ""), None, "there is no collector");
    }
}
