//! A parked call that is played again.

use std::pin::pin;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::hook::{self, SERVICE};
use super::shared::{Departure, Shared};
use super::{EVENTS, hold};
use crate::eslclient::{Client, Connection};
use crate::recorder::What;
use crate::takeover::Takeover;
use crate::takeover::held::Stream;

impl Takeover {
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
