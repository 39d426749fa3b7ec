//! Every TOML example of the manual passes `switchhook check`.

use std::fs;
use std::process::Command;

use toml_edit::DocumentMut;

use super::{Block, assert_none, manual};

/// The first line of a whole configuration, and of a part of one.
const WHOLE: &str = "# switchhook.toml";
const FRAGMENT: &str = "# fragment";

/// A section that a part of a configuration may refer to without having it.
const ACCOUNT: &str = "\n[account]\ndefault_webhook = \"of_the_test\"\n\
                       [webhooks.of_the_test]\nurl = \"https://receiver.example/\"\n";

/// Returns what `switchhook check` says against a configuration.
fn check(config: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("switchhook.toml"), config).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_switchhook"))
        .arg("check")
        .current_dir(folder.path())
        .env_clear()
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let faults: Vec<String> = said.lines().map(str::to_owned).collect();
    assert_eq!(output.status.success(), faults.is_empty(), "{said}");
    faults
}

/// Makes a whole configuration of a part of one. Keys without a section are those of a webhook.
fn completed(fragment: &str) -> Result<String, toml_edit::TomlError> {
    let parsed: DocumentMut = fragment.parse()?;
    let mut text = fragment.to_owned();
    let is_key = |(_, item): (&str, &toml_edit::Item)| item.is_value() || is_dotted(item);
    if parsed.iter().any(is_key) {
        let url = "url = \"https://webhook.example/\"\n";
        let url = if parsed.contains_key("url") { "" } else { url };
        text = format!("[webhooks.of_the_page]\n{url}{text}");
    }
    if !parsed.contains_key("listen") {
        text.push_str("\n[listen]\n");
    }
    if !parsed.contains_key("account") {
        text.push_str(ACCOUNT);
    }
    Ok(text)
}

/// Returns whether a table is written as a key, such as `response.map = …`.
fn is_dotted(item: &toml_edit::Item) -> bool {
    item.as_table().is_some_and(toml_edit::Table::is_dotted)
}

/// Returns whether an error is about this machine, which has none of the example's secrets.
fn is_about_secrets(fault: &str) -> bool {
    fault.contains("the environment variable ")
        || ["the secret's file ", ".tls."]
            .iter()
            .any(|words| fault.contains(words))
}

fn faults(block: &Block) -> Vec<String> {
    let text = block.lines.join("\n");
    match block.lines.first().copied().unwrap_or_default() {
        WHOLE => check(&text),
        FRAGMENT => match completed(&text) {
            Ok(config) => {
                let mut faults = check(&config);
                faults.retain(|fault| !is_about_secrets(fault));
                faults
            }
            Err(error) => vec![error.to_string()],
        },
        // The whole reference, which tests of its own hold against the code.
        first if first.starts_with("{{#include ") => Vec::new(),
        first => vec![format!(
            "begins with {first:?}; begin with {WHOLE:?} or {FRAGMENT:?}"
        )],
    }
}

#[test]
fn every_toml_example_of_the_manual_passes_the_check() {
    let (mut found, mut wholes) = (Vec::new(), 0);
    for page in manual() {
        for block in page.blocks() {
            if block.info.split([',', ' ']).next() != Some("toml") {
                continue;
            }
            wholes += usize::from(block.lines.first() == Some(&WHOLE));
            let place = format!("{}:{}", page.path, block.line);
            found.extend(
                faults(&block)
                    .iter()
                    .map(|fault| format!("{place}: {fault}")),
            );
        }
    }
    assert!(
        wholes > 3,
        "{wholes} whole examples: the test no longer finds them"
    );
    assert_none(&found);
}
