//! One call: performs the table of [`switchhook_core::session`] over a [`Wire`].
//!
//! `waiting` is what happens to it, `leaving` is how it is let go. What is queued for the
//! switch is written while the next thing is waited for, so that a peer that does not read
//! holds up nothing but its own call, and that until its deadline.

mod leaving;
mod waiting;

use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep, timeout};
use tracing::warn;

use crate::recorder::CallRecording;
use eslclient::{Command, CommandError, Connection};
use switchhook_admin::live_calls::ActiveCallGuard;
use switchhook_core::outcome::Outcome;
use switchhook_core::session::{Action, Input, State, Task};
use switchhook_core::variables::Assignment;
use switchhook_store as store;
use switchhook_webhook::Answered;

use super::channel::{Channel, Way};
use super::decision::Decision;
use super::on_hold::OnHold;
use super::opening::{NoCall, Opening};
use super::report::{CallReport, Ending};
use super::spans::Noted;
use super::wire::Wire;
use super::{
    Asked, BackgroundRequest, CallControl, WebhookTask, WebhookTasks, call_verifier,
    recording_session, release,
};

/// A webhook's own deadline comes first; this one is for what it does not cover.
const GRACE: Duration = Duration::from_secs(1);

/// A store that is slow must not hold a caller.
const STORE_DEADLINE: Duration = Duration::from_secs(1);

/// Takes over the call behind `stream`. Without room for it it is released at once.
///
/// # Errors
/// When the peer is no FreeSWITCH, says nothing in time, or names no channel.
pub(crate) async fn perform<S: Stream>(
    call_control: &CallControl,
    stream: S,
    tape: Option<CallRecording>,
) -> Result<CallReport, NoCall> {
    // Boxed, so that a waiting call does not keep the room that opening it took.
    let (mut held, task, _counted) = Box::pin(open(call_control, stream)).await?;
    held.tape = tape;
    held.run(Input::Connected(task)).await;
    Ok(held.report())
}

/// What a call may be spoken to over.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A call on its socket, what is to be done with it, and its place among those on hold.
type Opened<'a, S> = (CallTask<'a, Connection<S>>, Task, OnHold<'a>);

async fn open<S: Stream>(call_control: &CallControl, stream: S) -> Result<Opened<'_, S>, NoCall> {
    let began = Instant::now();
    let widgets = call_control.widgets.load_full();
    let mut opening = Opening::connect(call_control, stream).await?;
    let (counted, room) = OnHold::enter(call_control);
    let deadline = call_control.options.connect_deadline;
    let decision = timeout(deadline, opening.decide(&widgets, room))
        .await
        .map_err(|_| NoCall::Silent(deadline))??;
    let Opening {
        connection,
        channel,
        ..
    } = opening;
    let (held, task) = CallTask::new(call_control, widgets, connection, channel, decision, began);
    Ok((held, task, counted))
}

/// Takes over a parked call that is spoken to over `wire`.
pub(crate) async fn perform_parked<W: Wire>(
    call_control: &CallControl,
    widgets: Arc<WebhookTasks>,
    wire: W,
    channel: Channel,
    (decision, tape): (Decision, Option<CallRecording>),
) -> CallReport {
    let began = Instant::now();
    let (mut held, task) = CallTask::new(call_control, widgets, wire, channel, decision, began);
    held.tape = tape;
    held.run(Input::Connected(task)).await;
    held.report()
}

/// A call on hold, with as little of it as waiting takes.
struct CallTask<'a, W> {
    call_control: &'a CallControl,
    widgets: Arc<WebhookTasks>,
    widget: Option<Arc<WebhookTask>>,
    wire: W,
    channel: Channel,
    state: State,
    alarm: Pin<Box<Sleep>>,
    alarm_means: Input,
    request: Option<Asked>,
    /// What was asked, as a person may see it.
    sent: Option<Box<str>>,
    /// Of a call that is recorded.
    tape: Option<CallRecording>,
    /// For its spans, when there are any.
    noted: Option<Box<Noted>>,
    asking: Option<BoxFuture<'static, Outcome>>,
    outcome: Option<Outcome>,
    /// On the board, while it waits for the webhook.
    place: Option<ActiveCallGuard<'a>>,
    /// Something was started on the channel that must be broken off.
    played: bool,
    ending: Ending,
    began: Instant,
    left: Instant,
}

