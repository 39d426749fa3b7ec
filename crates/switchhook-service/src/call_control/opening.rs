//! The start of a call on a socket: reads the channel and renders the webhook's request.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use switchhook_core::zone::Zone;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::follow::CallClaim;
use crate::limits;
use eslclient::{self, Command, Connection, Incoming};
use switchhook_core::headers::Headers as _;
use switchhook_core::outcome::Failure;

use super::channel::{Channel, ConnectReply};
use super::confirm::Unconfirmed;
use super::decision::{self, Decision};
use super::{CallControl, TaskRequest, WebhookTask, WebhookTasks};

/// Why a connection did not become a call.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The peer broke the protocol, or sent nothing in time.
    #[error("{error}{cure}", error = .0, cure = limits::hint(.0))]
    Protocol(#[from] eslclient::Error),
    /// A reply to `connect` without a `Unique-ID`.
    #[error(
        "the peer's reply to `connect` names no channel; only FreeSWITCH's socket application should connect here"
    )]
    NoChannel,
    /// The switch did not answer the requests for channel variables.
    #[error("the switch did not send the channel's variables within {0:?}")]
    Timeout(Duration),
    /// The peer had not said which call it is for when another connection needed its place.
    #[error(
        "the peer did not say which call it is for, and its place was needed ([limits] connections)"
    )]
    Evicted,
    /// The connection ended while the channel was read.
    #[error("the connection ended before the call could be held")]
    Ended,
}

impl OpenError {
    /// Returns the setting of `[limits]` that ended the connection, if one did.
    pub(super) fn limit(&self) -> Option<&'static str> {
        match self {
            Self::Protocol(error) => limits::setting_for(error),
            Self::Timeout(_) => Some("connect_deadline"),
            Self::NoChannel | Self::Evicted | Self::Ended => None,
        }
    }
}

/// A connection whose channel was read.
pub(crate) struct Opening<S> {
    pub connection: Connection<S>,
    pub channel: Channel,
    reply: ConnectReply,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Opening<S> {
    /// Sends `connect` and reads the channel from the reply.
    ///
    /// # Errors
    /// The peer is not FreeSWITCH, sends nothing in time, or names no channel.
    pub(super) async fn connect(call_control: &CallControl, stream: S) -> Result<Self, OpenError> {
        let options = &call_control.options;
        let mut connection = Connection::new(stream, options.frames);
        connection.limit_memory(&options.frame_memory);
        let within = options.connect_deadline;
        let (connection, event) =
            eslclient::accept_outbound(connection, options.frames, within).await?;
        let reply = ConnectReply::new(event);
        let channel = Channel::read(&reply).ok_or(OpenError::NoChannel)?;
        Ok(Self {
            connection,
            channel,
            reply,
        })
    }

    /// Returns what the connection says about its call, if that has to be confirmed.
    pub(super) fn claim(
        &self,
        call_control: &CallControl,
        peer: Option<IpAddr>,
    ) -> Option<Unconfirmed> {
        let confirmer = call_control.confirmer.clone()?;
        let headers = self.reply.raw_headers();
        let text = |name| headers.get(name).map(Cow::into_owned).unwrap_or_default();
        let claim = CallClaim {
            uuid: self.channel.uuid.clone(),
            caller: text("Caller-Caller-ID-Number"),
            destination: text("Caller-Destination-Number"),
            context: text("Caller-Context"),
            peer,
        };
        Some(Unconfirmed { confirmer, claim })
    }

    /// Finds the webhook and renders its request. Without `room`, nothing is asked.
    ///
    /// # Errors
    /// The connection ended meanwhile.
    pub(super) async fn decide(
        &mut self,
        tasks: &WebhookTasks,
        room: bool,
    ) -> Result<Decision, OpenError> {
        let zone = self
            .channel
            .apply_tenant(&self.reply.raw_headers(), &tasks.tenants);
        let task = match decision::find_task(&self.channel, tasks, room) {
            Ok(task) => task,
            Err(refused) => return Ok(*refused),
        };
        let request = self.prepare(&task, zone).await?;
        Ok(Decision::for_request(task, request))
    }

    /// Renders the request. If it uses ambiguous values, reads those again and renders it anew.
    async fn prepare(
        &mut self,
        task: &WebhookTask,
        zone: Zone,
    ) -> Result<Result<TaskRequest, Failure>, OpenError> {
        let first = task.prepare(&self.channel.with_route_variables(&self.reply), zone);
        let ambiguous = self.reply.ambiguous();
        if ambiguous.is_empty() {
            return Ok(first);
        }
        self.read_again(ambiguous).await?;
        Ok(task.prepare(&self.channel.with_route_variables(&self.reply), zone))
    }

    /// Reads the exact text of `ambiguous` headers (header, variable), requested in one write.
    async fn read_again(&mut self, ambiguous: Vec<(String, String)>) -> Result<(), OpenError> {
        let mut waiting = Vec::with_capacity(ambiguous.len());
        for (header, variable) in ambiguous {
            // A variable whose name cannot be sent keeps its ambiguous text.
            if let Ok(command) = Command::get_variable(&self.channel.uuid, &variable) {
                waiting.push((self.connection.queue(&command), header));
            }
        }
        while !waiting.is_empty() {
            match self.connection.next().await? {
                Incoming::Reply(ticket, reply) => {
                    let Some(at) = waiting.iter().position(|(sent, _)| *sent == ticket) else {
                        continue;
                    };
                    let (_, header) = waiting.swap_remove(at);
                    if let Ok(Some(text)) = reply.variable() {
                        self.reply.set_exact(header, text);
                    }
                }
                Incoming::Notice(_) => return Err(OpenError::Ended),
                Incoming::Event(_)
                | Incoming::Rejection(_)
                | Incoming::AuthRequest
                | Incoming::Other(_)
                | _ => {}
            }
        }
        Ok(())
    }
}
