//! `switchhook completions` and `switchhook man`, generated from the command line's definition.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use crate::cli::{CommandLine, Completions};

/// What is around the program, as the package installs it.
const SURROUNDINGS: &str = r#".SH FILES
.TP
\fI/etc/switchhook/switchhook.toml\fR
The configuration of the packaged service. Without \fB\-\-config\fR, the commands read
\fIswitchhook.toml\fR in the current folder.
.TP
\fI/etc/switchhook/environment\fR
Secrets of the packaged service, a NAME=VALUE a line; mode 0600.
.TP
\fI/var/lib/switchhook/switchhook.db\fR
The store: calls, documents, deliveries. Beside it are \fI\-wal\fR, \fI\-shm\fR and a lock.
.TP
\fI/usr/share/switchhook/\fR
The dialplan for FreeSWITCH, a configuration with every setting, and its JSON Schema.
.TP
\fI/usr/share/doc/switchhook/\fR
The manual, and examples of receivers, proxies and deployments.
.SH ENVIRONMENT
.TP
\fBRUST_LOG\fR
The level of the log, \fBinfo\fR by default: \fBdebug\fR, or a level for a module,
\fBinfo,switchhook_webhook=debug\fR.
.TP
\fBTZDIR\fR
The folder of the system's time zone database.
.TP
\fBSWITCHHOOK_HTTP_TOKEN\fR and others
Secrets, under the names that the configuration gives them (\fBhttp_token_env\fR,
\fBpassword_env\fR).
.SH SEE ALSO
.BR freeswitch (1),
.BR fs_cli (1),
.BR systemctl (1),
.BR journalctl (1),
.BR promtool (1)
"#;

/// Prints the completions of a shell.
#[must_use]
pub fn completions(args: &Completions) -> ExitCode {
    let mut text = Vec::new();
    let mut line = CommandLine::command();
    clap_complete::generate(args.shell, &mut line, "switchhook", &mut text);
    super::exit(print(&text))
}

/// Prints the manual page: the program, then each command with its options and examples.
#[must_use]
pub fn man() -> ExitCode {
    super::exit(page().and_then(|text| print(&text)))
}

fn page() -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let mut line = CommandLine::command();
    line.build();
    program(&Man::new(line.clone()), &mut text)
        .and_then(|()| commands(&line, &mut text))
        .and_then(|()| text.write_all(SURROUNDINGS.as_bytes()))
        .map_err(|error| format!("cannot write the manual page: {error}"))?;
    Ok(text)
}

fn program(man: &Man, text: &mut Vec<u8>) -> io::Result<()> {
    man.render_title(text)?;
    man.render_name_section(text)?;
    man.render_synopsis_section(text)?;
    man.render_description_section(text)?;
    man.render_options_section(text)
}

/// Writes a section for each command without subcommands, `outbox list` among them.
fn commands(line: &Command, text: &mut Vec<u8>) -> io::Result<()> {
    let parts = line
        .get_subcommands()
        .filter(|part| part.get_name() != "help");
    for part in parts {
        if part.has_subcommands() {
            commands(part, text)?;
        } else {
            command(part, text)?;
        }
    }
    Ok(())
}

fn command(line: &Command, text: &mut Vec<u8>) -> io::Result<()> {
    let man = Man::new(line.clone());
    let mut sections = Vec::new();
    man.render_synopsis_section(&mut sections)?;
    man.render_description_section(&mut sections)?;
    man.render_options_section(&mut sections)?;
    man.render_extra_section(&mut sections)?;
    let name = line.get_bin_name().unwrap_or_else(|| line.get_name());
    writeln!(text, ".SH \"{}\"", name.to_uppercase())?;
    // The sections of a command become subsections.
    let sections = String::from_utf8_lossy(&sections).replace(".SH EXTRA", ".SH NOTES");
    text.extend(sections.replace(".SH ", ".SS ").into_bytes());
    Ok(())
}

fn print(text: &[u8]) -> Result<bool, String> {
    super::write_stdout(&String::from_utf8_lossy(text)).map(|()| true)
}
