//! The start of a call on a socket: who is it, which webhook, what is to be sent.

use std::time::Duration;

use chrono_tz::Tz;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::limits;
use eslclient::{self, Command, Connection, Incoming};
use switchhook_core::outcome::Failure;

use super::channel::{Channel, ConnectReply};
use super::decision::{self, Decision};
use super::{Asked, CallControl, WebhookTask, WebhookTasks};

/// Why a connection did not become a call.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoCall {
    /// The peer broke the protocol, or said nothing in time.
    #[error("{error}{cure}", error = .0, cure = limits::hint(.0))]
    Protocol(#[from] eslclient::Error),
    /// A reply to `connect` without a `Unique-ID`.
    #[error(
        "the peer's reply to `connect` names no channel; only FreeSWITCH's socket application should connect here"
    )]
    NoChannel,
    /// The channel's values were asked for, and nothing came.
    #[error("the switch did not tell the channel's variables within {0:?}")]
    Silent(Duration),
    /// The connection ended while the channel was read.
    #[error("the connection ended before the call could be held")]
    Ended,
}

impl NoCall {
    /// The setting of `[limits]` that ended the connection, if one did.
    pub(super) fn limit(&self) -> Option<&'static str> {
        match self {
            Self::Protocol(error) => limits::setting_for(error),
            Self::Silent(_) => Some("connect_deadline"),
            Self::NoChannel | Self::Ended => None,
        }
    }
}

/// A call whose channel was read.
pub(crate) struct Opening<S> {
    pub connection: Connection<S>,
    pub channel: Channel,
    reply: ConnectReply,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Opening<S> {
    /// Sends `connect` and reads the channel.
    pub(super) async fn connect(call_control: &CallControl, stream: S) -> Result<Self, NoCall> {
        let options = &call_control.options;
        let (connection, event) =
            eslclient::open_outbound(stream, options.frames, options.connect_deadline).await?;
        let reply = ConnectReply::new(event);
        let channel = Channel::read(&reply).ok_or(NoCall::NoChannel)?;
        Ok(Self {
            connection,
            channel,
            reply,
        })
    }

    /// Finds the webhook and makes its request. With no `room`, nothing is asked.
    pub(super) async fn decide(
        &mut self,
        widgets: &WebhookTasks,
        room: bool,
    ) -> Result<Decision, NoCall> {
        let zone = self
            .channel
            .settle(&self.reply.as_it_came(), &widgets.tenants);
        let widget = match decision::find(&self.channel, widgets, room) {
            Ok(widget) => widget,
            Err(refused) => return Ok(*refused),
        };
        let request = self.prepare(&widget, zone).await?;
        Ok(Decision::with(widget, request))
    }

    /// Renders the request; once more when it rests on values that are in doubt.
    async fn prepare(
        &mut self,
        widget: &WebhookTask,
        zone: Tz,
    ) -> Result<Result<Asked, Failure>, NoCall> {
        let first = widget.prepare(&self.channel.with(&self.reply), zone);
        let doubtful = self.reply.doubtful();
        if doubtful.is_empty() {
            return Ok(first);
        }
        self.read_again(doubtful).await?;
        Ok(widget.prepare(&self.channel.with(&self.reply), zone))
    }

    /// Asks for the exact text of `doubtful` headers, all in one write.
    async fn read_again(&mut self, doubtful: Vec<(String, String)>) -> Result<(), NoCall> {
        let mut waiting = Vec::with_capacity(doubtful.len());
        for (header, variable) in doubtful {
            // A name that cannot be asked for keeps the text it came with.
            if let Ok(command) = Command::get_variable(&self.channel.uuid, &variable) {
                waiting.push((self.connection.queue(&command), header));
            }
        }
        while !waiting.is_empty() {
            match self.connection.next().await? {
                Incoming::Reply(ticket, reply) => {
                    let Some(at) = waiting.iter().position(|(asked, _)| *asked == ticket) else {
                        continue;
                    };
                    let (_, header) = waiting.swap_remove(at);
                    if let Ok(Some(text)) = reply.variable() {
                        self.reply.correct(header, text);
                    }
                }
                Incoming::Notice(_) => return Err(NoCall::Ended),
                Incoming::Event(_)
                | Incoming::Rejection(_)
                | Incoming::AuthRequest
                | Incoming::Other(_) => {}
            }
        }
        Ok(())
    }
}
