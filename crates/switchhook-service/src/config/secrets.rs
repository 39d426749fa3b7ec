//! Passwords, tokens and signing keys: in place, from the environment, or from a file.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use toml_edit::Value;
use zeroize::Zeroizing;

use super::environment::Environment;
use super::section::Section;
use super::value::{Read, Wrong, filled, list};
use switchhook_core::secret::Secret;

/// Bytes of a Standard Webhooks key.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The keys of a password.
pub(super) const PASSWORD: [&str; 3] = ["password", "password_env", "password_file"];

/// The secret that one of three keys gives: in place, the name of an
/// environment variable, or the path of a file. It must be there.
pub(super) fn secret(section: &mut Section<'_>, keys: &[&'static str; 3], help: &str) -> Secret {
    section.need_one(keys, help);
    given(section, keys).unwrap_or_else(|| Secret::new(""))
}

/// The same where there need not be one.
pub(super) fn optional_secret(
    section: &mut Section<'_>,
    keys: &[&'static str; 3],
) -> Option<Secret> {
    section.only_one(keys);
    given(section, keys)
}

/// One that a command needs which has no other: from `of` of the surroundings, where they have
/// that ([`Environment::of_the_store`], [`Environment::of_the_target`]).
pub(super) fn apart(
    section: &mut Section<'_>,
    keys: &[&'static str; 3],
    of: fn(&dyn Environment) -> Option<&'static dyn Environment>,
) -> Option<Secret> {
    section.only_one(keys);
    let around = section.reader.surroundings;
    given_in(section, keys, of(around).unwrap_or(around))
}

fn given(section: &mut Section<'_>, keys: &[&'static str; 3]) -> Option<Secret> {
    let around = section.reader.surroundings;
    given_in(section, keys, around)
}

fn given_in(
    section: &mut Section<'_>,
    keys: &[&'static str; 3],
    around: &dyn Environment,
) -> Option<Secret> {
    let [in_place, env, file] = *keys;
    let in_place = section.get(in_place, |value| filled(value).map(Zeroizing::new));
    let env = section.get(env, |value| from_env(value, around));
    let file = section.get(file, |value| from_file(value, around));
    let secret = in_place.or(env).or(file)?;
    Some(Secret::new(&**secret))
}

/// `signing`: Standard Webhooks keys, those in place first, then those of the
/// environment, then those of files. The first one signs first.
pub(super) fn signing(mut section: Section<'_>) -> Vec<Secret> {
    let around = section.reader.surroundings;
    let in_place = section.get_or(
        "secrets",
        Vec::new(),
        list(|value| key(Zeroizing::new(filled(value)?))),
    );
    let env = |value: &Value| key(from_env(value, around)?);
    let env = section.get_or("secrets_env", Vec::new(), list(env));
    let file = |value: &Value| key(from_file(value, around)?);
    let file = section.get_or("secrets_file", Vec::new(), list(file));
    in_place.into_iter().chain(env).chain(file).collect()
}

/// The text of a file of certificates or of a key; `None` where no secret is to be had, for
/// no other text would do in its place.
pub(super) fn pem(value: &Value, around: &dyn Environment) -> Read<Option<Zeroizing<String>>> {
    match around.has_secrets() {
        true => from_file(value, around).map(Some),
        false => filled(value).map(|_| None),
    }
}

fn from_env(value: &Value, around: &dyn Environment) -> Read<Zeroizing<String>> {
    let name = filled(value)?;
    let secret = around.variable(&name).map(Zeroizing::new);
    let secret = secret.filter(|secret| !secret.is_empty());
    let wrong = || {
        let what = format!("the environment variable {name} is not set");
        Wrong::new(what, format!("set {name} where switchhook is started"))
    };
    secret.ok_or_else(wrong)
}

fn from_file(value: &Value, around: &dyn Environment) -> Read<Zeroizing<String>> {
    let path = filled(value)?;
    let wrong = |why: String| {
        let what = format!("the secret's file {path} cannot be used: {why}");
        Wrong::new(what, "write the secret into it, readable for switchhook")
    };
    let text = around
        .file(Path::new(&path))
        .map(Zeroizing::new)
        .map_err(|error| wrong(error.to_string()))?;
    // An editor ends a file with a line break; it is no part of the secret.
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(wrong("it is empty".into()));
    }
    Ok(Zeroizing::new(secret.to_owned()))
}

fn key(text: Zeroizing<String>) -> Read<Secret> {
    let key = text.strip_prefix("whsec_");
    let decoded = key.map(|key| STANDARD.decode(key).map(Zeroizing::new));
    match decoded {
        Some(Ok(key)) if KEY_BYTES.contains(&key.len()) => Ok(Secret::new(&**text)),
        Some(_) | None => Err(Wrong::new(
            "is not a Standard Webhooks secret",
            "write whsec_ and 24 to 64 random bytes as base64: \
             echo whsec_$(openssl rand -base64 32)",
        )),
    }
}
