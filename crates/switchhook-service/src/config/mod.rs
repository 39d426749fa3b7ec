//! Reads `switchhook.toml` into a [`Config`], or reports every fault in it.
//!
//! A `Section` gives the keys of one table, `value` parses a key's value, and `ReadContext`
//! collects the faults. `sections`, `webhook` and `response` turn the file's sections into the
//! plain values of `settings`; `validate` compares them with each other. `reference.toml` lists
//! every key with its default, and a test compares it with the code.

mod collector;
mod diagnostic;
mod environment;
mod file_fault;
mod folder;
mod keep;
mod lines;
mod per_webhook;
mod read_context;
mod recordings;
mod response;
mod retry;
mod schema;
mod schema_rules;
mod secret_sources;
mod secrets;
mod section;
mod sections;
mod settings;
mod store;
mod tenants;
#[cfg(test)]
mod tests;
mod upload;
mod users;
mod validate;
mod value;
mod variables;
mod webhook;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml_edit::Document;

use crate::recorder;
use crate::traces;
pub use diagnostic::{Diagnostic, Diagnostics};
use environment::PlaceholderSecrets;
pub use environment::{Environment, ProcessEnvironment};
use lines::Lines;
use read_context::{ReadContext, ReadReport};
pub use recordings::{Recordings, ServeOptions};
pub use schema::schema;
use secret_sources::SecretSources;
use section::Section;
pub use settings::{
    Account, Credentials, DurationUnit, Egress, Flow, LegChoice, Limits, Listen, Privacy, Store,
    Switch,
};
use switchhook_admin::access::{TrustedProxy, User};
pub use switchhook_core::tenants::DEFAULT_FLOW;
use switchhook_core::tenants::Route;
use switchhook_store::Retention;
pub use tenants::Tenant;
pub use webhook::{DeliveryLimits, EventFormat, TaskOptions, Webhook};

/// The commented file of every key and its default.
pub const REFERENCE: &str = include_str!("reference.toml");

/// Largest configuration file, in bytes.
const FILE_LIMIT: u64 = 4 * 1024 * 1024;

/// Everything that a configuration file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// The addresses that this program listens on.
    pub listen: Listen,
    /// Who may use the operator's page.
    pub users: Vec<User>,
    /// The proxy that signs people in.
    pub trusted_proxy: Option<TrustedProxy>,
    /// The switches whose events are followed.
    pub freeswitch: Vec<Switch>,
    /// The database for documents and responses.
    pub store: Store,
    /// How long finished calls and documents are kept.
    pub keep: Retention,
    /// Limits on calls, connections, frames and times.
    pub limits: Limits,
    /// "Webhook for Account", the time zone and number masking.
    pub account: Account,
    /// Further accounts by name (`flow.account`).
    pub accounts: BTreeMap<String, Tenant>,
    /// Which account, flow and webhook a number or context gets, in the order of the file.
    pub routes: Vec<Route>,
    /// Flows by `flow.name`; [`DEFAULT_FLOW`] is for a call that names none.
    pub flows: BTreeMap<String, Flow>,
    /// Webhooks by name. The name is also the path of the `socket` application.
    pub webhooks: BTreeMap<String, Webhook>,
    /// The addresses that webhooks may reach.
    pub egress: Egress,
    /// How recordings are published.
    pub recordings: Recordings,
    /// Which calls on hold the flight recorder records, and where.
    pub recorder: recorder::RecorderOptions,
    /// The collector for spans.
    pub traces: traces::TraceOptions,
    /// Settings that are allowed but deserve a look.
    pub warnings: Vec<Diagnostic>,
    source: SourceFile,
}

/// The file's name, the lines of its keys, and its excerpts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct SourceFile {
    origin: String,
    lines: Lines,
    secrets: SecretSources,
    /// Each webhook's part of the file, as a configuration of its own.
    webhook_excerpts: BTreeMap<String, String>,
}

