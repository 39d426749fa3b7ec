//! `[accounts.NAME]` and `[[routes]]`: the tenants of a switch, and what is whose.

use chrono_tz::Tz;
use toml_edit::Value;

use super::lines::{element, join};
use super::section::Section;
use super::sections::time_zone;
use super::validate::Checks;
use super::value::{Read, Wrong, filled, one_line, optional, shown, word};
use switchhook_core::tenants::{Pattern, Route, bare};

/// `[accounts.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tenant {
    /// Gets the documents of its calls; never that of `[account]`. `None` is *Not Configured*.
    pub default_webhook: Option<String>,
    /// Whose offset the times of its documents have; `None`: that of `[account]`.
    pub time_zone: Option<Tz>,
}

pub(super) fn tenant(name: &str, mut section: Section<'_>) -> Tenant {
    if let Err(wrong) = word(&Value::from(name)) {
        section.fault("", Wrong::new("is not a name for an account", wrong.help));
    }
    Tenant {
        default_webhook: section.get("default_webhook", optional(filled)).flatten(),
        time_zone: section.get("time_zone", optional(time_zone)).flatten(),
    }
}

pub(super) fn route(mut section: Section<'_>) -> Route {
    let what_fits = ["did", "context"];
    let what_is_said = ["account", "flow", "webhook"];
    for (keys, what, help) in [
        (
            &what_fits[..],
            "fits every call",
            "add did, context or both; what holds for every call stands in [account] and [flows.default]",
        ),
        (
            &what_is_said[..],
            "says nothing",
            "add account, flow or webhook",
        ),
    ] {
        if !keys.iter().any(|key| section.has(key)) {
            section.fault("", Wrong::new(what, help));
        }
    }
    Route {
        did: section.get("did", number),
        context: section.get("context", pattern),
        account: section.get("account", filled),
        flow: section.get("flow", filled),
        webhook: section.get("webhook", filled),
    }
}

fn number(value: &Value) -> Read<Pattern> {
    Ok(match pattern(value)? {
        Pattern::Exact(text) => Pattern::Exact(bare(&text).to_owned()),
        Pattern::Prefix(text) => Pattern::Prefix(bare(&text).to_owned()),
    })
}

fn pattern(value: &Value) -> Read<Pattern> {
    let text = one_line(value)?;
    let (text, is_prefix) = match text.strip_suffix('*') {
        Some(beginning) => (beginning, true),
        None => (text.as_str(), false),
    };
    if bare(text).is_empty() {
        let what = format!("{} fits everything", shown(value));
        return Err(Wrong::new(
            what,
            "leave the key out, or write how it begins",
        ));
    }
    if text.contains(|c: char| c == '*' || c.is_whitespace()) {
        let what = format!(
            "{} is no number or name, nor the beginning of one",
            shown(value)
        );
        let help = "write all of it, or how it begins and one * at the end";
        return Err(Wrong::new(what, help));
    }
    Ok(match is_prefix {
        true => Pattern::Prefix(text.to_owned()),
        false => Pattern::Exact(text.to_owned()),
    })
}

impl Checks<'_> {
    pub(super) fn tenants(&self) {
        for (name, account) in &self.config.accounts {
            let path = join("accounts", name);
            if let Some(webhook) = &account.default_webhook {
                self.known(&join(&path, "default_webhook"), webhook);
            } else if self.some_flow_posts() {
                self.posts_nothing(&path);
            }
        }
        let unset = self.config.account.default_webhook.is_none();
        if unset && self.some_flow_posts() && self.somebody_has_a_webhook() {
            self.posts_nothing("account");
        }
        for (index, route) in self.config.routes.iter().enumerate() {
            self.route(index, route);
        }
    }

    fn some_flow_posts(&self) -> bool {
        self.config.flows.values().any(|flow| flow.webhook)
    }

    /// An account is there whose documents can be posted.
    pub(super) fn somebody_has_a_webhook(&self) -> bool {
        let mut named = self.config.accounts.values();
        self.config.account.default_webhook.is_some()
            || named.any(|account| account.default_webhook.is_some())
    }

    fn posts_nothing(&self, path: &str) {
        let what = "has no default_webhook: no document of its calls is posted to it, \
                    whatever their flow says";
        let help = "add default_webhook = \"…\", if they are to be posted";
        self.reader.warn(path, Wrong::new(what, help));
    }

    fn route(&self, index: usize, route: &Route) {
        let path = element("routes", index);
        let before = &self.config.routes[..index];
        if let Some(first) = before.iter().position(|other| other.clashes_with(route)) {
            let line = self.reader.line(&element("routes", first)).unwrap_or(0);
            let what = format!("fits the same calls as the route of line {line}");
            self.fault(&path, what, "make one of them more exact, or make them one");
        }
        if let Some(account) = &route.account {
            let of = ("account", "accounts");
            self.named(&join(&path, "account"), account, of, &self.config.accounts);
        }
        if let Some(flow) = &route.flow {
            self.named(
                &join(&path, "flow"),
                flow,
                ("flow", "flows"),
                &self.config.flows,
            );
        }
        if let Some(webhook) = &route.webhook {
            self.known(&join(&path, "webhook"), webhook);
        }
        self.posts_somewhere(&path, route);
    }

    fn posts_somewhere(&self, path: &str, route: &Route) {
        let flow = route.flow.as_ref();
        let posts = flow.and_then(|name| self.config.flows.get(name));
        let named = route.account.as_ref();
        let account = named.and_then(|name| self.config.accounts.get(name));
        let (Some(name), Some(account)) = (named, account) else {
            return;
        };
        if posts.is_some_and(|flow| flow.webhook) && account.default_webhook.is_none() {
            let what = format!(
                "posts documents, and \"Webhook for Account\" is Not Configured for {name}"
            );
            let help = format!("name one: [accounts.{name}] default_webhook = \"…\"");
            self.fault(&join(path, "flow"), what, &help);
        }
    }
}
