//! The switch's refusal of a command.

use std::borrow::Cow;
use std::fmt;

use crate::hangup_cause::HangupCause;

/// The switch refused a command: its text begins with `-ERR` or `-USAGE`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Refusal {
    text: String,
    command: Option<Cow<'static, str>>,
}

impl Refusal {
    pub(crate) fn new(text: String) -> Self {
        Self {
            text,
            command: None,
        }
    }

    /// Names the command that was refused.
    pub(crate) fn of(mut self, command: impl Into<Cow<'static, str>>) -> Self {
        self.command = Some(command.into());
        self
    }

    /// Returns the switch's text without its line end, such as `-ERR USER_BUSY`.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the switch's text without its line end.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    /// Returns what was refused, such as `api originate`; `None` for a bare [`Reply`](crate::Reply).
    #[must_use]
    pub fn command(&self) -> Option<&str> {
        self.command.as_deref()
    }

    /// Returns the text after `-ERR` or `-USAGE:`, such as `USER_BUSY`.
    #[must_use]
    pub fn reason(&self) -> &str {
        let reason = self.text.strip_prefix("-ERR");
        let reason = reason.or_else(|| self.text.strip_prefix("-USAGE:"));
        reason.unwrap_or(&self.text).trim()
    }

    /// Returns the hangup cause that the text names, as `originate` answers.
    ///
    /// ```no_run
    /// # async fn call(client: eslclient::Client) -> Result<(), eslclient::Error> {
    /// if let Err(error) = client.api("originate", "user/1000 &park").await {
    ///     let cause = error.refusal().and_then(|refusal| refusal.cause());
    ///     println!("nobody came: {cause:?}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn cause(&self) -> Option<HangupCause> {
        HangupCause::known(self.reason())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.command {
            Some(command) => write!(f, "the switch refused {command}: {}", self.text),
            None => write!(f, "the switch refused the command: {}", self.text),
        }
    }
}

impl std::error::Error for Refusal {}
