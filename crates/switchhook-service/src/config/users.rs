//! `[users.NAME]` and `[trusted_proxy]`: who may use the operator's page.

use toml_edit::Value;

use super::section::Section;
use super::sections::addresses;
use super::value::{Parsed, Problem, display, list, non_empty, one_line, one_of, optional, text};
use switchhook_admin::access::hashes::{self, TokenHash};
use switchhook_admin::access::{Role, TOKEN_USER, TrustedProxy, User};
use switchhook_core::secret::Secret;

/// Most characters of a user's name.
const NAME_LIMIT: usize = 64;
const ROLES: &[(&str, Role)] = &[("viewer", Role::Viewer), ("operator", Role::Operator)];
/// The usual header, in lower case.
const HEADER: &str = "x-forwarded-user";

pub(super) fn user(name: &str, mut section: Section<'_>) -> User {
    let fits = |c: char| c.is_ascii_graphic();
    if name.is_empty() || name.len() > NAME_LIMIT || !name.chars().all(fits) || name == TOKEN_USER {
        let help =
            format!("use at most {NAME_LIMIT} letters, digits and signs, and not {TOKEN_USER}");
        section.fault("", Problem::new("is not a name for a user", help));
    }
    let accounts: Vec<String> = section.get_or("accounts", Vec::new(), list(text));
    User {
        name: name.to_owned(),
        role: section.get_or("role", Role::Viewer, one_of(ROLES)),
        accounts: (!accounts.is_empty()).then_some(accounts),
        token: section.get("token_hash", token_hash),
        password: section.get("password_hash", password_hash),
    }
}

pub(super) fn trusted_proxy(mut section: Section<'_>) -> Option<TrustedProxy> {
    let help = "add from = [\"10.0.0.1\"], the address from which the proxy connects";
    section.is_present().then(|| TrustedProxy {
        header: section.get_or("header", HEADER.to_owned(), header),
        from: section.require("from", help, list(addresses)),
        others: section.get_or("others", None, optional(one_of(ROLES))),
    })
}

fn token_hash(value: &Value) -> Parsed<TokenHash> {
    let what = || format!("{} is not the hash of a token", display(value));
    let help = "run `switchhook token`, and write the line that it prints";
    TokenHash::parse(&non_empty(value)?).ok_or_else(|| Problem::new(what(), help))
}

/// The value is not shown: who has it can try passwords.
fn password_hash(value: &Value) -> Parsed<Secret> {
    let text = non_empty(value)?;
    let help = "run `switchhook password`, and write the line that it prints";
    hashes::check_password_hash(&text).map_err(|what| Problem::new(what, help))?;
    Ok(Secret::new(text))
}

/// Parses the name of a header, in lower case.
fn header(value: &Value) -> Parsed<String> {
    let name = one_line(value)?.to_ascii_lowercase();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.chars().all(fits) {
        return Ok(name);
    }
    let what = format!("{} is not the name of a header", display(value));
    Err(Problem::new(what, "write it as \"X-Forwarded-User\""))
}
