//! The port that FreeSWITCH's `socket` application connects to.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::recorder::{Taped, What as End};

use super::graceful_listener;
use super::opening::NoCall;
use super::recording_session::RecordingSession;
use super::report::CallReport;
use super::{CallControl, call_task, report};

impl CallControl {
    /// Takes calls until `stop`, then stops listening (the dialplan's next host gets
    /// the next call) and returns when the last call has left.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        let calls = TaskTracker::new();
        let places = Arc::new(Semaphore::new(self.options.connections));
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.accept(&listener, &calls, &places) => {}
        }
        graceful_listener::close(listener, |stream, peer| {
            if self.allows(peer) {
                self.spawn(&calls, stream, peer, None);
            }
        })
        .await;
        calls.close();
        info!(
            calls = calls.len(),
            "stopped listening; waiting for the calls on hold"
        );
        calls.wait().await;
    }

    async fn accept(
        self: &Arc<Self>,
        listener: &TcpListener,
        calls: &TaskTracker,
        places: &Arc<Semaphore>,
    ) {
        loop {
            if places.available_permits() == 0 {
                report::full();
            }
            // The semaphore is never closed.
            let Ok(place) = Arc::clone(places).acquire_owned().await else {
                return;
            };
            match listener.accept().await {
                Ok((_, peer)) if !self.allows(peer) => report::stranger(peer),
                Ok((stream, peer)) => self.spawn(calls, stream, peer, Some(place)),
                Err(error) => self.accept_failed(&error).await,
            }
        }
    }

    fn allows(&self, peer: SocketAddr) -> bool {
        let allow = &self.options.allow;
        // A listener on [::] sees IPv4 peers as mapped ones.
        let ip = peer.ip().to_canonical();
        allow.is_empty() || allow.iter().any(|net| net.contains(&ip))
    }

    /// Out of descriptors, most likely: those in use come back as calls end.
    async fn accept_failed(&self, error: &std::io::Error) {
        warn!(%error, "cannot accept a call; trying again");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }

    fn spawn(
        self: &Arc<Self>,
        calls: &TaskTracker,
        stream: TcpStream,
        peer: SocketAddr,
        place: Option<tokio::sync::OwnedSemaphorePermit>,
    ) {
        let call_control = Arc::clone(self);
        calls.spawn(async move {
            call_control.take(stream, peer).await;
            drop(place);
        });
    }

    async fn take(&self, stream: TcpStream, peer: SocketAddr) {
        // Commands are small and their replies are waited for.
        if let Err(error) = stream.set_nodelay(true) {
            return report::no_call(peer, &eslclient::Error::Io(error).into());
        }
        let performed = match RecordingSession::begin(self) {
            None => call_task::perform(self, stream, None).await,
            // Boxed: the others' future has no room for it.
            Some(taping) => Box::pin(self.recorded(stream, taping)).await,
        };
        match performed {
            Ok(report) => report.publish(&self.options),
            Err(error) => report::no_call(peer, &error),
        }
    }

    async fn recorded(
        &self,
        stream: TcpStream,
        taping: RecordingSession,
    ) -> Result<CallReport, NoCall> {
        let tape = taping.tape.clone();
        let report = call_task::perform(self, Taped::new(stream, tape.clone()), Some(tape)).await?;
        taping.end(self, &report);
        Ok(report)
    }

    /// Takes over the call behind `stream`, which need not come from a port; nobody is told
    /// what became of it but the caller. For a call that is played again.
    ///
    /// # Errors
    /// Why it is no call, in a sentence.
    pub async fn play(&self, stream: impl call_task::Stream) -> Result<End, String> {
        let performed = call_task::perform(self, stream, None).await;
        let report = performed.map_err(|error| error.to_string())?;
        Ok(report.end())
    }
}
