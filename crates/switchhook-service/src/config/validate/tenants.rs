//! Checks of accounts, routes, and the flows and webhooks they name.

use switchhook_core::tenants::Route;

use super::Validator;
use crate::config::lines::{element, join};
use crate::config::value::Problem;

impl Validator<'_> {
    pub(super) fn tenants(&self) {
        for (name, account) in &self.config.accounts {
            let path = join("accounts", name);
            if let Some(webhook) = &account.default_webhook {
                self.require_webhook(&join(&path, "default_webhook"), webhook);
            } else if self.any_flow_posts() {
                self.warn_posts_nothing(&path);
            }
        }
        let unset = self.config.account.default_webhook.is_none();
        if unset && self.any_flow_posts() && self.any_default_webhook() {
            self.warn_posts_nothing("account");
        }
        for (index, route) in self.config.routes.iter().enumerate() {
            self.check_route(index, route);
        }
    }

    fn any_flow_posts(&self) -> bool {
        self.config.flows.values().any(|flow| flow.webhook)
    }

    /// Whether some account has a default webhook.
    pub(super) fn any_default_webhook(&self) -> bool {
        let mut named = self.config.accounts.values();
        self.config.account.default_webhook.is_some()
            || named.any(|account| account.default_webhook.is_some())
    }

    fn warn_posts_nothing(&self, path: &str) {
        let what = "has no default_webhook: documents of its calls are not posted, \
                    even if their flow enables the webhook";
        let help = "add default_webhook = \"…\" to post them";
        self.context.warn(path, Problem::new(what, help));
    }

    fn check_route(&self, index: usize, route: &Route) {
        let path = element("routes", index);
        let before = &self.config.routes[..index];
        if let Some(first) = before.iter().position(|other| other.clashes_with(route)) {
            let line = self.context.line_of(&element("routes", first)).unwrap_or(0);
            let what = format!("matches the same calls as the route at line {line}");
            self.fault(&path, what, "make one of them more exact, or merge them");
        }
        if let Some(account) = &route.account {
            let of = ("account", "accounts");
            self.require_name(&join(&path, "account"), account, of, &self.config.accounts);
        }
        if let Some(flow) = &route.flow {
            self.require_name(
                &join(&path, "flow"),
                flow,
                ("flow", "flows"),
                &self.config.flows,
            );
        }
        if let Some(webhook) = &route.webhook {
            self.require_webhook(&join(&path, "webhook"), webhook);
        }
        self.check_posts(&path, route);
    }

    fn check_posts(&self, path: &str, route: &Route) {
        let flow = route.flow.as_ref();
        let posts = flow.and_then(|name| self.config.flows.get(name));
        let named = route.account.as_ref();
        let account = named.and_then(|name| self.config.accounts.get(name));
        let (Some(name), Some(account)) = (named, account) else {
            return;
        };
        if posts.is_some_and(|flow| flow.webhook) && account.default_webhook.is_none() {
            let what = format!(
                "posts documents, but \"Webhook for Account\" is Not Configured for {name}"
            );
            let help = format!("name one: [accounts.{name}] default_webhook = \"…\"");
            self.fault(&join(path, "flow"), what, &help);
        }
    }
}
