//! `switchhook password` and `switchhook token`: hashes for the users of the page.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::process::ExitCode;

use crate::cli::credentials::{Password, Token};
use switchhook_admin::access::hashes::{self, LEAST, TokenHash};
use switchhook_core::secret::Secret;

/// The fewest characters of a password.
const LEAST_OF_PASSWORD: usize = 12;
/// The most bytes of a password or token.
const MOST: u64 = 1024;

/// Asks for a password and prints its hash.
#[must_use]
pub fn password(_: &Password) -> ExitCode {
    super::exit(print_password().map(|()| true))
}

/// Makes a token, or reads one, and prints its hash.
#[must_use]
pub fn token(args: &Token) -> ExitCode {
    super::exit(print_token(args.stdin).map(|()| true))
}

fn print_password() -> Result<(), String> {
    let password = read("Password: ")?;
    check(&password, "password", LEAST_OF_PASSWORD)?;
    if io::stdin().is_terminal() && read("The same again: ")? != password {
        return Err("the two passwords differ; nothing was made".into());
    }
    let hash = hashes::hash_password(password.reveal())?;
    super::write_stdout(&format!("password_hash = \"{hash}\"\n"))
}

fn print_token(given: bool) -> Result<(), String> {
    if given {
        let token = read("Token: ")?;
        check(&token, "token", LEAST)?;
        let hash = TokenHash::of(token.reveal());
        return super::write_stdout(&format!("token_hash = \"{hash}\"\n"));
    }
    let token = hashes::random_text()?;
    let hash = TokenHash::of(&token);
    super::write_stdout(&format!(
        "# The token. It is shown once: nothing keeps it.\n# {token}\ntoken_hash = \"{hash}\"\n"
    ))
}

fn check(secret: &Secret, what: &str, least: usize) -> Result<(), String> {
    let length = secret.reveal().chars().count();
    if length < least {
        return Err(format!(
            "the {what} has {length} characters; use at least {least}"
        ));
    }
    Ok(())
}

/// Reads a secret: on a terminal without showing it, otherwise the first line of standard input.
fn read(question: &str) -> Result<Secret, String> {
    let failed = |error: io::Error| format!("cannot read standard input: {error}");
    if io::stdin().is_terminal() {
        return rpassword::prompt_password(question)
            .map(Secret::new)
            .map_err(failed);
    }
    let mut line = String::new();
    io::stdin()
        .lock()
        .take(MOST)
        .read_line(&mut line)
        .map_err(failed)?;
    let text = line.trim_end_matches(['\r', '\n']).to_owned();
    Ok(Secret::new(text))
}
