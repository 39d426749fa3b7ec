//! One call on hold: runs the table of [`switchhook_core::session`] over a [`CallConnection`].
//!
//! `asking` sends the request, `waiting` reads what happens meanwhile, `leaving` releases the call, and
//! `letting_go` leaves it to somebody who fetched it.
//! Queued commands are written while the next message is waited for, so that a peer that does not
//! read delays only its own call, and that only until its deadline.

mod asking;
mod leaving;
mod letting_go;
mod waiting;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep, timeout};
use tracing::warn;

use crate::recorder::CallRecording;
use eslclient::{Command, CommandError, Connection};
use switchhook_admin::listener::Arrival;
use switchhook_core::outcome::Outcome;
use switchhook_core::session::{Action, CallPlan, Input, State};
use switchhook_core::variables::Assignment;

use super::call_connection::CallConnection;
use super::call_report::{CallReport, Ending};
use super::channel::Channel;
use super::confirm::{Asked, Unconfirmed};
use super::decision::Decision;
use super::fetched_call::FetchedCall;
use super::on_hold::OnHoldGuard;
use super::opening::{OpenError, Opening};
use super::spans::CallSpans;
use super::unpark::Unpark;
use super::{CallControl, TaskRequest, WebhookTask, WebhookTasks, release};

/// Added to the webhook's own deadline, for whatever that deadline does not cover.
const GRACE: Duration = Duration::from_secs(1);

/// A call that has left its hold.
pub(crate) struct EndedCall<C> {
    pub(crate) report: CallReport,
    /// What is still to be done if somebody else has the call.
    pub(crate) fetched: Option<FetchedCall<C>>,
}

/// Holds the call behind `stream` until it leaves. At the limit of calls it is released at once.
///
/// # Errors
/// The peer is not FreeSWITCH, sends nothing in time, or names no channel.
pub(crate) async fn run<S: Stream>(
    call_control: &CallControl,
    stream: S,
    arrival: Option<Arrival>,
    recording: Option<CallRecording>,
) -> Result<EndedCall<Connection<S>>, OpenError> {
    // Boxed, so that a waiting call does not keep the memory that opening it took.
    let (mut call, task, _on_hold) = Box::pin(open(call_control, stream, arrival)).await?;
    call.recording = recording;
    call.run(Input::Connected(task)).await;
    Ok(call.end())
}

/// A byte stream to a switch.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A call on its socket, the session's task, and the guard that counts the call.
type Opened<'a, S> = (CallTask<'a, Connection<S>>, CallPlan, OnHoldGuard<'a>);

async fn open<S: Stream>(
    call_control: &CallControl,
    stream: S,
    arrival: Option<Arrival>,
) -> Result<Opened<'_, S>, OpenError> {
    let began = Instant::now();
    let peer = arrival.as_ref().map(Arrival::address);
    let tasks = call_control.tasks.load_full();
    let mut opening = connect(call_control, stream, arrival).await?;
    let connect_ms = u16::try_from(began.elapsed().as_millis()).unwrap_or(u16::MAX);
    let (on_hold, room) = OnHoldGuard::enter(call_control);
    let deadline = call_control.options.connect_deadline;
    let mut decision = timeout(deadline, opening.decide(&tasks, room))
        .await
        .map_err(|_| OpenError::Timeout(deadline))??;
    let unconfirmed = opening.claim(call_control, peer);
    let (unconfirmed, is_refused) = confirm_failed(unconfirmed, &mut decision).await;
    let Opening {
        connection,
        channel,
        ..
    } = opening;
    let (mut call, task) = CallTask::new(call_control, tasks, connection, channel, decision, began);
    call.is_unconfirmed = is_refused || unconfirmed.is_some();
    call.unconfirmed = unconfirmed;
    call.connect_ms = connect_ms;
    Ok((call, task, on_hold))
}

/// Confirms a call that asks no webhook: of a stranger, not even that is kept. Other calls are
/// confirmed when they ask.
async fn confirm_failed(
    unconfirmed: Option<Unconfirmed>,
    decision: &mut Decision,
) -> (Option<Box<Unconfirmed>>, bool) {
    if decision.request.is_ok() {
        return (unconfirmed.map(Box::new), false);
    }
    let refused = match unconfirmed {
        Some(unconfirmed) => unconfirmed.confirm().await.err(),
        None => None,
    };
    let is_refused = refused.is_some();
    if let Some(refused) = refused {
        decision.request = Err(refused);
    }
    (None, is_refused)
}