impl Config {
    /// Returns whether a webhook gets events of living calls.
    #[must_use]
    pub(crate) fn gets_events(&self, webhook: &str) -> bool {
        let defaults = || {
            let accounts = self.accounts.values();
            let named = accounts.map(|account| &account.default_webhook);
            let mut all = named.chain([&self.account.default_webhook]).flatten();
            all.any(|name| name == webhook)
        };
        let flows = self.flows.values().filter(|flow| !flow.events.is_empty());
        let mut webhooks = flows.map(|flow| flow.events_webhook.as_deref());
        webhooks.any(|named| named.map_or_else(defaults, |name| name == webhook))
    }

    /// Reads the file at `path` and the secrets it refers to.
    ///
    /// # Errors
    /// Returns every fault in the file.
    pub fn load(path: &Path) -> Result<Self, Diagnostics> {
        Self::load_in(path, &ProcessEnvironment)
    }

    /// Reads the file at `path` for a command that needs no secret but the store's password.
    ///
    /// No other secret has to exist: secrets of the environment and of files become placeholders.
    ///
    /// # Errors
    /// Returns every other fault in the file.
    pub fn load_without_secrets(path: &Path) -> Result<Self, Diagnostics> {
        Self::load_in(path, &PlaceholderSecrets::default())
    }

    /// Reads the file as [`Config::load_without_secrets`] does, and also the upload target's key,
    /// which has to exist.
    ///
    /// # Errors
    /// Returns every other fault in the file.
    pub fn load_with_target(path: &Path) -> Result<Self, Diagnostics> {
        Self::load_in(
            path,
            &PlaceholderSecrets {
                real_target_key: true,
            },
        )
    }

    /// Reads `text` as [`Config::load_without_secrets`] reads a file.
    ///
    /// # Errors
    /// Returns every other fault in the text.
    pub fn parse_without_secrets(text: &str, origin: &str) -> Result<Self, Diagnostics> {
        Self::parse_in(text, origin, &PlaceholderSecrets::default())
    }

    fn load_in(path: &Path, environment: &dyn Environment) -> Result<Self, Diagnostics> {
        let origin = path.display().to_string();
        match environment::read_limited(path, FILE_LIMIT) {
            Ok(text) => Self::parse_in(&text, &origin, environment),
            Err(error) => {
                let fault = file_fault::unreadable(path, &error);
                Err(Diagnostics::new(origin, vec![fault]))
            }
        }
    }

    /// Reads `text`; `origin` is its name in messages.
    ///
    /// # Errors
    /// Returns every fault in the text.
    pub fn parse(text: &str, origin: &str) -> Result<Self, Diagnostics> {
        Self::parse_in(text, origin, &ProcessEnvironment)
    }

    /// Reads `text` with the secrets of `environment`.
    ///
    /// # Errors
    /// Returns every fault in the text.
    pub fn parse_in(
        text: &str,
        origin: &str,
        environment: &dyn Environment,
    ) -> Result<Self, Diagnostics> {
        let (config, report) = read(text, origin, environment);
        if report.faults.is_empty() {
            Ok(config)
        } else {
            Err(Diagnostics::new(origin, report.faults))
        }
    }

    /// Returns the line of a key such as `webhooks.lookup.response.map.queue`, or of its nearest
    /// parent in the file.
    #[must_use]
    pub fn locate(&self, key: &str) -> Option<usize> {
        self.source.lines.find(key)
    }

    /// Makes a diagnostic with the line of the setting `key`, for a fault found outside this
    /// module.
    #[must_use]
    pub fn fault(&self, key: &str, what: impl Into<String>, help: impl Into<String>) -> Diagnostic {
        Diagnostic {
            line: self.locate(key),
            key: key.to_owned(),
            what: what.into(),
            help: help.into(),
        }
    }

