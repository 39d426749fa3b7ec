//! A webhook's part of the file as a configuration of its own, to stand in a recording.

use std::collections::BTreeMap;

use toml_edit::{ArrayOfTables, Document, DocumentMut, Item, Table, value};

use super::Config;
use switchhook_core::tenants::{Pattern, Route};

/// What says how the webhook knows us: secrets, and files of this machine.
const LEFT_OUT: [&str; 3] = ["auth", "signing", "tls"];

/// By the webhook's name; under the empty one what is said of calls that ask none of them.
pub(super) fn of_webhooks(document: Document<&str>, config: &Config) -> BTreeMap<String, String> {
    let document = document.into_mut();
    let webhooks = document.get("webhooks").and_then(Item::as_table_like);
    let webhooks = webhooks.into_iter().flat_map(|webhooks| webhooks.iter());
    let excerpts = webhooks.map(|(name, item)| {
        let mut own = common(config, Some(name));
        own.insert("webhooks", named([(name, without_secrets(item))]));
        (name.to_owned(), own.to_string())
    });
    let of_none = (String::new(), common(config, None).to_string());
    excerpts.chain([of_none]).collect()
}

fn without_secrets(item: &Item) -> Item {
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

/// What finds a call's account and flow; `webhook` is the only one that is there.
fn common(config: &Config, webhook: Option<&str>) -> DocumentMut {
    let mut own = DocumentMut::new();
    own.insert("listen", Item::Table(Table::new()));
    let zone = |zone: chrono_tz::Tz| {
        let mut account = Table::new();
        account.insert("time_zone", value(zone.name()));
        Item::Table(account)
    };
    own.insert("account", zone(config.account.time_zone));
    let accounts = config.accounts.iter().map(|(name, tenant)| {
        let own_zone = tenant.time_zone.unwrap_or(config.account.time_zone);
        (name.as_str(), zone(own_zone))
    });
    own.insert("accounts", named(accounts));
    let flows = config
        .routes
        .iter()
        .filter_map(|route| route.flow.as_deref());
    own.insert(
        "flows",
        named(flows.map(|name| (name, Item::Table(Table::new())))),
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

/// A call that asked this webhook came by no route that names another, so that the name does
/// not matter there; that it is a route does.
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

fn named<'n>(entries: impl IntoIterator<Item = (&'n str, Item)>) -> Item {
    let mut table = Table::new();
    table.set_implicit(true);
    for (name, item) in entries {
        table.insert(name, item);
    }
    Item::Table(table)
}