/// Reads the channel. Until it is read, the connection gives way when there is no place for others.
async fn connect<S: Stream>(
    call_control: &CallControl,
    stream: S,
    arrival: Option<Arrival>,
) -> Result<Opening<S>, OpenError> {
    let connect = Opening::connect(call_control, stream);
    let Some(arrival) = arrival else {
        return connect.await;
    };
    let _waiting = arrival.waiting();
    tokio::select! {
        opening = connect => opening,
        () = arrival.evicted() => Err(OpenError::Evicted),
    }
}

/// Holds a parked call over `connection` until it leaves.
pub(crate) async fn run_parked<C: CallConnection>(
    call_control: &CallControl,
    tasks: Arc<WebhookTasks>,
    connection: C,
    channel: Channel,
    (decision, recording): (Decision, Option<CallRecording>),
) -> EndedCall<C> {
    let began = Instant::now();
    let (mut call, task) = CallTask::new(call_control, tasks, connection, channel, decision, began);
    call.recording = recording;
    call.run(Input::Connected(task)).await;
    call.end()
}

/// A call on hold. Holds little, because thousands may wait at once.
struct CallTask<'a, C> {
    call_control: &'a CallControl,
    tasks: Arc<WebhookTasks>,
    task: Option<Arc<WebhookTask>>,
    connection: C,
    channel: Channel,
    state: State,
    timer: Pin<Box<Sleep>>,
    timer_input: Input,
    request: Option<TaskRequest>,
    /// The request line that was sent, without secrets.
    request_line: Option<Box<str>>,
    /// The recording, if the call is recorded.
    recording: Option<CallRecording>,
    /// What its spans need, if there is a trace collector.
    spans: Option<Box<CallSpans>>,
    pending_outcome: Option<BoxFuture<'static, Asked>>,
    /// Boxed, because a call that waits has none.
    outcome: Option<Box<Outcome>>,
    /// What its connection claims, until a switch has confirmed it.
    unconfirmed: Option<Box<Unconfirmed>>,
    /// Whether its connection has to confirm that it has this call, and has not.
    is_unconfirmed: bool,
    /// Whether something was started on the channel that must be broken off.
    music_started: bool,
    is_watched: bool,
    fetched_while_leaving: bool,
    /// How the call left its hold, from the event until it is let go.
    unpark: Option<Box<Unpark>>,
    taken_by: Option<Box<str>>,
    is_parked_elsewhere: bool,
    ending: Ending,
    began: Instant,
    /// How long the switch took to answer `connect`, in milliseconds. It parks the call after that.
    connect_ms: u16,
    left_at: Instant,
}

impl<'a, C: CallConnection> CallTask<'a, C> {
    fn new(
        call_control: &'a CallControl,
        tasks: Arc<WebhookTasks>,
        connection: C,
        channel: Channel,
        decision: Decision,
        began: Instant,
    ) -> (Self, CallPlan) {
        let (request, outcome) = match decision.request {
            Ok(request) => (Some(request), None),
            Err(failure) => (None, Some(Box::new(Outcome::unsent(failure)))),
        };
        let spans = CallSpans::begin(call_control.options.traces.current(), &channel, began);
        let call = Self {
            call_control,
            tasks,
            task: decision.webhook_task,
            connection,
            channel,
            state: State::Connecting,
            timer: Box::pin(sleep(Duration::ZERO)),
            timer_input: Input::Deadline,
            request,
            request_line: None,
            recording: None,
            spans,
            pending_outcome: None,
            outcome,
            unconfirmed: None,
            is_unconfirmed: false,
            music_started: false,
            is_watched: false,
            fetched_while_leaving: false,
            unpark: None,
            taken_by: None,
            is_parked_elsewhere: false,
            ending: Ending::Lost,
            began,
            connect_ms: 0,
            left_at: began,
        };
        (call, decision.task)
    }

