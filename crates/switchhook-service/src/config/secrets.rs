//! Passwords, tokens and signing keys: in the file, from the environment, or from a file of their
//! own.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use toml_edit::Value;
use zeroize::Zeroizing;

use super::environment::Environment;
use super::file_fault;
use super::section::Section;
use super::value::{Parsed, Problem, list, non_empty};
use switchhook_core::secret::Secret;

/// Allowed length of a Standard Webhooks key, in bytes.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The three keys of a password.
pub(super) const PASSWORD: [&str; 3] = ["password", "password_env", "password_file"];

/// Reads a required secret from one of three keys: the secret itself, the name of an environment
/// variable, or the path of a file.
pub(super) fn secret(section: &mut Section<'_>, keys: &[&'static str; 3], help: &str) -> Secret {
    section.require_one_of(keys, help);
    read_secret(section, keys).unwrap_or_else(|| Secret::new(""))
}

/// Reads a secret as [`secret`] does, where it may be absent.
pub(super) fn optional_secret(
    section: &mut Section<'_>,
    keys: &[&'static str; 3],
) -> Option<Secret> {
    section.at_most_one(keys);
    read_secret(section, keys)
}

/// Shortest secret that opens something over HTTP: a shorter one can be guessed.
const LEAST: usize = 16;

/// Reports a secret, read from one of these keys, that is short enough to be guessed.
pub(super) fn refuse_short(section: &mut Section<'_>, keys: &[&'static str; 3], secret: &Secret) {
    let length = secret.reveal().len();
    if (1..LEAST).contains(&length) {
        let what = format!("has {length} characters, fewer than the minimum of {LEAST}");
        let given = keys.iter().find(|key| section.has(key)).unwrap_or(&keys[0]);
        section.fault(
            given,
            Problem::new(what, "make one with `openssl rand -base64 32`"),
        );
    }
}

/// Reads a secret that a command may need when it needs no other. It comes from the environment
/// that `of` returns ([`Environment::for_store`], [`Environment::for_upload_target`]), or else from
/// the usual one.
pub(super) fn secret_from(
    section: &mut Section<'_>,
    keys: &[&'static str; 3],
    of: fn(&dyn Environment) -> Option<&'static dyn Environment>,
) -> Option<Secret> {
    section.at_most_one(keys);
    let environment = section.context.environment;
    read_secret_in(section, keys, of(environment).unwrap_or(environment))
}

fn read_secret(section: &mut Section<'_>, keys: &[&'static str; 3]) -> Option<Secret> {
    let environment = section.context.environment;
    read_secret_in(section, keys, environment)
}

fn read_secret_in(
    section: &mut Section<'_>,
    keys: &[&'static str; 3],
    environment: &dyn Environment,
) -> Option<Secret> {
    let [in_place, env, file] = *keys;
    let in_place = section.get(in_place, |value| non_empty(value).map(Zeroizing::new));
    let env = section.get(env, |value| from_env(value, environment));
    let file = section.get(file, |value| from_file(value, environment));
    let secret = in_place.or(env).or(file)?;
    Some(Secret::new(&**secret))
}

/// Reads `signing`: Standard Webhooks keys from the file, then from the environment, then from
/// files. The first key signs first.
pub(super) fn signing_keys(mut section: Section<'_>) -> Vec<Secret> {
    let environment = section.context.environment;
    let in_place = section.get_or(
        "secrets",
        Vec::new(),
        list(|value| signing_key(Zeroizing::new(non_empty(value)?))),
    );
    let env = |value: &Value| signing_key(from_env(value, environment)?);
    let env = section.get_or("secrets_env", Vec::new(), list(env));
    let file = |value: &Value| signing_key(from_file(value, environment)?);
    let file = section.get_or("secrets_file", Vec::new(), list(file));
    in_place.into_iter().chain(env).chain(file).collect()
}

/// Reads a PEM file of certificates or of a key. Returns `None` where secrets are placeholders,
/// because a placeholder is no PEM.
pub(super) fn pem(
    value: &Value,
    environment: &dyn Environment,
) -> Parsed<Option<Zeroizing<String>>> {
    if environment.has_real_secrets() {
        let help = "correct the path, or write the certificates or the key into it as PEM";
        read_file(value, environment, ("file", help)).map(Some)
    } else {
        non_empty(value).map(|_| None)
    }
}

fn from_env(value: &Value, environment: &dyn Environment) -> Parsed<Zeroizing<String>> {
    let name = non_empty(value)?;
    let secret = environment.variable(&name).map(Zeroizing::new);
    let secret = secret.filter(|secret| !secret.is_empty());
    let problem = || {
        let what = format!("the environment variable {name} is not set");
        Problem::new(what, format!("set {name} where switchhook is started"))
    };
    secret.ok_or_else(problem)
}

fn from_file(value: &Value, environment: &dyn Environment) -> Parsed<Zeroizing<String>> {
    let help = "write the secret into it, readable by switchhook";
    read_file(value, environment, ("secret's file", help))
}

/// Reads a file; `words` are what it is, and what is to be done if the cause has no cure of its own.
fn read_file(
    value: &Value,
    environment: &dyn Environment,
    words: (&str, &str),
) -> Parsed<Zeroizing<String>> {
    let (kind, help) = words;
    let path = non_empty(value)?;
    let fault = |(why, cure): (String, Option<&str>)| {
        let what = format!("the {kind} {path} cannot be used: {why}");
        Problem::new(what, cure.unwrap_or(help))
    };
    let text = environment
        .file(Path::new(&path))
        .map(Zeroizing::new)
        .map_err(|error| fault(file_fault::cause(Path::new(&path), &error)))?;
    // Editors end a file with a line break; it is not part of the secret.
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(fault(("it is empty".into(), None)));
    }
    Ok(Zeroizing::new(secret.to_owned()))
}

fn signing_key(text: Zeroizing<String>) -> Parsed<Secret> {
    let key = text.strip_prefix("whsec_");
    let decoded = key.map(|key| STANDARD.decode(key).map(Zeroizing::new));
    match decoded {
        Some(Ok(key)) if KEY_BYTES.contains(&key.len()) => Ok(Secret::new(&**text)),
        Some(_) | None => Err(Problem::new(
            "is not a Standard Webhooks secret",
            "write whsec_ and 24 to 64 random bytes as base64: \
             echo whsec_$(openssl rand -base64 32)",
        )),
    }
}
