//! The reply to a command.

use std::borrow::Cow;
use std::fmt;

use crate::codec::{ContentType, DecodeError, Event, Frame, Limits};
use crate::error::Error;
use crate::refusal::Refusal;
use crate::shortened::Shortened;

/// The reply to a command, which may be a refusal: [`Reply::result`] makes that an error.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "the switch may have refused the command"]
pub struct Reply {
    frame: Frame,
}

impl Reply {
    pub(crate) fn new(frame: Frame) -> Self {
        Self { frame }
    }

    /// Returns the header `Reply-Text`, or the output of an `api` command.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        if self.frame.content_type() == ContentType::ApiResponse {
            self.frame.body_text()
        } else {
            self.frame.reply_text().unwrap_or_default()
        }
    }

    /// Returns whether the switch accepted the command.
    ///
    /// A text that begins with `-ERR` or `-USAGE` is a refusal, also in the output of `api`.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        !refuses(&self.text())
    }

    /// Returns the refusal; `None` if the switch accepted.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        let text = self.text();
        refuses(&text).then(|| Refusal::new(text.trim_end().to_owned()))
    }

    /// Returns the text without its line end.
    ///
    /// # Errors
    /// Returns the refusal as the error.
    pub fn result(&self) -> Result<String, Refusal> {
        let text = self.text();
        let trimmed = text.trim_end().to_owned();
        if refuses(&text) {
            Err(Refusal::new(trimmed))
        } else {
            Ok(trimmed)
        }
    }

    /// Returns the value that [`Command::get_variable`](crate::Command::get_variable)
    /// requested; `None` if the variable is unset.
    ///
    /// The switch writes `_undef_` for an unset variable, so a variable with that value reads
    /// as unset. A value that begins like a refusal and ends with a line end reads as one.
    ///
    /// # Errors
    /// Returns the refusal as the error: the channel has ended.
    pub fn variable(&self) -> Result<Option<String>, Refusal> {
        let text = self.text();
        if refuses(&text) && text.ends_with('\n') {
            return Err(Refusal::new(text.trim_end().to_owned()));
        }
        Ok((text != "_undef_").then(|| text.into_owned()))
    }

    /// Returns a header of the reply, such as `Job-UUID`.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.frame.header(name)
    }

    /// Returns the frame.
    #[must_use]
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// Decodes the channel's data in the reply to `connect`.
    ///
    /// # Errors
    /// Returns [`DecodeError::NotAnEvent`] for any other reply.
    pub fn into_channel_data(self, limits: &Limits) -> Result<Event, DecodeError> {
        self.frame.into_event(limits)
    }
}

/// Shows the text of the reply, of which an `api` command may return megabytes, up to a limit.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reply")
            .field(&Shortened(&self.text()))
            .finish()
    }
}

/// Returns the first refusal among the replies to these commands as an error.
pub(crate) fn first_refusal(names: Vec<&'static str>, replies: Vec<Reply>) -> Result<(), Error> {
    for (name, reply) in names.into_iter().zip(replies) {
        reply.result().map_err(|refusal| refusal.of(name))?;
    }
    Ok(())
}

fn refuses(text: &str) -> bool {
    text.starts_with("-ERR") || text.starts_with("-USAGE")
}
