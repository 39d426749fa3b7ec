//! One parked call, as it comes and played again.

use std::pin::pin;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::EVENTS;
use super::hook::{self, Hook, SERVICE};
use super::shared::{Departure, Shared};
use crate::call_control::call_task::{self, Stream};
use crate::call_control::channel::AsItCame;
use crate::call_control::decision::Decision;
use crate::call_control::on_hold::OnHold;
use crate::call_control::report::CallReport;
use crate::call_control::wire::Wire as _;
use crate::call_control::{CallControl, recording_session};
use crate::recorder::{CallRecording, What};
use eslclient::{Client, Command, Connection, Event};

/// One call, from the park to its line.
pub(crate) async fn hold(
    call_control: Arc<CallControl>,
    hook: Hook,
    event: Event,
    mut wire: Shared,
    tape: Option<CallRecording>,
) -> CallReport {
    recording_session::heard(tape.as_ref(), &event);
    let (_counted, room) = OnHold::enter(&call_control);
    let widgets = call_control.widgets.load_full();
    let Hook {
        mut channel,
        untaken,
    } = hook;
    let decision = Decision::of(&mut channel, &AsItCame(&event), &widgets, room);
    drop(event);
    if let Some(Ok(cancel)) = untaken.map(Command::sched_del) {
        wire.queue(cancel);
    }
    call_task::perform_parked(&call_control, widgets, wire, channel, (decision, tape)).await
}

impl CallControl {
    /// Takes over the call that parks first on `stream`, which is another end than a switch's; nobody
    /// is told what became of it but the caller. For a call that is played again.
    ///
    /// # Errors
    /// Why it is no call, in a sentence.
    pub async fn play_parked(
        self: Arc<Self>,
        stream: impl Stream + 'static,
    ) -> Result<What, String> {
        let connection = Connection::new(stream, self.options.frames);
        let (client, mut events) = Client::start(connection, EVENTS);
        let park = events.next().await.map_err(|error| error.to_string())?;
        // Whoever's it was, it was taken.
        let service = park.variable(SERVICE).unwrap_or_default().into_owned();
        let hook = hook::read(&park, &service).map_err(|error| error.to_string())?;
        let hook = hook.ok_or("its first event parks no call for a service")?;
        let (tell, told) = oneshot::channel();
        let mut tell = Some(tell);
        let mut held = pin!(hold(
            self,
            hook,
            park,
            Shared::new(client, told, None),
            None
        ));
        loop {
            tokio::select! {
                report = &mut held => return Ok(report.end()),
                event = events.next(), if tell.is_some() => {
                    let event = event.map(|event| Departure::of(&event.name()));
                    match (event, tell.take()) {
                        (Ok(Some(how)), Some(call)) => drop(call.send(how)),
                        (Ok(None), waiting) => tell = waiting,
                        // Nobody tells it anything any more.
                        (Ok(Some(_)), None) | (Err(_), _) => {}
                    }
                }
            }
        }
    }
}
