//! `switchhook.toml`: from its text to a [`Config`], or to every fault it has.
//!
//! `section` takes keys from the document, `value` is what a value can be, `reader`
//! remembers what is wrong, `sections`, `webhook` and `response` read the file's
//! sections into the plain values of `settings`, `validate` compares them. Every
//! key and its default is in `reference.toml`, which a test holds against the code.

mod diagnostic;
mod environment;
mod keep;
mod lines;
mod per_webhook;
mod reader;
mod recordings;
mod response;
mod schema;
mod secrets;
mod section;
mod sections;
mod settings;
mod store;
mod tenants;
#[cfg(test)]
mod tests;
mod tracing;
mod upload;
mod validate;
mod value;
mod variables;
mod webhook;

use std::collections::BTreeMap;
use std::path::Path;

use toml_edit::{Document, TomlError};

use crate::recorder;
use crate::traces;
pub use diagnostic::{Diagnostic, Diagnostics};
use environment::NoSecrets;
pub use environment::{Environment, ProcessEnvironment};
use lines::Lines;
use reader::{Findings, Reader};
pub use recordings::{Recordings, Serve};
pub use schema::schema;
use section::Section;
pub use settings::{
    Account, Credentials, DEFAULT_FLOW, DurationUnit, Egress, Flow, LegChoice, Limits, Listen,
    Store, Switch,
};
use switchhook_core::tenants::Route;
use switchhook_store::Keep;
pub use tenants::Tenant;
pub use webhook::{Delivery, Webhook, Widget};

/// The commented file of every key and its default.
pub const REFERENCE: &str = include_str!("reference.toml");

/// Bytes of a configuration file.
const FILE_LIMIT: u64 = 4 * 1024 * 1024;

/// Everything that the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// Where this program is reached.
    pub listen: Listen,
    /// The switches that are followed.
    pub freeswitch: Vec<Switch>,
    /// Where documents wait.
    pub store: Store,
    /// How long what is over is kept.
    pub keep: Keep,
    /// How much is taken on at once.
    pub limits: Limits,
    /// "Webhook for Account" and the time zone.
    pub account: Account,
    /// Further accounts by name, `flow.account`.
    pub accounts: BTreeMap<String, Tenant>,
    /// Which number or context is whose, in the order of the file.
    pub routes: Vec<Route>,
    /// By `flow.name`; [`DEFAULT_FLOW`] for a call that names none.
    pub flows: BTreeMap<String, Flow>,
    /// By the name that is the path of the `socket` application.
    pub webhooks: BTreeMap<String, Webhook>,
    /// What webhooks may reach.
    pub egress: Egress,
    /// Where recordings are published.
    pub recordings: Recordings,
    /// Which calls on hold are recorded, as bytes and words.
    pub recorder: recorder::RecorderOptions,
    /// Where it is told what calls went through.
    pub traces: traces::TraceOptions,
    /// What is allowed and worth a look.
    pub warnings: Vec<Diagnostic>,
    source: Source,
}

/// The file itself: its name and where its keys stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Source {
    origin: String,
    lines: Lines,
    /// What each webhook says, as a configuration of its own.
    webhooks: BTreeMap<String, String>,
}