    async fn run(&mut self, mut input: Input) {
        loop {
            let (next, actions) = self.state.step(input);
            self.note_ending(input);
            self.state = next;
            for action in actions {
                self.perform(*action).await;
            }
            if self.state == State::Over {
                return;
            }
            input = match self.ending {
                Ending::Fetched | Ending::Rescued => Input::MovedOn,
                Ending::Released(_) | Ending::HungUp | Ending::Lost => self.wait().await,
            };
        }
    }

    /// Notes how the call ends, if this input ends it.
    fn note_ending(&mut self, input: Input) {
        let holding = matches!(self.state, State::Holding { .. } | State::Connecting);
        let ending = match input {
            Input::HungUp | Input::Goodbye => Ending::HungUp,
            Input::MovedOn => Ending::Fetched,
            Input::ConnectionLost => Ending::Lost,
            Input::Connected(_) | Input::Waiting | Input::OutcomeReady(_) | Input::Deadline => {
                return;
            }
        };
        if holding {
            self.ending = ending;
            self.left_at = Instant::now();
        }
    }

    async fn perform(&mut self, action: Action) {
        match action {
            Action::SendRequest => {
                self.ask();
                let first = waiting::watch_after(&self.call_control.options);
                self.set_timer(first, Input::Waiting);
            }
            // Boxed: a waiting call has no room for this future.
            Action::SendInBackground => Box::pin(self.ask_in_background()).await,
            Action::StartMusic => self.start_music(),
            Action::CancelRequest => self.cancel(),
            Action::Release(line) => self.release(line).await,
            Action::LetGo => self.let_go().await,
            Action::Close => {}
        }
    }

    /// Clears what an earlier webhook mapped (the hook clears the rest) and starts the music.
    fn start_music(&mut self) {
        let Some(task) = self.task.clone() else {
            return;
        };
        let mapped = task.plan.mapped_names();
        let left = mapped.filter(|name| self.channel.may_have(name));
        for name in left.collect::<Vec<_>>() {
            let name = name.into();
            self.queue(release::assign(
                &self.channel.uuid,
                &Assignment { name, value: None },
            ));
        }
        match task
            .hold
            .start(self.channel.answered, self.channel.command_uuid())
        {
            Ok(commands) => {
                self.music_started = !commands.is_empty();
                commands
                    .into_iter()
                    .for_each(|command| self.queue(Ok(command)));
            }
            Err(error) => warn!(call_uuid = %self.channel.uuid, %error, "no hold music"),
        }
        let waited = self.call_control.options.music_after;
        let deadline = task.timeout().saturating_sub(waited) + GRACE;
        self.set_timer(deadline, Input::Deadline);
    }

    /// Cancels the request: dropping the future closes its connection or stream.
    fn cancel(&mut self) {
        self.pending_outcome = None;
    }

    fn queue(&mut self, command: Result<Command, CommandError>) {
        match command {
            Ok(command) => self.connection.queue(command),
            Err(error) => {
                warn!(call_uuid = %self.channel.uuid, %error, "a command cannot be sent and is left out");
            }
        }
    }

    fn set_timer(&mut self, time: Duration, input: Input) {
        self.timer.as_mut().reset(Instant::now() + time);
        self.timer_input = input;
    }

    fn end(self) -> EndedCall<C> {
        let is_taken = matches!(self.ending, Ending::Fetched | Ending::Rescued);
        let ending = if self.fetched_while_leaving {
            Ending::Fetched
        } else {
            self.ending
        };
        let fetched = is_taken.then(|| FetchedCall {
            channel: self.channel.clone(),
            task: self.task.clone(),
            connection: self.connection,
            is_parked: self.is_parked_elsewhere,
            music_started: self.music_started,
            goodbye_deadline: self.call_control.options.goodbye_deadline,
        });
        let report = CallReport {
            known: self.task.is_some(),
            channel: self.channel,
            ending,
            taken_by: self.taken_by,
            outcome: self.outcome.map(|outcome| *outcome),
            request_line: self.request_line,
            hold_time: self.left_at - self.began,
            spans: self.spans,
            is_unconfirmed: self.is_unconfirmed,
        };
        EndedCall { report, fetched }
    }
}
