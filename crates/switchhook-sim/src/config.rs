//! Writes the configuration that the lab gives to the service under test.

use std::net::{Ipv4Addr, SocketAddr};

use super::documents;
use super::names::{ACCOUNT, FLOW};
use super::scenarios::Scenario;

/// A name of two addresses of which the first is silent.
const SEVERAL: &str = "several.lab.example";
/// That address.
pub(super) const SILENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The addresses that stand in the settings of scenarios.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    /// The receiver of most requests.
    pub(super) receiver: SocketAddr,
    /// A receiver whose connections one call uses.
    pub(super) spare: SocketAddr,
    /// A webhook whose first connection answers no more than one request.
    pub(super) stopped: SocketAddr,
    /// The same, and no ping.
    pub(super) forgotten: SocketAddr,
    /// A port without a listener.
    pub(super) closed: u16,
}

impl Places {
    fn fill(&self, text: &str) -> String {
        let places = [
            ("{receiver}", self.receiver.to_string()),
            ("{several}", format!("{SEVERAL}:{}", self.receiver.port())),
            ("{spare}", self.spare.to_string()),
            ("{stopped}", self.stopped.to_string()),
            ("{forgotten}", self.forgotten.to_string()),
            ("{closed}", self.closed.to_string()),
        ];
        let fill = |text: String, (place, address): &(&str, String)| text.replace(place, address);
        places.iter().fold(text.to_owned(), fill)
    }
}

/// What the service under test takes in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listen<'a> {
    /// Number of calls that it may hold at once.
    pub(super) room: usize,
    /// The token of its page.
    pub(super) token: Option<&'a str>,
}

/// Returns a `switchhook.toml` with one webhook for each scenario, all at `places`.
///
/// Documents go to `documents`.
pub(super) fn text(
    scenarios: &[&Scenario],
    places: &Places,
    documents: SocketAddr,
    listen: Listen<'_>,
    extra: &str,
) -> String {
    let token = listen.token;
    let token = token.map_or_else(String::new, |token| format!("http_token = {token:?}\n"));
    let mut text = format!(
        "# Written by `switchhook lab`.\n\
         [listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n{token}\n\
         [limits]\ncalls_on_hold = {}\n\n\
         [egress]\nallow_plain_http = true\nallow_addresses = [\"127.0.0.0/8\"]\n\
         hosts = {{ \"{SEVERAL}\" = [\"{SILENT}\", \"{}\"] }}\n",
        listen.room,
        places.receiver.ip()
    );
    if !extra.is_empty() {
        text.push_str(&format!("\n{}\n", extra.trim_end()));
    }
    text.push_str(&documents::config(documents));
    for scenario in scenarios.iter().filter(|scenario| !scenario.unknown) {
        let url = url(scenario, places);
        if let Some(number) = scenario.routed {
            let name = scenario.name;
            text.push_str(&format!(
                "\n[[routes]]\ndid = {number:?}\naccount = {ACCOUNT:?}\nflow = {FLOW:?}\nwebhook = {name:?}\n"
            ));
        }
        text.push_str(&format!(
            "\n[webhooks.{}]\nurl = {url:?}\n{}",
            scenario.name,
            places.fill(&scenario.settings)
        ));
    }
    text
}

/// Returns the URL of a scenario's webhook. The path ends with the scenario's name, so that the
/// lab can tell its requests from those of other scenarios.
fn url(scenario: &Scenario, places: &Places) -> String {
    let base = places.fill(&scenario.url);
    if base.starts_with("http") {
        return base;
    }
    format!("http://{}{base}/{}", places.receiver, scenario.name)
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
        let places = Places {
            receiver,
            spare: receiver,
            stopped: receiver,
            forgotten: receiver,
            closed: 9,
        };
        let text = text(
            &listed,
            &places,
            receiver,
            Listen {
                room: 100,
                token: Some("a token of sixteen letters"),
            },
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
        let token = document["listen"]["http_token"].as_str();
        assert_eq!(token, Some("a token of sixteen letters"));
        assert_eq!(document["limits"]["calls_on_hold"].as_integer(), Some(100));
    }
}