    /// Returns `Ok` when `faults` is empty.
    ///
    /// # Errors
    /// Returns the given faults in the order of the file.
    pub fn accept(&self, faults: Vec<Diagnostic>) -> Result<(), Diagnostics> {
        if faults.is_empty() {
            Ok(())
        } else {
            Err(self.refuse(faults))
        }
    }

    /// Wraps faults found outside this module, with the file's name.
    #[must_use]
    pub fn refuse(&self, faults: Vec<Diagnostic>) -> Diagnostics {
        Diagnostics::new(self.source.origin.clone(), faults)
    }

    /// Returns a webhook's part of the file as a configuration of its own, without its credentials
    /// (`auth`, `signing`, `tls`). An empty `name` gives the part for calls that use none of the
    /// file's webhooks.
    #[must_use]
    pub(crate) fn webhook_excerpt(&self, name: &str) -> &str {
        self.source
            .webhook_excerpts
            .get(name)
            .map_or("", String::as_str)
    }

    /// Returns the key and the file of each secret: files of their own, and this file if a secret is
    /// in it.
    pub(crate) fn secret_files(&self) -> Vec<(String, PathBuf)> {
        let SecretSources { files, in_place } = &self.source.secrets;
        let own = in_place.iter();
        let own = own.map(|key| (key.clone(), PathBuf::from(&self.source.origin)));
        files.iter().cloned().chain(own).collect()
    }

    /// Returns the file's name as messages show it.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.source.origin
    }
}

fn read(text: &str, origin: &str, environment: &dyn Environment) -> (Config, ReadReport) {
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let report = ReadReport {
                faults: vec![file_fault::syntax(text, &error)],
                ..ReadReport::default()
            };
            return (Config::default(), report);
        }
    };
    let lines = Lines::of(&document);
    let context = ReadContext::new(&lines, environment);
    let mut config = read_sections(&context, &document);
    validate::validate(&config, &context);
    let mut report = context.into_report();
    report.warnings.sort_by_key(|warning| warning.line);
    config.warnings.clone_from(&report.warnings);
    config.source = SourceFile {
        origin: origin.to_owned(),
        lines,
        secrets: SecretSources::of(&document),
        webhook_excerpts: per_webhook::excerpts(document, &config),
    };
    (config, report)
}

fn read_sections(context: &ReadContext<'_>, document: &Document<&str>) -> Config {
    let mut root = Section::root(context, document.as_table());
    let accounts = root.named_sections("accounts", None).into_iter();
    let flows = root.named_sections("flows", None).into_iter();
    let webhooks = root.named_sections("webhooks", None).into_iter();
    let users = root.named_sections("users", None).into_iter();
    Config {
        listen: sections::listen(root.subsection("listen")),
        users: users
            .map(|(name, section)| users::user(&name, section))
            .collect(),
        trusted_proxy: users::trusted_proxy(root.subsection("trusted_proxy")),
        freeswitch: root
            .sections("freeswitch")
            .into_iter()
            .map(sections::switch)
            .collect(),
        store: store::store(root.subsection("store")),
        keep: keep::keep(root.subsection("keep")),
        limits: sections::limits(root.subsection("limits")),
        account: sections::account(root.subsection("account")),
        accounts: accounts
            .map(|(name, section)| (name.clone(), tenants::tenant(&name, section)))
            .collect(),
        routes: root
            .sections("routes")
            .into_iter()
            .map(tenants::route)
            .collect(),
        flows: flows
            .map(|(name, section)| (name.clone(), sections::flow(&name, section)))
            .collect(),
        webhooks: webhooks
            .map(|(name, section)| (name.clone(), webhook::webhook(&name, section)))
            .collect(),
        egress: sections::egress(root.subsection("egress")),
        recordings: recordings::recordings(root.subsection("recordings")),
        recorder: sections::recorder(root.subsection("recorder")),
        traces: collector::traces(root.subsection("traces")),
        warnings: Vec::new(),
        source: SourceFile::default(),
    }
}
