//! What the switch says.

use std::borrow::Cow;

use crate::codec::{ContentType, DecodeError, Event, Frame, Limits};

/// Stands for a command that was queued; its reply carries the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(super) u64);

/// One thing that the switch said.
#[derive(Debug)]
pub enum Incoming {
    /// The reply to the command of this ticket. They come in the order of queueing.
    Reply(Ticket, Reply),
    /// An event.
    Event(Event),
    /// The call is over, or the connection is about to be.
    Notice(Notice),
    /// The switch's ACL does not let us in; it closes the connection next.
    Rejection(String),
    /// Port 8021 wants the password.
    AuthRequest,
    /// Anything else: log lines, XML events, what a later version adds.
    Other(Frame),
}

/// `text/disconnect-notice`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The call was hung up; the socket stays open for the last events.
    Linger {
        /// The channel.
        session: Option<String>,
        /// For how long, in seconds; `None` until we close it.
        seconds: Option<u64>,
    },
    /// The switch closes the connection next.
    Disconnected {
        /// The channel, on an outbound socket.
        session: Option<String>,
    },
}

impl Notice {
    pub(super) fn of(frame: &Frame) -> Self {
        let session = frame.header("Controlled-Session-UUID").map(Cow::into_owned);
        match frame.header("Content-Disposition").as_deref() {
            Some("linger") => Self::Linger {
                session,
                seconds: frame
                    .header("Linger-Time")
                    .and_then(|seconds| seconds.parse().ok()),
            },
            Some(_) | None => Self::Disconnected { session },
        }
    }
}

/// The reply to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    frame: Frame,
}

impl Reply {
    pub(super) fn new(frame: Frame) -> Self {
        Self { frame }
    }

    /// What the switch answered: `Reply-Text`, or the output of `api`.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        if self.frame.content_type() == ContentType::ApiResponse {
            self.frame.body_text()
        } else {
            self.frame.reply_text().unwrap_or_default()
        }
    }

    /// Whether the switch did not refuse. The output of an `api` command may be
    /// anything; what begins with `-ERR` or `-USAGE` is a refusal.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        !refuses(&self.text())
    }

    /// What the switch said when it refused, without the line's end.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        let text = self.text();
        refuses(&text).then(|| text.trim_end().to_owned())
    }

    /// The answer, or what the switch said when it refused, both without the line's end.
    ///
    /// # Errors
    /// The text of the refusal.
    pub fn result(&self) -> Result<String, String> {
        let text = self.text();
        let told = text.trim_end().to_owned();
        if refuses(&text) { Err(told) } else { Ok(told) }
    }

    /// The value that `get_variable` asked for; `None` when the variable is unset.
    ///
    /// The switch writes an unset one as `_undef_`, so a variable that holds
    /// this very word reads as unset; one whose value begins like a refusal and
    /// ends with a line end reads as one.
    ///
    /// # Errors
    /// The text of the refusal: there is no such channel any more.
    pub fn variable(&self) -> Result<Option<String>, String> {
        let text = self.text();
        if refuses(&text) && text.ends_with('\n') {
            return Err(text.trim_end().to_owned());
        }
        Ok((text != "_undef_").then(|| text.into_owned()))
    }

    /// A header of the reply, `Job-UUID` for instance.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.frame.header(name)
    }

    /// The frame itself.
    #[must_use]
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// The channel's data, of the reply to `connect`.
    ///
    /// # Errors
    /// [`DecodeError::NotAnEvent`] for any other reply.
    pub fn into_channel_data(self, limits: &Limits) -> Result<Event, DecodeError> {
        self.frame.into_event(limits)
    }
}

fn refuses(text: &str) -> bool {
    text.starts_with("-ERR") || text.starts_with("-USAGE")
}
