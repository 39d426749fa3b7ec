//! One parked call, live or replayed from a recording.

use std::pin::pin;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::EVENTS;
use super::hook::{self, ParkedHook, SERVICE};
use super::shared_connection::SharedConnection;
use crate::call_control::call_connection::CallConnection as _;
use crate::call_control::call_task::{self, EndedCall, Stream};
use crate::call_control::decision::Decision;
use crate::call_control::on_hold::OnHoldGuard;
use crate::call_control::unpark::ParkExit;
use crate::call_control::{CallControl, recording_session};
use crate::event_headers::EventHeaders;
use crate::recorder::{CallRecording, RecordedEvent};
use eslclient::{Client, Command, Connection, Event};

/// Holds one call from its park until it goes to its line.
pub(crate) async fn run(
    call_control: Arc<CallControl>,
    hook: ParkedHook,
    event: Event,
    mut connection: SharedConnection,
    recording: Option<CallRecording>,
) -> EndedCall<SharedConnection> {
    recording_session::record_event(recording.as_ref(), &event);
    let (_on_hold, room) = OnHoldGuard::enter(&call_control);
    let tasks = call_control.tasks.load_full();
    let ParkedHook {
        mut channel,
        untaken,
    } = hook;
    let decision = Decision::for_channel(&mut channel, &EventHeaders(&event), &tasks, room);
    drop(event);
    if let Some(Ok(cancel)) = untaken.map(Command::sched_del) {
        connection.queue(cancel);
    }
    call_task::run_parked(
        &call_control,
        tasks,
        connection,
        channel,
        (decision, recording),
    )
    .await
}

impl CallControl {
    /// Holds the first call that parks on `stream`, which need not be a switch. For replays: the
    /// call is neither logged nor counted.
    ///
    /// # Errors
    /// Why it is not a call, in one sentence.
    pub async fn play_parked(
        self: Arc<Self>,
        stream: impl Stream + 'static,
    ) -> Result<RecordedEvent, String> {
        let connection = Connection::new(stream, self.options.frames);
        let (client, mut events) = Client::start(connection, EVENTS);
        let park = events.next().await.map_err(|error| error.to_string())?;
        // The recording is of a call that was taken, whatever its service's name.
        let service = park.variable(SERVICE).unwrap_or_default().into_owned();
        let hook = hook::read(&park, &service).map_err(|error| error.to_string())?;
        let hook = hook.ok_or("the first event does not park a call for a service")?;
        let (exit, exited) = oneshot::channel();
        let mut exit = Some(exit);
        let mut call = pin!(run(
            self,
            hook,
            park,
            SharedConnection::new(client, exited, None),
            None
        ));
        loop {
            tokio::select! {
                // A recorded exit comes before the reply that it was recorded before.
                biased;
                event = events.next(), if exit.is_some() => {
                    let event = event.map(|event| ParkExit::from_event(&event));
                    match (event, exit.take()) {
                        (Ok(Some(how)), Some(sender)) => drop(sender.send(how)),
                        (Ok(None), sender) => exit = sender,
                        // The dropped sender tells the call that its connection ended.
                        (Ok(Some(_)), None) | (Err(_), _) => {}
                    }
                }
                ended = &mut call => return Ok(ended.report.end()),
            }
        }
    }
}
