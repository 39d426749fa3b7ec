//! Lists the programs that some tests need, how to install each, and what a test does without it.
//!
//! A test without its program prints `SKIPPED` on standard error and passes. It fails instead if
//! the program's `…_REQUIRED` variable or `CI=true` is set.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// A program that some tests need.
#[derive(Debug)]
pub struct Prerequisite {
    /// The tests that are skipped without it.
    pub tests: &'static str,
    /// The program, by its names.
    pub program: &'static str,
    /// How to install it.
    pub cure: &'static str,
    /// The variable that turns a skipped test into a failure.
    pub required_by: &'static str,
    is_there: fn() -> bool,
}

/// A server for the tests of the store, or the programs to start one.
pub const POSTGRESQL: Prerequisite = Prerequisite {
    tests: "PostgreSQL as a store",
    program: "initdb and pg_ctl",
    cure: "apt-get install postgresql, or SWITCHHOOK_POSTGRES=postgres://USER@HOST/postgres with a \
           user that may create databases",
    required_by: "SWITCHHOOK_POSTGRES_REQUIRED",
    is_there: || postgresql_url().is_some() || postgresql_folder().is_some(),
};

/// A connection pooler in front of PostgreSQL.
pub const PGBOUNCER: Prerequisite = Prerequisite {
    tests: "PostgreSQL behind a pooler",
    program: "pgbouncer",
    cure: "apt-get install pgbouncer",
    required_by: "SWITCHHOOK_POSTGRES_REQUIRED",
    is_there: || pgbouncer().is_some(),
};

/// A browser and its driver.
pub const BROWSER: Prerequisite = Prerequisite {
    tests: "the operator's page in a browser",
    program: "chromium and chromedriver",
    cure: "apt-get install chromium chromium-driver",
    required_by: "SWITCHHOOK_BROWSER_REQUIRED",
    is_there: || browser().is_some(),
};

/// A web server that operators put in front of the page.
pub const NGINX: Prerequisite = Prerequisite {
    tests: "the page behind nginx",
    program: "nginx",
    cure: "apt-get install nginx-light",
    required_by: "SWITCHHOOK_PROXIES_REQUIRED",
    is_there: || nginx().is_some(),
};

/// Another one.
pub const CADDY: Prerequisite = Prerequisite {
    tests: "the page behind Caddy",
    program: "caddy",
    cure: "apt-get install caddy",
    required_by: "SWITCHHOOK_PROXIES_REQUIRED",
    is_there: || caddy().is_some(),
};

/// Validators of pages: axe-core and html-validate, for Node.
pub const VALIDATORS: Prerequisite = Prerequisite {
    tests: "axe and html-validate over every view",
    program: "axe-core and html-validate",
    cure: "npm install --prefix target/tools/page axe-core@4.14.1 html-validate@9.7.1",
    required_by: "SWITCHHOOK_BROWSER_REQUIRED",
    is_there: || axe().is_some() && html_validate().is_some(),
};

/// The runtime of `receiver.py`.
pub const PYTHON: Prerequisite = Prerequisite {
    tests: "the receiver example in Python",
    program: "python3",
    cure: "apt-get install python3",
    required_by: "SWITCHHOOK_RECEIVERS_REQUIRED",
    is_there: || on_path("python3").is_some(),
};

/// The runtime of `receiver.mjs`.
pub const NODE: Prerequisite = Prerequisite {
    tests: "the receiver example in Node",
    program: "node",
    cure: "apt-get install nodejs",
    required_by: "SWITCHHOOK_RECEIVERS_REQUIRED",
    is_there: || on_path("node").is_some(),
};

/// Prometheus' own test of alert rules.
pub const PROMTOOL: Prerequisite = Prerequisite {
    tests: "a story for each alert",
    program: "promtool",
    cure: "apt-get install prometheus",
    required_by: "SWITCHHOOK_PROMTOOL_REQUIRED",
    is_there: || promtool().is_some(),
};

/// Azure's own emulator of its storage.
pub const AZURITE: Prerequisite = Prerequisite {
    tests: "links to recordings on Azure",
    program: "azurite-blob",
    cure: "npm install --prefix target/tools/azurite azurite@3.37.0",
    required_by: "SWITCHHOOK_CLOUDS_REQUIRED",
    is_there: || azurite().is_some() && on_path("node").is_some(),
};

/// An emulator of S3, with the libraries that check the links to S3 and Google.
pub const MOTO: Prerequisite = Prerequisite {
    tests: "links to recordings on S3 and Google",
    program: "moto",
    cure: "python3 -m pip install --target target/tools/moto 'moto[s3,server]==5.2.5'",
    required_by: "SWITCHHOOK_CLOUDS_REQUIRED",
    is_there: || moto().is_some() && on_path("python3").is_some(),
};

/// The official parser of CloudEvents.
pub const CLOUDEVENTS: Prerequisite = Prerequisite {
    tests: "events as CloudEvents",
    program: "cloudevents",
    cure: "python3 -m pip install --target target/tools/cloudevents cloudevents==1.12.0",
    required_by: "SWITCHHOOK_CLOUDS_REQUIRED",
    is_there: || cloudevents().is_some() && on_path("python3").is_some(),
};