impl Config {
    /// Reads the file at `path`, and what it refers to.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, Diagnostics> {
        Self::load_in(path, &ProcessEnvironment)
    }

    /// Reads the file at `path` for a command that uses no secret but the store's: no other
    /// needs to be there, and those of the environment and of files are placeholders in what
    /// comes back.
    ///
    /// # Errors
    /// Everything else that is wrong with it.
    pub fn load_without_secrets(path: &Path) -> Result<Self, Diagnostics> {
        Self::load_in(path, &NoSecrets::default())
    }

    /// The same with the key of the uploads' target, which has to be there.
    ///
    /// # Errors
    /// Everything else that is wrong with it.
    pub fn load_with_target(path: &Path) -> Result<Self, Diagnostics> {
        Self::load_in(path, &NoSecrets { has_target: true })
    }

    /// Reads `text` as [`Config::load_without_secrets`] reads a file.
    ///
    /// # Errors
    /// Everything else that is wrong with it.
    pub fn parse_without_secrets(text: &str, origin: &str) -> Result<Self, Diagnostics> {
        Self::parse_in(text, origin, &NoSecrets::default())
    }

    fn load_in(path: &Path, surroundings: &dyn Environment) -> Result<Self, Diagnostics> {
        let origin = path.display().to_string();
        match environment::read_limited(path, FILE_LIMIT) {
            Ok(text) => Self::parse_in(&text, &origin, surroundings),
            Err(error) => {
                let what = format!("cannot be read: {error}");
                let help = "name another with --config";
                Err(Diagnostics::new(
                    origin,
                    vec![Diagnostic::of_file(what, help)],
                ))
            }
        }
    }

    /// Reads `text`; messages call it `origin`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, origin: &str) -> Result<Self, Diagnostics> {
        Self::parse_in(text, origin, &ProcessEnvironment)
    }

    /// Reads `text`, with secrets from `environment`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse_in(
        text: &str,
        origin: &str,
        surroundings: &dyn Environment,
    ) -> Result<Self, Diagnostics> {
        let (config, findings) = read(text, origin, surroundings);
        if findings.faults.is_empty() {
            Ok(config)
        } else {
            Err(Diagnostics::new(origin, findings.faults))
        }
    }

    /// The line of a key, `webhooks.lookup.response.map.queue`, or of the nearest
    /// of its parents that is in the file.
    #[must_use]
    pub fn locate(&self, key: &str) -> Option<usize> {
        self.source.lines.find(key)
    }

    /// A fault that another part found in the setting `key`, with its line.
    #[must_use]
    pub fn fault(&self, key: &str, what: impl Into<String>, help: impl Into<String>) -> Diagnostic {
        Diagnostic {
            line: self.locate(key),
            key: key.to_owned(),
            what: what.into(),
            help: help.into(),
        }
    }

    /// `Ok` when there are no faults; those that other parts found, otherwise.
    ///
    /// # Errors
    /// The faults given, in the order of the file.
    pub fn accept(&self, faults: Vec<Diagnostic>) -> Result<(), Diagnostics> {
        if faults.is_empty() {
            Ok(())
        } else {
            Err(self.refuse(faults))
        }
    }

    /// The faults of this file that other parts found.
    #[must_use]
    pub fn refuse(&self, faults: Vec<Diagnostic>) -> Diagnostics {
        Diagnostics::new(self.source.origin.clone(), faults)
    }

    /// What the file says of a webhook, as a configuration of its own; without that which it
    /// is asked with (`auth`, `signing`, `tls`). With an empty `name`: what it says of calls that
    /// ask none of its webhooks.
    #[must_use]
    pub(crate) fn webhook_text(&self, name: &str) -> &str {
        self.source.webhooks.get(name).map_or("", String::as_str)
    }

    /// The name of the file, as messages have it.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.source.origin
    }
}

fn read(text: &str, origin: &str, surroundings: &dyn Environment) -> (Config, Findings) {
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => return (Config::default(), syntax(text, &error)),
    };
    let lines = Lines::of(&document);
    let reader = Reader::new(&lines, surroundings);
    let mut config = take(&reader, &document);
    validate::check(&config, &reader);
    let mut findings = reader.finish();
    findings.warnings.sort_by_key(|warning| warning.line);
    config.warnings.clone_from(&findings.warnings);
    config.source = Source {
        origin: origin.to_owned(),
        lines,
        webhooks: per_webhook::of_webhooks(document, &config),
    };
    (config, findings)
}

fn take(reader: &Reader<'_>, document: &Document<&str>) -> Config {
    let mut root = Section::root(reader, document.as_table());
    let accounts = root.named("accounts", None).into_iter();
    let flows = root.named("flows", None).into_iter();
    let webhooks = root.named("webhooks", None).into_iter();
    Config {
        listen: sections::listen(root.section("listen")),
        freeswitch: root
            .list("freeswitch")
            .into_iter()
            .map(sections::switch)
            .collect(),
        store: store::store(root.section("store")),
        keep: keep::keep(root.section("keep")),
        limits: sections::limits(root.section("limits")),
        account: sections::account(root.section("account")),
        accounts: accounts
            .map(|(name, section)| (name.clone(), tenants::tenant(&name, section)))
            .collect(),
        routes: root
            .list("routes")
            .into_iter()
            .map(tenants::route)
            .collect(),
        flows: flows
            .map(|(name, section)| (name.clone(), sections::flow(&name, section)))
            .collect(),
        webhooks: webhooks
            .map(|(name, section)| (name.clone(), webhook::webhook(&name, section)))
            .collect(),
        egress: sections::egress(root.section("egress")),
        recordings: recordings::recordings(root.section("recordings")),
        recorder: sections::recorder(root.section("recorder")),
        traces: tracing::traces(root.section("traces")),
        warnings: Vec::new(),
        source: Source::default(),
    }
}

/// The parser stops at the first error, so there is one.
fn syntax(text: &str, error: &TomlError) -> Findings {
    let line = error.span().map(|span| Lines::in_text(text).at(span.start));
    let what = format!("this is not TOML: {}", error.message().replace('\n', ", "));
    let fault = Diagnostic {
        line,
        ..Diagnostic::of_file(what, "correct this line; the rest was not read")
    };
    Findings {
        faults: vec![fault],
        ..Findings::default()
    }
}
