//! Whom `originate` calls.

use std::borrow::Cow;

use super::block::require;
use super::channel::{dialled, plain_word};
use super::error::CommandError;
use crate::hangup_cause::HangupCause;

/// Whom [`Originate`](super::Originate) calls.
///
/// Its parts are checked when the command is made: none can add a second endpoint, a variable or
/// an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    User(String),
    Gateway { name: String, number: String },
    Sofia { profile: String, uri: String },
    Loopback { extension: String, context: String },
    Error(HangupCause),
    Custom(String),
}

impl Endpoint {
    /// Calls a user of the directory: `1000`, or `1000@example.com`.
    #[must_use]
    pub fn user(user: &str) -> Self {
        Kind::User(user.to_owned()).into()
    }

    /// Calls a number over a gateway.
    #[must_use]
    pub fn gateway(name: &str, number: &str) -> Self {
        let (name, number) = (name.to_owned(), number.to_owned());
        Kind::Gateway { name, number }.into()
    }

    /// Calls a SIP address, such as `1000@192.0.2.1:5060`, from a profile such as `internal`.
    #[must_use]
    pub fn sofia(profile: &str, uri: &str) -> Self {
        let (profile, uri) = (profile.to_owned(), uri.to_owned());
        Kind::Sofia { profile, uri }.into()
    }

    /// Runs an extension of the dialplan as the called party.
    #[must_use]
    pub fn loopback(extension: &str, context: &str) -> Self {
        let (extension, context) = (extension.to_owned(), context.to_owned());
        Kind::Loopback { extension, context }.into()
    }

    /// Fails with this cause, for tests.
    #[must_use]
    pub fn error(cause: HangupCause) -> Self {
        Kind::Error(cause).into()
    }

    /// Calls an endpoint of any module, such as `verto.rtc/1000`. Variables in brackets are
    /// refused: [`Originate::variable`](super::Originate::variable) sets them.
    #[must_use]
    pub fn custom(endpoint: &str) -> Self {
        Kind::Custom(endpoint.to_owned()).into()
    }

    /// Writes the endpoint as `originate` reads it.
    pub(super) fn write(&self) -> Result<String, CommandError> {
        Ok(match &self.kind {
            Kind::User(user) => format!("user/{}", address("user", user)?),
            Kind::Gateway { name, number } => {
                let name = plain_word("gateway", name)?;
                format!("sofia/gateway/{name}/{}", dialled("number", number)?)
            }
            Kind::Sofia { profile, uri } => {
                let profile = plain_word("SIP profile", profile)?;
                format!("sofia/{profile}/{}", address("SIP address", uri)?)
            }
            Kind::Loopback { extension, context } => {
                let extension = dialled("extension", extension)?;
                format!("loopback/{extension}/{}", plain_word("context", context)?)
            }
            Kind::Error(cause) => {
                let known = HangupCause::known(cause.as_str());
                let known = known
                    .ok_or_else(|| CommandError::unknown("hangup cause", cause.as_str(), None))?;
                format!("error/{known}")
            }
            Kind::Custom(endpoint) => custom(endpoint)?.to_owned(),
        })
    }
}

impl From<Kind> for Endpoint {
    fn from(kind: Kind) -> Self {
        Self { kind }
    }
}

/// Checks a user, or a SIP address, with an optional host and port.
fn address<'a>(what: &'static str, text: &'a str) -> Result<Cow<'a, str>, CommandError> {
    let text = text.strip_prefix("sip:").unwrap_or(text);
    require(text, what, 256, |byte| {
        byte.is_ascii_alphanumeric() || b"_.-+*#@:".contains(&byte)
    })?;
    separates(what, text)?;
    Ok(Cow::Borrowed(text))
}

fn custom(text: &str) -> Result<&str, CommandError> {
    let what = "endpoint";
    require(text, what, 512, |byte| {
        byte.is_ascii_alphanumeric() || b"_.-+*#@:/;=~!?%".contains(&byte)
    })?;
    separates(what, text)?;
    // The module of the endpoint comes first.
    match text.split_once('/') {
        Some((module, rest)) if !module.is_empty() && !rest.is_empty() => Ok(text),
        Some(_) | None => Err(CommandError::Unusable {
            what,
            problem: "names no module: write it as MODULE/ADDRESS",
        }),
    }
}

/// Rejects the mark between the dial strings of an enterprise originate.
pub(super) fn separates(what: &'static str, text: &str) -> Result<(), CommandError> {
    if text.contains(":_:") {
        return Err(CommandError::Unusable {
            what,
            problem: "holds `:_:`, which parts the dial strings of an originate: remove it",
        });
    }
    Ok(())
}
