//! The configuration that `init` writes.

use std::fmt::Write as _;
use std::net::IpAddr;

use url::{Host, Url};

use super::WEBHOOK;
use super::questions::Answers;

/// The webhook that gets the documents.
const DOCUMENTS: &str = "completed";

/// Returns the commented file.
pub(super) fn configuration(answers: &Answers, token: &str) -> String {
    let (listen, page) = (answers.listen, answers.page());
    let (switch, url) = (quoted(&answers.switch), quoted(&answers.url));
    let lines = [
        "# Every setting, with its default: switchhook check --print-reference".to_owned(),
        "[listen]".to_owned(),
        commented(
            &format!("esl = \"{listen}\""),
            "FreeSWITCH's socket application connects here",
        ),
        commented(
            &format!("http = \"{page}\""),
            "health, metrics, the operator's page",
        ),
        "# The page asks for it before it changes something.".to_owned(),
        format!("http_token = \"{token}\""),
        String::new(),
        commented(
            "[[freeswitch]]",
            "Switchhook follows the calls of this switch",
        ),
        format!("address = {switch}"),
        commented(
            "password = \"ClueCon\"",
            "FreeSWITCH's default; in production password_env",
        ),
        String::new(),
        commented(
            &format!("[webhooks.{WEBHOOK}]"),
            "called while the caller waits",
        ),
        format!("url = {url}"),
        commented("timeout = \"5s\"", "then line 1"),
        "# What the dialplan gets as ${flow.key.customer_name}:".to_owned(),
        "#response.map = { customer_name = \"$.customer.name\" }".to_owned(),
        String::new(),
    ];
    let mut text = lines.join("\n") + "\n";
    text.push_str(&documents(answers));
    text.push_str(&egress(answers));
    text
}

fn commented(setting: &str, comment: &str) -> String {
    format!("{setting:<32}# {comment}")
}

fn documents(answers: &Answers) -> String {
    let (mark, url) = match &answers.documents {
        Some(url) => ("", quoted(url)),
        None => ("#", quoted("https://crm.example/calls")),
    };
    let section = [
        commented("[account]", "one document for each finished call"),
        format!("default_webhook = \"{DOCUMENTS}\""),
        "[flows.default]".to_owned(),
        "webhook = true".to_owned(),
        format!("[webhooks.{DOCUMENTS}]"),
        format!("url = {url}"),
    ];
    section.iter().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{mark}{line}");
        text
    })
}

/// Returns the section for webhooks that need it: without TLS, or at an address of this machine.
fn egress(answers: &Answers) -> String {
    let urls = [Some(&answers.url), answers.documents.as_ref()];
    let urls = urls
        .into_iter()
        .flatten()
        .filter_map(|url| Url::parse(url).ok());
    let urls: Vec<Url> = urls.collect();
    let plain = urls.iter().any(|url| url.scheme() == "http");
    let mut ranges: Vec<String> = urls.iter().filter_map(range).collect();
    ranges.sort();
    ranges.dedup();
    let mut text = String::new();
    if plain || !ranges.is_empty() {
        let section = commented("[egress]", "for a webhook on a private network");
        let _ = writeln!(text, "\n{section}");
    }
    if plain {
        text.push_str("allow_plain_http = true\n");
    }
    if !ranges.is_empty() {
        let _ = writeln!(text, "allow_addresses = [{}]", ranges.join(", "));
    }
    text
}

/// Returns the addresses that have to be allowed for this URL.
fn range(url: &Url) -> Option<String> {
    let loopback = || quoted("127.0.0.0/8");
    match url.host()? {
        Host::Domain("localhost") => Some(loopback()),
        Host::Domain(_) => None,
        Host::Ipv4(ip) if ip.is_loopback() => Some(loopback()),
        Host::Ipv4(ip) => ip.is_private().then(|| quoted(&IpAddr::V4(ip).to_string())),
        Host::Ipv6(ip) if ip.is_loopback() || ip.is_unique_local() => {
            Some(quoted(&IpAddr::V6(ip).to_string()))
        }
        Host::Ipv6(_) => None,
    }
}

/// Returns a text as TOML writes it.
fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .flat_map(|letter| match letter {
            '"' | '\\' => vec!['\\', letter],
            letter if letter.is_control() => {
                format!("\\u{:04X}", u32::from(letter)).chars().collect()
            }
            letter => vec![letter],
        })
        .collect();
    format!("\"{escaped}\"")
}
