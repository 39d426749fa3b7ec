//! Checks that compare settings with each other; a single key cannot see these faults.

mod tenants;
mod users;
mod variable_names;
mod warnings;

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Config;
use super::lines::{element, join};
use super::read_context::ReadContext;
use super::settings::{Flow, Switch};
use super::value::{Problem, closest_match};
use super::webhook::{EventFormat, Webhook};
use switchhook_webhook as webhook;
use switchhook_webhook::options::Body;
use variable_names::variable_names;

/// Adds the faults and warnings that comparing the sections shows.
pub(super) fn validate(config: &Config, context: &ReadContext<'_>) {
    let validator = Validator { config, context };
    validator.listen();
    validator.limits();
    validator.switches();
    validator.account();
    validator.tenants();
    validator.users();
    for (name, flow) in &config.flows {
        validator.flow(&join("flows", name), flow);
    }
    for (name, webhook) in &config.webhooks {
        let path = join("webhooks", name);
        variable_names(webhook, &path, context);
        check_compiles(name, webhook, context);
        warnings::webhook(name, &path, webhook, config, context);
        validator.event_format(name, &path, webhook);
    }
}

struct Validator<'c> {
    config: &'c Config,
    context: &'c ReadContext<'c>,
}

impl Validator<'_> {
    fn listen(&self) {
        let listen = &self.config.listen;
        if listen.esl == listen.http && listen.esl.port() != 0 {
            let what = format!("{} is also the address of listen.esl", listen.http);
            self.fault("listen.http", what, "choose another port");
        }
        self.recording_server();
    }

    /// Links are for anybody who has one; the ports of `[listen]` are not. So they differ.
    fn recording_server(&self) {
        let listen = &self.config.listen;
        let serve = self.config.recordings.serve.as_ref();
        let ports = [listen.esl, listen.http];
        if let Some(serve) = serve.filter(|it| it.listen.port() != 0 && ports.contains(&it.listen))
        {
            let what = format!("{} is also an address of [listen]", serve.listen);
            self.fault("recordings.serve.listen", what, "choose another port");
        }
    }

    fn limits(&self) {
        let limits = &self.config.limits;
        if limits.connections <= limits.calls_on_hold {
            let what = format!(
                "{} is not above limits.calls_on_hold ({})",
                limits.connections, limits.calls_on_hold
            );
            let help =
                "choose more: a call above calls_on_hold needs a connection to be handed back";
            self.fault("limits.connections", what, help);
        }
    }

    fn switches(&self) {
        let mut addresses = BTreeMap::new();
        let mut names = BTreeMap::new();
        for (index, switch) in self.config.freeswitch.iter().enumerate() {
            let path = element("freeswitch", index);
            self.cdr_posts(&path, switch);
            let first = addresses.insert(&switch.address, index);
            if first.is_some() && !switch.address.is_empty() {
                let what = format!("{} occurs twice", switch.address);
                self.fault(&join(&path, "address"), what, "remove one of the two");
            }
            let Some(name) = &switch.name else { continue };
            if names.insert(name, index).is_some() {
                let what = format!("two switches have the name {name:?}");
                self.fault(&join(&path, "name"), what, "give each its own name");
            }
        }
    }

    fn cdr_posts(&self, path: &str, switch: &Switch) {
        if switch.json_cdr_auth.is_some() && !switch.json_cdr_post {
            let help = "set json_cdr_post = true, or remove it";
            let problem = Problem::new("has no effect: json_cdr_post is off", help);
            self.context.warn(&join(path, "json_cdr_auth"), problem);
        }
        let outside = !is_loopback(self.config.listen.http.ip());
        if switch.json_cdr_post && switch.json_cdr_auth.is_none() && outside {
            let what = "lets every client that reaches listen.http post records of invented calls";
            let help = "set json_cdr_auth, and the same credentials as cred in json_cdr.conf.xml";
            self.context
                .warn(&join(path, "json_cdr_post"), Problem::new(what, help));
        }
    }

    fn account(&self) {
        if let Some(webhook) = &self.config.account.default_webhook {
            self.require_webhook("account.default_webhook", webhook);
        }
    }

    fn flow(&self, path: &str, flow: &Flow) {
        if flow.webhook && !self.any_default_webhook() {
            let what = "is enabled, but \"Webhook for Account\" is Not Configured";
            let help = "name one: [account] default_webhook = \"…\", described in [webhooks.…]";
            self.fault(&join(path, "webhook"), what, help);
        }
        if flow.learnt_key.as_ref() == Some(&flow.uuid_key) {
            let what = "is the same name as uuid_key";
            self.fault(&join(path, "learnt_key"), what, "choose another name");
        }
        if let Some(webhook) = &flow.events_webhook {
            self.require_webhook(&join(path, "events_webhook"), webhook);
        } else if !flow.events.is_empty() && !self.any_default_webhook() {
            let what = "has no webhook: \"Webhook for Account\" is Not Configured";
            let help = "name one: events_webhook = \"…\", described in [webhooks.…]";
            self.fault(&join(path, "events"), what, help);
        }
        for (index, kind) in flow.events.iter().enumerate() {
            if flow.events[..index].contains(kind) {
                let what = format!("names {:?} twice", kind.as_str());
                self.fault(&join(path, "events"), what, "name it once");
            }
        }
        for (index, webhook) in flow.after.iter().enumerate() {
            let path = join(path, "after");
            self.require_webhook(&path, webhook);
            if flow.after[..index].contains(webhook) {
                self.fault(&path, format!("names {webhook:?} twice"), "name it once");
            }
        }
    }

    fn event_format(&self, name: &str, path: &str, webhook: &Webhook) {
        if webhook.format != EventFormat::CloudEvents {
            return;
        }
        let path = join(path, "format");
        if webhook.request.body != Body::Predefined {
            let what = "cannot be \"cloudevents\" with a body of its own";
            self.fault(&path, what, "leave out the body, or the format");
        }
        if !self.config.gets_events(name) {
            let what = "has no effect: no flow sends its events to this webhook";
            let help = format!("add events and events_webhook = {name:?} to a [flows.…]");
            self.fault(&path, what, &help);
        }
    }

    /// Adds a fault when the webhook `name` does not exist.
    fn require_webhook(&self, path: &str, name: &str) {
        self.require_name(path, name, ("webhook", "webhooks"), &self.config.webhooks);
    }

    /// Adds a fault when `name` is not in `all`; `of` is the kind in words and the section's name.
    fn require_name<T>(&self, path: &str, name: &str, of: (&str, &str), all: &BTreeMap<String, T>) {
        if all.contains_key(name) {
            return;
        }
        let (kind, section) = of;
        let help = match closest_match(name, all.keys().map(String::as_str)) {
            Some(meant) => format!("did you mean {meant:?}?"),
            None => format!("add [{}]", join(section, name)),
        };
        self.fault(path, format!("there is no {kind} {name:?}"), &help);
    }

    fn fault(&self, path: &str, what: impl Into<String>, help: &str) {
        self.context.fault(path, Problem::new(what, help));
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Compiles templates and paths here, so that one run reports every fault.
fn check_compiles(name: &str, webhook: &Webhook, context: &ReadContext<'_>) {
    let compiled = webhook::Webhook::compile(name, webhook.request.clone());
    let faults = compiled.err().into_iter().flatten();
    let faults = faults.map(|fault| (format!("webhooks.{name}.{}", fault.key), fault));
    // A value that could not be read is no template either. One template may have several faults.
    let new: Vec<_> = faults
        .filter(|(path, _)| !context.has_fault(path))
        .collect();
    for (path, fault) in new {
        context.fault(&path, Problem::new(fault.what, fault.help));
    }
}
