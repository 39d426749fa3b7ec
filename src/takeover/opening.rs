//! The start of a call: who is it, which webhook, what is to be sent.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::call::details;
use crate::call::outcome::{Failure, Reason};
use crate::call::session::Task;
use crate::eslclient::{self, Command, Connection, Incoming};
use crate::webhook::{self, Prepared};

use super::channel::{Channel, ConnectReply};
use super::{Takeover, Widget, Widgets};

/// Why a connection did not become a call.
#[derive(Debug, thiserror::Error)]
pub enum NoCall {
    /// The peer broke the protocol, or said nothing in time.
    #[error(transparent)]
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

/// A call whose channel was read.
pub struct Opening {
    pub connection: Connection<TcpStream>,
    pub channel: Channel,
    reply: ConnectReply,
}

/// What is to be done with a call.
pub struct Decision {
    pub task: Task,
    pub widget: Option<Arc<Widget>>,
    pub request: Result<Prepared, Failure>,
}

impl Opening {
    /// Sends `connect` and reads the channel.
    pub async fn connect(takeover: &Takeover, stream: TcpStream) -> Result<Self, NoCall> {
        let options = &takeover.options;
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
    pub async fn decide(&mut self, widgets: &Widgets, room: bool) -> Result<Decision, NoCall> {
        let widget = widgets.by_name.get(&self.channel.widget).cloned();
        let request = match &widget {
            None => Err(unknown(&self.channel.widget)),
            Some(_) if !room => Err(overloaded()),
            Some(widget) => self.prepare(widget).await?,
        };
        let task = match (&request, &widget) {
            (Ok(_), Some(widget)) if !widget.wait_for_response => Task::AskInBackground,
            (Ok(_), _) => Task::Ask,
            (Err(_), _) => Task::Refuse,
        };
        Ok(Decision {
            task,
            widget,
            request,
        })
    }

    /// Renders the request; once more when it rests on values that are in doubt.
    async fn prepare(&mut self, widget: &Widget) -> Result<Result<Prepared, Failure>, NoCall> {
        let first = self.render(widget);
        let doubtful = self.reply.doubtful();
        if doubtful.is_empty() {
            return Ok(first);
        }
        self.read_again(doubtful).await?;
        Ok(self.render(widget))
    }

    fn render(&self, widget: &Widget) -> Result<Prepared, Failure> {
        let document = || details::document_so_far(&self.reply, &widget.so_far);
        widget.webhook.prepare(&webhook::Call {
            headers: &self.reply,
            document: None,
            predefined: &|| document().to_string().into_bytes(),
        })
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

fn unknown(name: &str) -> Failure {
    let detail = format!(
        "no webhook is named \"{name}\"; the socket's path in the dialplan names one of the config's"
    );
    Failure::new(Reason::InvalidRequest, detail)
}

fn overloaded() -> Failure {
    Failure::new(
        Reason::Overloaded,
        "too many calls are on hold; raise [limits] calls_on_hold or add a service",
    )
}
