//! `switchhook init`: writes a first configuration, checks it, and says what the dialplan needs.

mod questions;
mod template;

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use crate::cli::init::Init;
use crate::cli::{Check, Doctor};
use questions::Answers;

/// The name of the webhook in the file.
const WEBHOOK: &str = "lookup";

/// Writes the configuration at `path`, and checks it and what it names.
///
/// Exits with 1 if no file is written, or if it has an error.
#[must_use]
pub fn init(path: &Path, args: &Init) -> ExitCode {
    let written = written(path, args);
    let answers = match written {
        Ok(answers) => answers,
        Err(message) => return super::exit(Err(message)),
    };
    let checked = super::check(path, &check());
    // What doctor finds is for later: the file is there.
    let _ = super::doctor(path, &doctor());
    match super::write_stdout(&next_steps(path, &answers)) {
        Ok(()) => checked,
        Err(message) => super::exit(Err(message)),
    }
}

/// Writes the file; nothing is written before all answers are there.
fn written(path: &Path, args: &Init) -> Result<Answers, String> {
    if path.exists() {
        return Err(taken(path));
    }
    let answers = questions::ask(args)?;
    let token = uuid::Uuid::new_v4().simple().to_string();
    let text = template::configuration(&answers, &token);
    // It holds the switch's password and the page's token.
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let mut file = file.map_err(|error| {
        if error.kind() == ErrorKind::AlreadyExists {
            taken(path)
        } else {
            format!("cannot write {}: {error}", path.display())
        }
    })?;
    let done = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    done.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    super::write_stdout(&format!("{}: written\n", path.display()))?;
    Ok(answers)
}

fn taken(path: &Path) -> String {
    format!(
        "{} is there already and is not replaced; name another file with --config",
        path.display()
    )
}

fn check() -> Check {
    Check {
        files: Vec::new(),
        strict: false,
        print_reference: false,
        print_schema: false,
        print_names: false,
    }
}

fn doctor() -> Doctor {
    Doctor {
        ask: false,
        json: false,
        quiet: false,
        timeout: Duration::from_secs(5).into(),
    }
}

fn next_steps(path: &Path, answers: &Answers) -> String {
    let (listen, page, path) = (answers.listen, answers.page(), path.display());
    format!(
        "\nNext:\n\
         1. Copy freeswitch-conf/dialplan/switchhook.xml into FreeSWITCH's folder dialplan, add this\n   \
         line to vars.xml, and run fs_cli -x reloadxml\n\n     \
         <X-PRE-PROCESS cmd=\"set\" data=\"switchhook={listen}\"/>\n\n\
         2. Add this action to the extension where the caller should wait. The call goes on at\n   \
         {WEBHOOK}-line-0 or {WEBHOOK}-line-1 in the context flows\n\n     \
         <action application=\"execute_extension\" data=\"ask-{WEBHOOK} XML switchhook\"/>\n\n\
         3. Start the service. Its page is http://{page}/\n\n     \
         switchhook serve --config {path}\n"
    )
}
