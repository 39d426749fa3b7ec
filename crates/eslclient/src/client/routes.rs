//! Who waits for which event.

use std::collections::HashMap;
use std::sync::Arc;

use super::outlet::Outlet;
use super::request::{EventSender, Wait};
use crate::codec::{Event, Format};
use crate::command::{Command, Effect, Names};
use crate::error::Error;
use crate::hangup_cause::HangupCause;

/// The number of jobs or executions at which those whose caller has gone are removed.
const FIRST_SWEEP: usize = 64;

/// Who waits for which event, and what the connection is subscribed to.
#[derive(Debug)]
pub(super) struct Routes {
    jobs: Waiting<EventSender>,
    executions: Waiting<Execution>,
    channels: HashMap<String, Arc<Outlet>>,
    /// The format of events.
    format: Format,
    /// What the program subscribed to.
    wanted: Names,
    /// What the client subscribed to for itself. Such events reach only who waits for them.
    own: Names,
    /// Whether the program set a filter.
    filtered: bool,
    /// The channel of an outbound socket.
    session: Option<String>,
    /// That channel, and why, once it was hung up. The switch answers `+OK` to applications for it
    /// and runs none (`mod_event_socket.c`).
    ended: Option<(String, Option<HangupCause>)>,
}

/// An application that runs on a channel.
#[derive(Debug)]
struct Execution {
    channel: String,
    result: EventSender,
}

/// Where an event goes.
pub(super) enum Route {
    /// To the reader of all other events.
    Rest(Event),
    /// To the reader of a channel's events; whether it is the last one.
    Channel(Arc<Outlet>, Event, bool),
    /// To nobody, or to a caller who has it already.
    Taken,
}

impl Routes {
    pub(super) fn new() -> Self {
        Self {
            jobs: Waiting::default(),
            executions: Waiting::default(),
            channels: HashMap::new(),
            format: Format::Json,
            wanted: Names::NONE,
            own: Names::NONE,
            filtered: false,
            session: None,
            ended: None,
        }
    }

    /// Returns whether an event can have another way than to the reader of all.
    pub(super) fn is_empty(&self) -> bool {
        self.own.is_empty()
            && self.session.is_none()
            && self.channels.is_empty()
            && self.jobs.map.is_empty()
            && self.executions.map.is_empty()
    }

    /// Returns whether somebody waits for a job or an execution.
    pub(super) fn has_waiters(&self) -> bool {
        !self.jobs.map.is_empty() || !self.executions.map.is_empty()
    }

    pub(super) fn has_channels(&self) -> bool {
        !self.channels.is_empty()
    }

    /// Notes what a command of the program changes.
    pub(super) fn note(&mut self, effect: Effect) {
        match effect {
            Effect::None => {}
            Effect::Subscribes(format, names) => {
                self.format = format.unwrap_or(self.format);
                self.wanted = self.wanted.with(names);
            }
            Effect::Unsubscribes(names) => {
                self.wanted = self.wanted.without(names);
                self.own = self.own.without(names);
            }
            Effect::Filters => self.filtered = true,
            Effect::Unfilters => self.filtered = false,
        }
    }

    /// Adds who waits, and returns the commands that must go out first.
    pub(super) fn add(&mut self, wait: Wait) -> Result<Vec<Command>, Error> {
        match wait {
            Wait::Job { uuid, result } => {
                let mut first = self.subscribe(Names::JOB, &["BACKGROUND_JOB"])?;
                if self.filtered {
                    first.push(Command::filter("Job-UUID", &uuid)?);
                }
                self.jobs.sweep(|result| result.is_closed());
                self.jobs.map.insert(uuid, result);
                Ok(first)
            }
            Wait::Execution {
                id,
                channel,
                result,
            } => {
                self.must_be_up(&channel)?;
                let names = [
                    "CHANNEL_EXECUTE_COMPLETE",
                    "CHANNEL_HANGUP_COMPLETE",
                    "CHANNEL_DESTROY",
                ];
                let first = self.subscribe(Names::EXECUTION, &names)?;
                self.executions
                    .sweep(|execution| execution.result.is_closed());
                self.executions
                    .map
                    .insert(id, Execution { channel, result });
                Ok(first)
            }
            Wait::Up { channel } => {
                self.must_be_up(&channel)?;
                Ok(Vec::new())
            }
            Wait::Session { channel } => {
                self.session = Some(channel);
                Ok(Vec::new())
            }
            Wait::Channel { channel, outlet } => {
                if let Some(before) = self.channels.insert(channel, outlet) {
                    before.end();
                }
                Ok(Vec::new())
            }
        }
    }

