//! What no key can see by itself: settings that do not go together, and what is worth a look.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::Config;
use super::lines::{element, join};
use super::reader::Reader;
use super::settings::{Flow, Switch};
use super::value::{Wrong, nearest};
use super::variables::check_names;
use super::webhook::Webhook;
use switchhook_webhook as webhook;
use switchhook_webhook::options::{Mapping, ValueKind};

/// Compares the sections with one another.
pub(super) fn check(config: &Config, reader: &Reader<'_>) {
    let checks = Checks { config, reader };
    checks.listen();
    checks.limits();
    checks.switches();
    checks.account();
    checks.tenants();
    for (name, flow) in &config.flows {
        checks.flow(&join("flows", name), flow);
    }
    for (name, webhook) in &config.webhooks {
        let path = join("webhooks", name);
        check_names(webhook, &path, reader);
        check_compiles(name, webhook, reader);
        warn_of_texts(&path, webhook, reader);
        warn_of_unread_answers(&path, webhook, reader);
        warn_of_large_answers(&path, webhook, config.limits.frame_header_bytes, reader);
        warn_of_the_schedule(name, &path, webhook, reader);
    }
}

/// Bytes in a frame of one byte of `response_raw`: FreeSWITCH percent-encodes what is no
/// ASCII (`switch_event.c`: `switch_url_encode`), three, and `_b64` beside it, a third more.
const FRAME_BYTES: usize = 5;

/// The longest timeout that fits in the dialplan's schedule as it is shipped, 15 s.
const SHIPPED_TIMEOUT: Duration = Duration::from_secs(10);
/// What a schedule has beyond the timeout.
const SCHEDULE_MORE_S: u64 = 5;

pub(super) struct Checks<'c> {
    pub(super) config: &'c Config,
    pub(super) reader: &'c Reader<'c>,
}

