//! One call: performs the table of [`crate::call::session`] on a socket.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tracing::{debug, warn};

use crate::call::outcome::{Failure, Outcome, Reason};
use crate::call::session::{Action, Input, State, Task};
use crate::call::variables::{self, Assignment, Line, Plan};
use crate::eslclient::{Command, CommandError, Connection, Incoming, Ticket};
use crate::webhook::Prepared;

use super::channel::{Channel, RESUMES};
use super::opening::{Decision, NoCall, Opening};
use super::report::{Ending, Report};
use super::{Background, Kept, Takeover, Widget, Widgets, release};

/// A webhook's own deadline comes first; this one is for what it does not cover.
const GRACE: Duration = Duration::from_secs(1);

/// A hook's schedule may have taken a call on that was held for longer (FreeSWITCH counts
/// its schedules in whole seconds).
const RESCUE_POSSIBLE: Duration = Duration::from_secs(1);

/// A store that is slow must not hold a caller.
const STORE_DEADLINE: Duration = Duration::from_secs(1);

/// Takes over the call behind `stream`. With no `room` it is released at once.
///
/// # Errors
/// When the peer is no FreeSWITCH, says nothing in time, or names no channel.
pub async fn perform(takeover: &Takeover, stream: TcpStream, room: bool) -> Result<Report, NoCall> {
    // Boxed, so that a waiting call does not keep the room that opening it took.
    let (mut held, task) = Box::pin(open(takeover, stream, room)).await?;
    held.run(Input::Connected(task)).await;
    Ok(held.report())
}

async fn open(
    takeover: &Takeover,
    stream: TcpStream,
    room: bool,
) -> Result<(Held<'_>, Task), NoCall> {
    let began = Instant::now();
    let widgets = takeover.widgets.load_full();
    let mut opening = Opening::connect(takeover, stream).await?;
    let Decision {
        task,
        widget,
        request,
    } = opening.decide(&widgets, room).await?;
    let Opening {
        connection,
        channel,
        ..
    } = opening;
    let (request, outcome) = match request {
        Ok(request) => (Some(request), None),
        Err(failure) => (None, Some(Outcome::unsent(failure))),
    };
    let held = Held {
        takeover,
        widgets,
        widget,
        connection,
        channel,
        state: State::Connecting,
        alarm: Box::pin(sleep(Duration::ZERO)),
        alarm_means: Input::Deadline,
        request,
        asking: None,
        outcome,
        played: false,
        ending: Ending::Lost,
        began,
        left: began,
    };
    Ok((held, task))
}

/// Whose a call is when we want to let it go.
enum Standing {
    Ours,
    /// The hook's schedule took it on.
    Rescued,
    /// It was hung up, or the switch is gone.
    Gone,
}

/// A call on hold, with as little of it as waiting takes.
struct Held<'a> {
    takeover: &'a Takeover,
    widgets: Arc<Widgets>,
    widget: Option<Arc<Widget>>,
    connection: Connection<TcpStream>,
    channel: Channel,
    state: State,
    alarm: Pin<Box<Sleep>>,
    alarm_means: Input,
    request: Option<Prepared>,
    asking: Option<BoxFuture<'static, Outcome>>,
    outcome: Option<Outcome>,
    /// Something was started on the channel that must be broken off.
    played: bool,
    ending: Ending,
    began: Instant,
    left: Instant,
}