    fn must_be_up(&self, channel: &str) -> Result<(), Error> {
        match &self.ended {
            Some((ended, cause)) if ended == channel => Err(Error::HungUp {
                cause: cause.clone(),
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// Subscribes to events that the connection does not have yet.
    fn subscribe(&mut self, flags: Names, names: &[&str]) -> Result<Vec<Command>, Error> {
        if self.wanted.with(self.own).contains(flags) {
            return Ok(Vec::new());
        }
        self.own = self.own.with(flags);
        let names = names.iter().copied();
        Ok(vec![Command::event(self.format, names)?])
    }

    /// Finds the way of an event, and gives it to who waits for it.
    ///
    /// Returns a command as well if a filter is no longer needed.
    pub(super) fn route(&mut self, event: Event) -> (Route, Option<Command>) {
        let name = event.name();
        let flag = Names::of(&name);
        let mut unfilter = None;
        if self.session.is_some() && name.eq_ignore_ascii_case("CHANNEL_HANGUP") {
            // The connection may end before CHANNEL_HANGUP_COMPLETE.
            self.note_end(&event);
        }
        if flag == Names::JOB {
            let uuid = event.job_uuid().unwrap_or_default();
            if let Some(result) = self.jobs.map.remove(&*uuid) {
                if self.filtered {
                    unfilter = Command::filter_delete("Job-UUID", &uuid).ok();
                }
                drop((name, uuid));
                // The caller may have dropped its job.
                let _ = result.send(Ok(event));
                return (Route::Taken, unfilter);
            }
        } else if !flag.is_empty() {
            if flag == Names::HANGUP {
                self.note_end(&event);
            }
            self.end_executions(flag, &event);
        }
        let is_hidden = !flag.is_empty() && !self.wanted.contains(flag);
        let destroyed = flag == Names::DESTROY;
        drop(name);
        let route = if self.channels.is_empty() {
            None
        } else {
            self.channel(&event, destroyed)
        };
        let route = match route {
            Some(outlet) => Route::Channel(outlet, event, destroyed),
            None if is_hidden => Route::Taken,
            None => Route::Rest(event),
        };
        (route, None)
    }

    /// Finds the reader of the event's channel. A destroyed channel has no further events.
    fn channel(&mut self, event: &Event, destroyed: bool) -> Option<Arc<Outlet>> {
        let uuid = event.unique_id()?;
        let outlet = self.channels.get(&*uuid)?;
        if outlet.is_abandoned() {
            self.channels.remove(&*uuid);
            return None;
        }
        if destroyed {
            return self.channels.remove(&*uuid);
        }
        Some(Arc::clone(outlet))
    }

    /// Notes why the channel of an outbound socket was hung up.
    fn note_end(&mut self, event: &Event) {
        let session = self.session.as_ref();
        let ended = session.filter(|session| event.unique_id().as_deref() == Some(session));
        if let Some(session) = ended {
            self.ended = Some((session.clone(), event.hangup_cause()));
        }
    }

    fn end_executions(&mut self, flag: Names, event: &Event) {
        if self.executions.map.is_empty() {
            return;
        }
        if flag == Names::EXECUTED {
            let id = event.application_uuid().unwrap_or_default();
            if let Some(execution) = self.executions.map.remove(&*id) {
                // A channel that is hung up ends its application too, and either event may be the
                // first. Only such a channel has the header (`switch_channel.c`).
                let result = match event.hangup_cause() {
                    Some(cause) => Err(Error::HungUp { cause: Some(cause) }),
                    None => Ok(event.clone()),
                };
                // The caller may have dropped its future.
                let _ = execution.result.send(result);
            }
        } else if let Some(uuid) = event.unique_id() {
            self.hang_up(&uuid, event.hangup_cause());
        }
    }

    /// Ends the call of an outbound socket, whose end the switch announced.
    pub(super) fn end_session(&mut self, channel: &str) {
        let cause = match self.ended.take() {
            Some((ended, cause)) if ended == channel => cause,
            Some(_) | None => None,
        };
        self.hang_up(channel, cause.clone());
        self.ended = Some((channel.to_owned(), cause));
    }

    /// Returns why the call of an outbound socket was hung up, if it was.
    pub(super) fn cause(&self) -> Option<HangupCause> {
        self.ended.as_ref().and_then(|(_, cause)| cause.clone())
    }

    /// Ends the executions on a channel that was hung up.
    fn hang_up(&mut self, channel: &str, cause: Option<HangupCause>) {
        let executions = std::mem::take(&mut self.executions.map);
        for (id, execution) in executions {
            if execution.channel == channel {
                let cause = cause.clone();
                let _ = execution.result.send(Err(Error::HungUp { cause }));
            } else {
                self.executions.map.insert(id, execution);
            }
        }
    }

    /// Fails everybody who waits for a job or an execution.
    pub(super) fn fail(&mut self, error: &Error) {
        let jobs = self.jobs.map.drain().map(|(_, result)| result);
        let executions = self.executions.map.drain();
        let executions = executions.map(|(_, execution)| execution.result);
        for result in jobs.chain(executions) {
            let _ = result.send(Err(error.clone()));
        }
    }

    /// Tells the readers of channels that no event follows.
    pub(super) fn end_channels(&mut self) {
        for (_, outlet) in self.channels.drain() {
            outlet.end();
        }
    }
}

/// Who waits, by UUID.
#[derive(Debug)]
struct Waiting<T> {
    map: HashMap<String, T>,
    sweep_at: usize,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self {
            map: HashMap::new(),
            sweep_at: FIRST_SWEEP,
        }
    }
}

impl<T> Waiting<T> {
    /// Removes those whose caller has gone, when the number has doubled.
    fn sweep(&mut self, is_gone: impl Fn(&T) -> bool) {
        if self.map.len() >= self.sweep_at {
            self.map.retain(|_, waiting| !is_gone(waiting));
            self.sweep_at = (self.map.len() * 2).max(FIRST_SWEEP);
        }
    }
}