impl<'a, W: Wire> CallTask<'a, W> {
    fn new(
        call_control: &'a CallControl,
        widgets: Arc<WebhookTasks>,
        wire: W,
        channel: Channel,
        decision: Decision,
        began: Instant,
    ) -> (Self, Task) {
        let (request, outcome) = match decision.request {
            Ok(request) => (Some(request), None),
            Err(failure) => (None, Some(Outcome::unsent(failure))),
        };
        let noted = Noted::begin(call_control.options.traces.now(), &channel, began);
        let held = Self {
            call_control,
            widgets,
            widget: decision.widget,
            wire,
            channel,
            state: State::Connecting,
            alarm: Box::pin(sleep(Duration::ZERO)),
            alarm_means: Input::Deadline,
            request,
            sent: None,
            tape: None,
            noted,
            asking: None,
            outcome,
            place: None,
            played: false,
            ending: Ending::Lost,
            began,
            left: began,
        };
        (held, decision.task)
    }

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
        let ending = match input {
            Input::HungUp | Input::Goodbye => Ending::HungUp,
            Input::MovedOn => Ending::Rescued,
            Input::Lost => Ending::Lost,
            Input::Connected(_) | Input::Waiting | Input::Answered(_) | Input::Deadline => return,
        };
        if holding {
            self.ending = ending;
            self.left = Instant::now();
        }
    }

    async fn act(&mut self, action: Action) {
        match action {
            Action::Ask => self.ask(),
            // Boxed: a call that waits has no room for what comes before and after.
            Action::AskInBackground => Box::pin(self.ask_in_background()).await,
            Action::StartMusic => self.start_music(),
            Action::Cancel => self.cancel(),
            Action::Release(line) => self.release(line).await,
            Action::Close => {}
        }
    }

    /// Who confirms that there is such a call. A parked one is told by the switch itself.
    fn verifier(&self) -> Option<Arc<dyn call_verifier::CallVerifier>> {
        match self.channel.way {
            Way::Socket { .. } => self.call_control.verifier.clone(),
            Way::Parked(_) => None,
        }
    }

    fn ask(&mut self) {
        let (Some(widget), Some(mut request)) = (self.widget.clone(), self.request.take()) else {
            return;
        };
        self.wake_after(self.call_control.options.music_after, Input::Waiting);
        let question = match self.call_control.options.breakers.ask(&self.channel.widget) {
            Ok(question) => question,
            Err(rests) => {
                self.asking = Some(Box::pin(ready(Outcome::unsent(rests))));
                return;
            }
        };
        if let Asked::Request(request) = &request {
            self.sent = Some(request.line().into_boxed_str());
        }
        recording_session::asked(self.tape.as_ref(), &request);
        if let Some(noted) = &mut self.noted {
            noted.asks(&mut request);
        }
        let until = self.began + widget.timeout();
        self.place = Some(self.shown(until));
        let widgets = Arc::clone(&self.widgets);
        let (verifier, uuid) = (self.verifier(), self.channel.uuid.clone());
        self.asking = Some(match self.tape.clone() {
            Some(tape) => Box::pin(async move {
                let mut answered = Answered::default();
                let outcome = match call_verifier::confirm(verifier, &uuid).await {
                    Ok(()) => {
                        let note = Some(&mut answered);
                        widget.ask_noting(&widgets.client, request, note).await
                    }
                    Err(stranger) => Outcome::unsent(stranger),
                };
                question.ended(&outcome);
                tape.answered(&outcome, &answered);
                outcome
            }),
            None => Box::pin(async move {
                let outcome = match call_verifier::confirm(verifier, &uuid).await {
                    Ok(()) => widget.ask(&widgets.client, request).await,
                    Err(stranger) => Outcome::unsent(stranger),
                };
                question.ended(&outcome);
                outcome
            }),
        });
    }

    fn shown(&self, until: Instant) -> ActiveCallGuard<'a> {
        let Channel {
            uuid,
            caller,
            destination,
            widget,
            account,
            ..
        } = &self.channel;
        let account = account.as_deref().unwrap_or_default();
        let texts = [uuid.as_str(), caller, destination, widget, account];
        self.call_control
            .options
            .live_calls
            .hold(texts, self.began, until)
    }

    async fn ask_in_background(&mut self) {
        // Only a webhook is asked in the background.
        let Some(Asked::Request(request)) = self.request.take() else {
            return;
        };
        let verifier = self.verifier();
        if let Some(tape) = &self.tape {
            tape.asked(&request);
        }
        if let Err(stranger) = call_verifier::confirm(verifier, &self.channel.uuid).await {
            self.outcome = Some(Outcome::unsent(stranger));
            return;
        }
        let request = BackgroundRequest {
            id: store::new_id(),
            webhook: self.channel.widget.clone(),
            call: self.channel.uuid.clone(),
            flow: self.channel.flow.clone(),
            request: *request,
        };
        if let Some(noted) = &mut self.noted {
            noted.leaves(&request);
        }
        let stored = self.call_control.persistence.send_later(request);
        let uuid = &self.channel.uuid;
        match timeout(STORE_DEADLINE, stored).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                warn!(call_uuid = %uuid, error, "the request in the background was not stored")
            }
            Err(_) => {
                warn!(call_uuid = %uuid, "the store is slow; the call goes on without waiting for it")
            }
        }
    }

    /// Clears what an earlier widget mapped (the hook did the rest) and plays.
    fn start_music(&mut self) {
        let Some(widget) = self.widget.clone() else {
            return;
        };
        let mapped = widget.plan.mapped_names();
        let left = mapped.filter(|name| self.channel.may_have(name));
        for name in left.collect::<Vec<_>>() {
            self.queue(release::assign(
                &self.channel.uuid,
                &Assignment { name, value: None },
            ));
        }
        match widget
            .hold
            .start(self.channel.answered, self.channel.addressed())
        {
            Ok(commands) => {
                self.played = !commands.is_empty();
                commands
                    .into_iter()
                    .for_each(|command| self.queue(Ok(command)));
            }
            Err(error) => warn!(call_uuid = %self.channel.uuid, %error, "no hold music"),
        }
        let waited = self.call_control.options.music_after;
        let deadline = widget.timeout().saturating_sub(waited) + GRACE;
        self.wake_after(deadline, Input::Deadline);
    }

    /// Dropping the future closes the request's connection or stream.
    fn cancel(&mut self) {
        self.asking = None;
    }

    fn queue(&mut self, command: Result<Command, CommandError>) {
        match command {
            Ok(command) => self.wire.queue(command),
            Err(error) => warn!(call_uuid = %self.channel.uuid, %error, "a command was left out"),
        }
    }

    fn wake_after(&mut self, time: Duration, means: Input) {
        self.alarm.as_mut().reset(Instant::now() + time);
        self.alarm_means = means;
    }

    fn report(self) -> CallReport {
        CallReport {
            known: self.widget.is_some(),
            channel: self.channel,
            ending: self.ending,
            outcome: self.outcome,
            sent: self.sent,
            held: self.left - self.began,
            noted: self.noted,
        }
    }
}
