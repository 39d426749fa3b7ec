//! The question of an IVR.

use std::time::Duration;

use super::block::require;
use super::error::CommandError;

/// A prompt and the digits that answer it, for [`Channel::ask`](crate::Channel::ask).
///
/// ```
/// use std::time::Duration;
///
/// use eslclient::Digits;
///
/// // One digit from 1 to 3, up to three tries of five seconds each.
/// let menu = Digits::new("ivr/ivr-welcome.wav", 1, 1)
///     .accept("[1-3]")
///     .tries(3)
///     .timeout(Duration::from_secs(5));
/// # let _ = menu;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Digits {
    prompt: String,
    invalid: String,
    least: u8,
    most: u8,
    tries: u8,
    timeout: Duration,
    between: Option<Duration>,
    terminators: String,
    accept: String,
}

impl Digits {
    /// Asks with this file or stream for at least `least` and at most `most` digits.
    pub fn new(prompt: &str, least: u8, most: u8) -> Self {
        Self {
            prompt: prompt.to_owned(),
            invalid: "silence_stream://50".to_owned(),
            least,
            most,
            tries: 1,
            timeout: Duration::from_secs(5),
            between: None,
            terminators: "#".to_owned(),
            accept: "\\d+".to_owned(),
        }
    }

    /// Asks without a prompt, for digits that the caller is pressing or was asked for before.
    pub fn silent(least: u8, most: u8) -> Self {
        // `play_and_get_digits` plays something before it waits.
        Self::new("silence_stream://20", least, most)
    }

    /// Sets how often the prompt is played; once by default.
    pub fn tries(mut self, tries: u8) -> Self {
        self.tries = tries;
        self
    }

    /// Sets the wait for the first digit after the prompt; 5 s by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the wait between two digits; that of [`Digits::timeout`] by default.
    pub fn between(mut self, between: Duration) -> Self {
        self.between = Some(between);
        self
    }

    /// Sets the digits that end the input, such as `#`; `none` for none.
    pub fn terminators(mut self, terminators: &str) -> Self {
        terminators.clone_into(&mut self.terminators);
        self
    }

    /// Sets the regular expression that the digits must match, of digits, `*`, `#` and
    /// `[ ] ( ) | + ? - ^ . { } , \d`.
    pub fn accept(mut self, regex: &str) -> Self {
        regex.clone_into(&mut self.accept);
        self
    }

    /// Sets what the caller hears after digits that do not match.
    pub fn invalid(mut self, file: &str) -> Self {
        file.clone_into(&mut self.invalid);
        self
    }

    /// Writes the arguments of `play_and_get_digits`, which puts the digits into `variable`.
    pub(crate) fn arguments(&self, variable: &str) -> Result<String, CommandError> {
        let prompt = file("prompt", &self.prompt)?;
        let invalid = file("file for a wrong answer", &self.invalid)?;
        let terminators = require(&self.terminators, "terminators", 16, |byte| {
            byte.is_ascii_digit() || b"*#none".contains(&byte)
        })?;
        let accept = require(&self.accept, "pattern of digits", 128, |byte| {
            byte.is_ascii_digit() || b"*#[]()|+?-^.{},\\d".contains(&byte)
        })?;
        if self.least == 0 || self.least > self.most || self.tries == 0 {
            return Err(CommandError::Unusable {
                what: "the number of digits or tries",
                problem: "is 0, or the least is above the most: ask for at least one digit, once",
            });
        }
        let (least, most, tries) = (self.least, self.most, self.tries);
        let wait = self.timeout.as_millis();
        let between = self.between.unwrap_or(self.timeout).as_millis();
        Ok(format!(
            "{least} {most} {tries} {wait} {terminators} {prompt} {invalid} {variable} {accept} {between}"
        ))
    }
}

/// Checks the name of a file or stream that is one argument among others.
fn file<'a>(what: &'static str, name: &'a str) -> Result<&'a str, CommandError> {
    require(name, what, 1024, |byte| {
        byte.is_ascii_alphanumeric() || b"_./:-+%(),;=@~!".contains(&byte) || byte >= 0x80
    })
}