impl Held<'_> {
    async fn run(&mut self, mut input: Input) {
        loop {
            let (next, actions) = self.state.step(input);
            self.note(input);
            self.state = next;
            for action in actions {
                self.act(*action).await;
            }
            if self.state == State::Over {
                return;
            }
            input = self.wait().await;
        }
    }

    /// How the call ends when this input ends it.
    fn note(&mut self, input: Input) {
        let holding = matches!(self.state, State::Holding { .. } | State::Connecting);
        if holding && matches!(input, Input::HungUp | Input::Goodbye) {
            self.ending = Ending::HungUp;
            self.left = Instant::now();
        } else if holding && input == Input::Lost {
            self.ending = Ending::Lost;
            self.left = Instant::now();
        }
    }

    async fn act(&mut self, action: Action) {
        match action {
            Action::Ask => self.ask(),
            Action::AskInBackground => self.ask_in_background().await,
            Action::StartMusic => self.start_music().await,
            Action::Cancel => self.cancel(),
            Action::Release(line) => self.release(line).await,
            Action::Close => {}
        }
    }

    fn ask(&mut self) {
        let (Some(widget), Some(request)) = (self.widget.clone(), self.request.take()) else {
            return;
        };
        let widgets = Arc::clone(&self.widgets);
        self.asking = Some(Box::pin(async move {
            widgets.client.ask(&widget.webhook, request).await
        }));
        self.wake_after(self.takeover.options.music_after, Input::Waiting);
    }

    async fn ask_in_background(&mut self) {
        let Some(request) = self.request.take() else {
            return;
        };
        let request = Background {
            webhook: self.channel.widget.clone(),
            call: self.channel.uuid.clone(),
            flow: self.channel.flow.clone(),
            request,
        };
        let stored = tokio::spawn(self.takeover.aftermath.send_later(request));
        match timeout(STORE_DEADLINE, stored).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => {
                warn!(uuid = %self.channel.uuid, %error, "the request in the background was not stored")
            }
            Ok(Err(error)) => {
                warn!(uuid = %self.channel.uuid, %error, "the request in the background was not stored")
            }
            Err(_) => {
                warn!(uuid = %self.channel.uuid, "the store is slow; the call goes on without waiting for it")
            }
        }
    }

    /// Clears what an earlier widget mapped (the hook did the rest) and plays.
    async fn start_music(&mut self) {
        let Some(widget) = self.widget.clone() else {
            return;
        };
        for name in widget.plan.mapped_names() {
            self.queue(release::assign(
                &self.channel.uuid,
                &Assignment { name, value: None },
            ));
        }
        match widget.hold.start(self.channel.answered) {
            Ok(commands) => {
                self.played = !commands.is_empty();
                commands
                    .into_iter()
                    .for_each(|command| self.queue(Ok(command)));
            }
            Err(error) => warn!(uuid = %self.channel.uuid, %error, "no hold music"),
        }
        self.flush().await;
        let waited = self.takeover.options.music_after;
        let deadline = widget.webhook.timeout().saturating_sub(waited) + GRACE;
        self.wake_after(deadline, Input::Deadline);
    }

    /// Dropping the future closes the request's connection or stream.
    fn cancel(&mut self) {
        self.asking = None;
    }

    async fn release(&mut self, line: Line) {
        self.asking = None;
        match self.standing().await {
            Standing::Ours => self.queue_leaving(line),
            Standing::Gone => self.ending = Ending::HungUp,
            Standing::Rescued => {
                self.ending = Ending::Rescued;
                self.queue(Ok(Command::exit()));
            }
        }
        self.flush().await;
        self.left = Instant::now();
        self.wake_after(self.takeover.options.goodbye_deadline, Input::Deadline);
        self.keep();
    }

    fn queue_leaving(&mut self, line: Line) {
        let commands = release::commands(&self.channel, &self.assignments(), self.played);
        let commands = commands.or_else(|error| {
            warn!(uuid = %self.channel.uuid, %error, "the answer cannot be written to the channel");
            self.outcome = Some(release::spoiled(self.outcome.as_ref(), &error));
            release::commands(&self.channel, &self.assignments(), self.played)
        });
        self.ending = Ending::Released(self.outcome.as_ref().map_or(line, variables::line));
        let commands = commands.unwrap_or_else(|error| {
            warn!(uuid = %self.channel.uuid, %error, "nothing can be written to the channel");
            release::bare(&self.channel, self.played)
        });
        for command in commands {
            self.queue(Ok(command));
        }
    }

    /// Whether the hook's schedule took the call on meanwhile: its way out unsets
    /// `socket_resume`. To say `resume` then would leave the call in CS_RESET for ever
    /// (FreeSWITCH: mod_event_socket.c `listener_run`).
    async fn standing(&mut self) -> Standing {
        if !self.channel.resumes || self.began.elapsed() < RESCUE_POSSIBLE {
            return Standing::Ours;
        }
        let Ok(command) = Command::get_variable(&self.channel.uuid, RESUMES) else {
            return Standing::Ours;
        };
        let asked = self.connection.queue(&command);
        let answered = async {
            loop {
                match self.connection.next().await {
                    Ok(Incoming::Reply(ticket, reply)) if ticket == asked => {
                        break reply.variable();
                    }
                    Ok(Incoming::Notice(_)) | Err(_) => break Err("gone".into()),
                    Ok(_) => {}
                }
            }
        };
        match timeout(self.takeover.options.goodbye_deadline, answered).await {
            Ok(Ok(None)) => Standing::Rescued,
            Ok(Ok(Some(_))) | Err(_) => Standing::Ours,
            Ok(Err(_)) => Standing::Gone,
        }
    }

    fn assignments(&self) -> Vec<Assignment> {
        let json_keys = self.channel.json_keys.as_deref();
        let default = Plan::default();
        let plan = self.widget.as_ref().map_or(&default, |widget| &widget.plan);
        match &self.outcome {
            Some(outcome) => plan.assignments(outcome, json_keys),
            None => plan.in_background(json_keys),
        }
    }

    /// Stores the answer for reports, without holding up the goodbye.
    fn keep(&self) {
        let Some(widget) = self
            .widget
            .as_ref()
            .filter(|widget| widget.persist_response)
        else {
            return;
        };
        let Some(outcome) = &self.outcome else { return };
        let answer = Kept {
            call: self.channel.uuid.clone(),
            flow: self.channel.flow.clone(),
            webhook: self.channel.widget.clone(),
            variables: widget.plan.exact(outcome),
        };
        let stored = self.takeover.aftermath.keep(answer);
        let uuid = self.channel.uuid.clone();
        tokio::spawn(async move {
            if let Err(error) = stored.await {
                warn!(%uuid, %error, "the answer was not kept for reports");
            }
        });
    }

    async fn wait(&mut self) -> Input {
        loop {
            tokio::select! {
                incoming = self.connection.next() => match incoming {
                    Ok(incoming) => if let Some(input) = self.heard(incoming) { return input },
                    Err(error) => {
                        debug!(uuid = %self.channel.uuid, %error, "the switch's connection broke");
                        return Input::Lost;
                    }
                },
                outcome = answer(&mut self.asking) => {
                    self.asking = None;
                    let line = variables::line(&outcome);
                    self.outcome = Some(outcome);
                    return Input::Answered(line);
                }
                () = self.alarm.as_mut() => return self.alarmed(),
                () = self.takeover.release_all.cancelled(), if self.is_holding() => return self.evicted(),
            }
        }
    }

    fn alarmed(&mut self) -> Input {
        if self.is_holding() && self.alarm_means == Input::Deadline {
            let detail = "the webhook gave no whole answer in time";
            self.outcome = Some(Outcome::unsent(Failure::new(Reason::Timeout, detail)));
        }
        self.alarm_means
    }

    fn is_holding(&self) -> bool {
        matches!(self.state, State::Holding { .. })
    }

    /// The service stops and waited long enough.
    fn evicted(&mut self) -> Input {
        let detail = "the service stopped before the webhook had answered";
        self.outcome = Some(Outcome::unsent(Failure::new(
            Reason::ConnectionFailure,
            detail,
        )));
        Input::Deadline
    }

    /// What a frame means to the session; `None` for what changes nothing.
    fn heard(&mut self, incoming: Incoming) -> Option<Input> {
        match incoming {
            Incoming::Notice(_) => Some(if self.state == State::Leaving {
                Input::Goodbye
            } else {
                Input::HungUp
            }),
            Incoming::Reply(ticket, reply) => {
                if let Err(error) = reply.result() {
                    self.refused(ticket, &error);
                }
                None
            }
            Incoming::Event(_)
            | Incoming::Rejection(_)
            | Incoming::AuthRequest
            | Incoming::Other(_) => None,
        }
    }

    /// The switch refused a command: most likely the caller is gone already.
    fn refused(&mut self, ticket: Ticket, error: &str) {
        let gone = error.contains("No such channel");
        if gone && self.state == State::Leaving {
            self.ending = Ending::HungUp;
        } else if !gone {
            warn!(uuid = %self.channel.uuid, error, command = ?ticket, "the switch refused a command");
        }
    }

    fn queue(&mut self, command: Result<Command, CommandError>) {
        match command {
            Ok(command) => {
                self.connection.queue(&command);
            }
            Err(error) => warn!(uuid = %self.channel.uuid, %error, "a command was left out"),
        }
    }

    /// A broken connection shows when it is read from next.
    async fn flush(&mut self) {
        if let Err(error) = self.connection.flush().await {
            debug!(uuid = %self.channel.uuid, %error, "cannot write to the switch");
        }
    }

    fn wake_after(&mut self, time: Duration, means: Input) {
        self.alarm.as_mut().reset(Instant::now() + time);
        self.alarm_means = means;
    }

    fn report(self) -> Report {
        Report {
            channel: self.channel,
            ending: self.ending,
            outcome: self.outcome,
            held: self.left - self.began,
        }
    }
}

async fn answer(asking: &mut Option<BoxFuture<'static, Outcome>>) -> Outcome {
    match asking {
        Some(asking) => asking.await,
        None => pending().await,
    }
}