/// Every prerequisite.
pub const ALL: [&Prerequisite; 12] = [
    &POSTGRESQL,
    &PGBOUNCER,
    &BROWSER,
    &VALIDATORS,
    &NGINX,
    &CADDY,
    &PYTHON,
    &NODE,
    &PROMTOOL,
    &AZURITE,
    &MOTO,
    &CLOUDEVENTS,
];

impl Prerequisite {
    /// Returns whether the program is there, so that its tests run.
    pub fn is_there(&self) -> bool {
        (self.is_there)()
    }

    /// Reports skipped tests, once in a test program. Writes past the test harness, which hides a
    /// passing test's output.
    ///
    /// # Panics
    ///
    /// Panics if the test may not be skipped: `CI=true` or the `…_REQUIRED` variable is set.
    pub fn skip(&self) {
        let Self {
            tests,
            program,
            cure,
            required_by,
            ..
        } = self;
        assert!(
            !is_set("CI") && !is_set(required_by),
            "{tests}: {program} not found, and CI or {required_by} is set; {cure}"
        );
        static SAID: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
        if SAID.lock().unwrap().insert(tests) {
            let said = format!("\nSKIPPED: {tests}: {program} not found; {cure}\n");
            std::io::stderr().write_all(said.as_bytes()).unwrap();
        }
    }
}

/// Returns whether a variable is set to anything but an empty text, `0` or `false`.
fn is_set(variable: &str) -> bool {
    std::env::var(variable).is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

/// Returns the URL of the PostgreSQL server that `SWITCHHOOK_POSTGRES` names.
pub fn postgresql_url() -> Option<String> {
    let url = std::env::var("SWITCHHOOK_POSTGRES").ok()?;
    Some(url).filter(|url| !url.is_empty())
}

/// Returns the folder of PostgreSQL's programs, from the PATH or Debian's.
pub fn postgresql_folder() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let debian = debian.map(|version| version.unwrap().path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has_it =
        |folder: &PathBuf| folder.join("initdb").exists() && folder.join("pg_ctl").exists();
    std::env::split_paths(&path).chain(debian).find(has_it)
}

/// Returns the path of the program `pgbouncer`.
pub fn pgbouncer() -> Option<PathBuf> {
    on_path("pgbouncer").or_else(|| first(&["/usr/sbin/pgbouncer"]))
}

/// Returns the path of axe's script.
pub fn axe() -> Option<PathBuf> {
    node_module("axe-core/axe.min.js")
}

/// Returns the path of html-validate's script, if there is a Node to run it.
pub fn html_validate() -> Option<PathBuf> {
    on_path("node")?;
    node_module(".bin/html-validate")
}

fn node_module(path: &str) -> Option<PathBuf> {
    let modules = crate::root().join("target/tools/page/node_modules");
    Some(modules.join(path)).filter(|file| file.is_file())
}

/// Returns the path of the program `nginx`.
pub fn nginx() -> Option<PathBuf> {
    on_path("nginx").or_else(|| first(&["/usr/sbin/nginx"]))
}

/// Returns the path of the program `caddy`.
pub fn caddy() -> Option<PathBuf> {
    on_path("caddy")
}

/// Returns the path of the program `promtool`.
pub fn promtool() -> Option<PathBuf> {
    on_path("promtool")
}

/// Returns the path of the program `azurite-blob`.
pub fn azurite() -> Option<PathBuf> {
    let ours = crate::root().join("target/tools/azurite/node_modules/.bin/azurite-blob");
    on_path("azurite-blob").or_else(|| Some(ours).filter(|file| file.is_file()))
}

/// Returns the folder of the Python package `moto`.
pub fn moto() -> Option<PathBuf> {
    let ours = crate::root().join("target/tools/moto");
    Some(ours).filter(|folder| folder.join("moto").is_dir())
}

/// Returns the folder of the Python package `cloudevents`.
pub fn cloudevents() -> Option<PathBuf> {
    let ours = crate::root().join("target/tools/cloudevents");
    Some(ours).filter(|folder| folder.join("cloudevents").is_dir())
}

/// Returns the paths of a browser and its driver.
pub fn browser() -> Option<(PathBuf, PathBuf)> {
    let browser = first(&[
        "/usr/bin/chromium",
        "/usr/bin/chromium-browser",
        "/usr/bin/google-chrome",
    ])?;
    let driver = first(&["/usr/bin/chromedriver", "/usr/lib/chromium/chromedriver"])?;
    Some((browser, driver))
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut files = std::env::split_paths(&path).map(|folder| folder.join(program));
    files.find(|file| file.is_file())
}

fn first(paths: &[&str]) -> Option<PathBuf> {
    let mut paths = paths.iter().map(Path::new);
    paths.find(|path| path.exists()).map(Path::to_owned)
}
