//! Makes an excerpt of the file for each webhook: a configuration of its own, for recordings of
//! calls.

use std::collections::BTreeMap;

use toml_edit::{ArrayOfTables, Document, DocumentMut, Item, Table, value};

use super::Config;
use switchhook_core::tenants::{Pattern, Route};

/// Sections that hold secrets or paths of this machine; an excerpt leaves them out.
const LEFT_OUT: [&str; 3] = ["auth", "signing", "tls"];

/// Returns the excerpts by webhook name. The empty name is the excerpt for calls that use none of
/// the file's webhooks.
pub(super) fn excerpts(document: Document<&str>, config: &Config) -> BTreeMap<String, String> {
    let document = document.into_mut();
    let webhooks = document.get("webhooks").and_then(Item::as_table_like);
    let webhooks = webhooks.into_iter().flat_map(|webhooks| webhooks.iter());
    let excerpts = webhooks.map(|(name, item)| {
        let mut own = shared_settings(config, Some(name));
        own.insert(
            "webhooks",
            implicit_table([(name, without_credentials(item))]),
        );
        (name.to_owned(), own.to_string())
    });
    let of_none = (String::new(), shared_settings(config, None).to_string());
    excerpts.chain([of_none]).collect()
}

fn without_credentials(item: &Item) -> Item {
    let mut item = item.clone();
    if let Some(table) = item.as_table_like_mut() {
        for key in LEFT_OUT {
            table.remove(key);
        }
    }
    match item.into_table() {
        Ok(table) => Item::Table(table),
        Err(item) => item,
    }
}

/// Returns the settings that find a call's account and flow. `webhook` is the only webhook of the
/// excerpt.
fn shared_settings(config: &Config, webhook: Option<&str>) -> DocumentMut {
    let mut own = DocumentMut::new();
    own.insert("listen", Item::Table(Table::new()));
    let zone = |zone: switchhook_core::zone::Zone| {
        let mut account = Table::new();
        account.insert("time_zone", value(zone.name()));
        Item::Table(account)
    };
    own.insert("account", zone(config.account.time_zone));
    let accounts = config.accounts.iter().map(|(name, tenant)| {
        let own_zone = tenant.time_zone.unwrap_or(config.account.time_zone);
        (name.as_str(), zone(own_zone))
    });
    own.insert("accounts", implicit_table(accounts));
    let flows = config
        .routes
        .iter()
        .filter_map(|route| route.flow.as_deref());
    own.insert(
        "flows",
        implicit_table(flows.map(|name| (name, Item::Table(Table::new())))),
    );
    let routes = config.routes.iter().map(|it| route(it, webhook));
    let says = |route: &Table| {
        ["account", "flow", "webhook"]
            .iter()
            .any(|key| route.contains_key(key))
    };
    let routes: ArrayOfTables = routes.filter(says).collect();
    if !routes.is_empty() {
        own.insert("routes", Item::ArrayOfTables(routes));
    }
    own
}

/// Copies a route. A route that names a webhook names the excerpt's webhook instead: a call for
/// this webhook came by no other such route, so only the route's presence matters.
fn route(route: &Route, webhook: Option<&str>) -> Table {
    let text = |pattern: &Option<Pattern>| pattern.as_ref().map(ToString::to_string);
    let named = route.webhook.as_ref().and(webhook).map(str::to_owned);
    let keys = [
        ("did", text(&route.did)),
        ("context", text(&route.context)),
        ("account", route.account.clone()),
        ("flow", route.flow.clone()),
        ("webhook", named),
    ];
    let keys = keys.into_iter();
    keys.filter_map(|(key, text)| Some((key, value(text?))))
        .collect()
}

fn implicit_table<'n>(entries: impl IntoIterator<Item = (&'n str, Item)>) -> Item {
    let mut table = Table::new();
    table.set_implicit(true);
    for (name, item) in entries {
        table.insert(name, item);
    }
    Item::Table(table)
}