impl Checks<'_> {
    fn listen(&self) {
        let listen = &self.config.listen;
        if listen.esl == listen.http && listen.esl.port() != 0 {
            let what = format!("{} is also the address of listen.esl", listen.http);
            self.fault("listen.http", what, "choose another port");
        }
        self.served();
        for (key, address) in [("listen.esl", listen.esl), ("listen.http", listen.http)] {
            if !is_loopback(address.ip()) {
                let what = format!("{address} can be reached from outside, without a password");
                let help = "listen on 127.0.0.1, or let a firewall admit only the switches";
                self.reader.warn(key, Wrong::new(what, help));
            }
        }
    }

    /// Links may be meant for anybody; the ports beside are not.
    fn served(&self) {
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
                "{} leaves no room beside {} calls on hold",
                limits.connections, limits.calls_on_hold
            );
            let help = "choose more connections: a call above the limit needs one to be given back";
            self.fault("limits.connections", what, help);
        }
    }

    fn switches(&self) {
        let mut addresses = BTreeMap::new();
        let mut names = BTreeMap::new();
        for (index, switch) in self.config.freeswitch.iter().enumerate() {
            let path = element("freeswitch", index);
            self.posts(&path, switch);
            let first = addresses.insert(&switch.address, index);
            if first.is_some() && !switch.address.is_empty() {
                let what = format!("{} is there twice", switch.address);
                self.fault(&join(&path, "address"), what, "remove one of the two");
            }
            let Some(name) = &switch.name else { continue };
            if names.insert(name, index).is_some() {
                let what = format!("two switches are called {name:?}");
                self.fault(&join(&path, "name"), what, "give each its own name");
            }
        }
    }

    fn posts(&self, path: &str, switch: &Switch) {
        if switch.json_cdr_auth.is_some() && !switch.json_cdr_post {
            let help = "set json_cdr_post = true, or take it out";
            let wrong = Wrong::new("is never asked for: json_cdr_post is off", help);
            self.reader.warn(&join(path, "json_cdr_auth"), wrong);
        }
        let outside = !is_loopback(self.config.listen.http.ip());
        if switch.json_cdr_post && switch.json_cdr_auth.is_none() && outside {
            let what = "lets whoever reaches listen.http invent calls";
            let help = "set json_cdr_auth, and the same as cred in json_cdr.conf.xml";
            self.reader
                .warn(&join(path, "json_cdr_post"), Wrong::new(what, help));
        }
    }

    fn account(&self) {
        if let Some(webhook) = &self.config.account.default_webhook {
            self.known("account.default_webhook", webhook);
        }
    }

    fn flow(&self, path: &str, flow: &Flow) {
        if flow.webhook && !self.somebody_has_a_webhook() {
            let what = "is enabled, but \"Webhook for Account\" is Not Configured";
            let help = "name one: [account] default_webhook = \"…\", described in [webhooks.…]";
            self.fault(&join(path, "webhook"), what, help);
        }
        if flow.learnt_key.as_ref() == Some(&flow.uuid_key) {
            let what = "is also the name of uuid_key";
            self.fault(&join(path, "learnt_key"), what, "choose another");
        }
        for (index, webhook) in flow.after.iter().enumerate() {
            let path = join(path, "after");
            self.known(&path, webhook);
            if flow.after[..index].contains(webhook) {
                self.fault(&path, format!("names {webhook:?} twice"), "name it once");
            }
        }
    }

    /// Says when there is no webhook of this name.
    pub(super) fn known(&self, path: &str, name: &str) {
        self.named(path, name, ("webhook", "webhooks"), &self.config.webhooks);
    }

    /// Says when a name is not among `all`, whose kind and section are `of`.
    pub(super) fn named<T>(
        &self,
        path: &str,
        name: &str,
        of: (&str, &str),
        all: &BTreeMap<String, T>,
    ) {
        if all.contains_key(name) {
            return;
        }
        let (kind, section) = of;
        let help = match nearest(name, all.keys().map(String::as_str)) {
            Some(meant) => format!("did you mean {meant:?}?"),
            None => format!("add [{}]", join(section, name)),
        };
        self.fault(path, format!("there is no {kind} {name:?}"), &help);
    }

    pub(super) fn fault(&self, path: &str, what: impl Into<String>, help: &str) {
        self.reader.fault(path, Wrong::new(what, help));
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Templates and paths are read here too, so that every fault is told at once.
fn check_compiles(name: &str, webhook: &Webhook, reader: &Reader<'_>) {
    let compiled = webhook::Webhook::compile(name, webhook.request.clone());
    for fault in compiled.err().into_iter().flatten() {
        let path = format!("webhooks.{name}.{}", fault.key);
        // What could not be read at all is no template either.
        if !reader.is_faulty(&path) {
            reader.fault(&path, Wrong::new(fault.what, fault.help));
        }
    }
}

/// FreeSWITCH: `transfer`, `bridge` and the like have a grammar of their own, in
/// which text without any `$` can still run commands.
fn warn_of_texts(path: &str, webhook: &Webhook, reader: &Reader<'_>) {
    let map = join(&join(path, "response"), "map");
    let texts = |mapping: &&Mapping| mapping.kind == ValueKind::Text;
    for mapping in webhook.request.response.map.iter().filter(texts) {
        let what = "is any text: safe in log, set and export, never in transfer, bridge, \
                    playback, execute_extension or originate";
        let help = "map it as = \"word\" or \"digits\" if a dialplan gives it to one of those";
        reader.warn(&join(&map, &mapping.name), Wrong::new(what, help));
    }
}

fn warn_of_unread_answers(path: &str, webhook: &Webhook, reader: &Reader<'_>) {
    let maps = !webhook.request.response.map.is_empty();
    if maps && !webhook.widget.wait_for_response {
        let what = "is never read, because wait_for_response is off";
        let path = join(&join(path, "response"), "map");
        reader.warn(
            &path,
            Wrong::new(what, "remove it, or wait for the response"),
        );
    }
}

/// Every variable comes back in the head of the call's next connection.
fn warn_of_large_answers(path: &str, webhook: &Webhook, frame: usize, reader: &Reader<'_>) {
    let limit = webhook.request.response.limit;
    let needed = limit.saturating_mul(FRAME_BYTES);
    let is_written = webhook.widget.response_raw && webhook.widget.wait_for_response;
    if !is_written || needed <= frame {
        return;
    }
    let what = format!(
        "lets response_raw take {needed} bytes of a message from the switch, and \
         limits.frame_header_bytes is {frame}: the call's next widget would fail"
    );
    let help = format!("set response.raw = false, or limits.frame_header_bytes above {needed}");
    let path = join(&join(path, "response"), "limit");
    reader.warn(&path, Wrong::new(what, help));
}

fn warn_of_the_schedule(name: &str, path: &str, webhook: &Webhook, reader: &Reader<'_>) {
    let timeout = webhook.request.timeout;
    if !webhook.widget.wait_for_response || timeout <= SHIPPED_TIMEOUT {
        return;
    }
    let seconds = timeout.as_secs_f64().ceil() as u64 + SCHEDULE_MORE_S;
    let what = "is longer than the hook in the dialplan waits, 15s unless it is told otherwise";
    let help = format!("hand calls over as ask-{name}-within-{seconds} (or park-…)");
    reader.warn(&join(path, "timeout"), Wrong::new(what, help));
}
