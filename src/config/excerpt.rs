//! A webhook's part of the file as a configuration of its own, to stand in a recording.

use std::collections::BTreeMap;

use toml_edit::{Document, DocumentMut, Item, Table};

/// What says how the webhook knows us: secrets, and files of this machine.
const LEFT_OUT: [&str; 3] = ["auth", "signing", "tls"];

/// By the webhook's name.
pub(super) fn of_webhooks(document: Document<&str>) -> BTreeMap<String, String> {
    let document = document.into_mut();
    let Some(webhooks) = document.get("webhooks").and_then(Item::as_table_like) else {
        return BTreeMap::new();
    };
    let zone = document
        .get("account")
        .and_then(|account| account.get("time_zone"));
    let one = |(name, item): (&str, &Item)| (name.to_owned(), excerpt(name, item, zone));
    webhooks.iter().map(one).collect()
}

fn excerpt(name: &str, item: &Item, zone: Option<&Item>) -> String {
    let mut item = item.clone();
    if let Some(table) = item.as_table_like_mut() {
        for key in LEFT_OUT {
            table.remove(key);
        }
    }
    let item = match item.into_table() {
        Ok(table) => Item::Table(table),
        Err(item) => item,
    };
    let mut own = DocumentMut::new();
    own.insert("listen", Item::Table(Table::new()));
    if let Some(zone) = zone {
        let mut account = Table::new();
        account.insert("time_zone", zone.clone());
        own.insert("account", Item::Table(account));
    }
    let mut webhooks = Table::new();
    webhooks.set_implicit(true);
    webhooks.insert(name, item);
    own.insert("webhooks", Item::Table(webhooks));
    own.to_string()
}
