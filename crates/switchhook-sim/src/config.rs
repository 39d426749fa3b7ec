//! Writes the configuration that the lab gives to the service under test.

use std::net::SocketAddr;

use super::documents;
use super::names::{ACCOUNT, FLOW};
use super::scenarios::Scenario;

/// Returns a `switchhook.toml` with one webhook for each scenario, all at the receiver.
///
/// Documents go to `documents`. `closed` is a port without a listener, and `room` is the number of
/// calls that the service may hold at once.
pub(super) fn text(
    scenarios: &[&Scenario],
    receiver: SocketAddr,
    documents: SocketAddr,
    closed: u16,
    room: usize,
    extra: &str,
) -> String {
    let mut text = format!(
        "# Written by `switchhook lab`.\n\
         [listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n\n\
         [limits]\ncalls_on_hold = {room}\n\n\
         [egress]\nallow_plain_http = true\nallow_addresses = [\"127.0.0.0/8\"]\n"
    );
    if !extra.is_empty() {
        text.push_str(&format!("\n{}\n", extra.trim_end()));
    }
    text.push_str(&documents::config(documents));
    for scenario in scenarios.iter().filter(|scenario| !scenario.unknown) {
        let url = url(scenario, receiver, closed);
        if let Some(number) = scenario.routed {
            let name = scenario.name;
            text.push_str(&format!(
                "\n[[routes]]\ndid = {number:?}\naccount = {ACCOUNT:?}\nflow = {FLOW:?}\nwebhook = {name:?}\n"
            ));
        }
        text.push_str(&format!(
            "\n[webhooks.{}]\nurl = {url:?}\n{}",
            scenario.name, scenario.settings
        ));
    }
    text
}

/// Returns the URL of a scenario's webhook. The path ends with the scenario's name, so that the
/// lab can tell its requests from those of other scenarios.
fn url(scenario: &Scenario, receiver: SocketAddr, closed: u16) -> String {
    let base = scenario.url.replace("{closed}", &closed.to_string());
    let base = base.replace("{receiver}", &receiver.to_string());
    if base.starts_with("http") {
        return base;
    }
    format!("http://{receiver}{base}/{}", scenario.name)
}

#[cfg(test)]
mod tests {
    use super::super::scenarios;
    use super::*;

    #[test]
    fn the_text_is_toml_with_a_webhook_for_each_known_scenario() {
        let all = scenarios::all();
        let listed: Vec<&Scenario> = all.iter().collect();
        let receiver = SocketAddr::from(([127, 0, 0, 1], 4711));
        let text = text(
            &listed,
            receiver,
            receiver,
            9,
            100,
            "[store]\nurl = \"sqlite::memory:\"",
        );
        let document: toml_edit::DocumentMut = text.parse().unwrap();
        let webhooks = document["webhooks"].as_table().unwrap();
        assert_eq!(
            webhooks.len(),
            all.iter().filter(|scenario| !scenario.unknown).count() + 1
        );
        let url = webhooks["success_json"]["url"].as_str();
        assert_eq!(url, Some("http://127.0.0.1:4711/ok/success_json"));
        assert_eq!(document["limits"]["calls_on_hold"].as_integer(), Some(100));
    }
}
