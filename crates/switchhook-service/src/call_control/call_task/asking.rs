//! How a call's webhook is asked, on hold or in the background.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, timeout};
use tracing::warn;

use crate::call_control::call_connection::CallConnection;
use crate::call_control::channel::Channel;
use crate::call_control::confirm::{Asked, Unconfirmed};
use crate::call_control::{BackgroundRequest, TaskRequest, recording_session};
use switchhook_admin::live_calls::UnlistedCall;
use switchhook_core::outcome::Outcome;
use switchhook_store as store;
use switchhook_webhook::breakers::WebhookPermit;
use switchhook_webhook::{ResponseMeta, SendContext, Webhook};

use super::CallTask;

/// How long a slow store may hold a caller.
const STORE_DEADLINE: Duration = Duration::from_secs(1);

impl<C: CallConnection> CallTask<'_, C> {
    /// Starts the request, once the call is confirmed. An open circuit fails it without sending
    /// anything.
    pub(super) fn ask(&mut self) {
        let (Some(task), Some(mut request)) = (self.task.clone(), self.request.take()) else {
            return;
        };
        let breakers = Arc::clone(&self.call_control.options.breakers);
        // With several tries, each has its own permit.
        let is_tried_once = task.webhook().is_none_or(Webhook::is_tried_once);
        let permit = is_tried_once.then(|| breakers.acquire(&self.channel.webhook));
        let permit = permit.transpose();
        if permit.is_ok() {
            self.note_request(&mut request);
        }
        let listing = self.listing(self.began + task.timeout());
        let tasks = Arc::clone(&self.tasks);
        let recording = self.recording.clone();
        let asking = async move {
            let permit = match permit {
                Ok(permit) => permit,
                Err(open) => return Asked::Done(Outcome::unsent(open)),
            };
            let _listed = listing.list();
            let mut answered = recording.as_ref().map(|_| ResponseMeta::default());
            let context = SendContext {
                breakers: Some(&breakers),
                note: answered.as_mut(),
            };
            let outcome = task.ask(&tasks.client, request, context).await;
            record(permit, &outcome);
            if let (Some(recording), Some(answered)) = (recording, answered) {
                recording.outcome(&outcome, &answered);
            }
            Asked::Done(outcome)
        };
        let asking: BoxFuture<'static, Asked> = Box::pin(asking);
        self.pending_outcome = Some(match self.unconfirmed.take() {
            Some(unconfirmed) => Box::pin(confirm_first(unconfirmed, asking)),
            None => asking,
        });
    }

    /// Notes the request for the report, the recording and the traces.
    fn note_request(&mut self, request: &mut TaskRequest) {
        if let TaskRequest::Request(request) = &request {
            self.request_line = Some(request.request_line().into_boxed_str());
        }
        recording_session::record_request(self.recording.as_ref(), request);
        if let Some(spans) = &mut self.spans {
            spans.begin_request(request);
        }
    }

    /// Returns the call's entry in the list of those that wait, until the webhook's deadline.
    fn listing(&self, until: Instant) -> UnlistedCall {
        let Channel {
            uuid,
            caller,
            destination,
            webhook,
            account,
            ..
        } = &self.channel;
        let account = account.as_deref().unwrap_or_default();
        let texts = [uuid.as_str(), caller, destination, webhook, account];
        let live_calls = &self.call_control.options.live_calls;
        live_calls.unlisted(texts, self.began, until)
    }

    /// Stores the request to be sent in the background. Waits for the store for a limited time.
    pub(super) async fn ask_in_background(&mut self) {
        // Rust code is never asked in the background.
        let Some(TaskRequest::Request(request)) = self.request.take() else {
            return;
        };
        if let Some(recording) = &self.recording {
            recording.request(&request);
        }
        if let Some(unconfirmed) = self.unconfirmed.take()
            && let Err(why) = unconfirmed.confirm().await
        {
            self.outcome = Some(Box::new(Outcome::unsent(why)));
            return;
        }
        self.is_unconfirmed = false;
        let request = BackgroundRequest {
            id: store::new_id(),
            webhook: self.channel.webhook.clone(),
            call: self.channel.uuid.clone(),
            flow: self.channel.flow.clone(),
            account: self.channel.account.clone(),
            request: *request,
        };
        if let Some(spans) = &mut self.spans {
            spans.link_background(&request);
        }
        let stored = self.call_control.persistence.send_later(request);
        let uuid = &self.channel.uuid;
        match timeout(STORE_DEADLINE, stored).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                warn!(call_uuid = %uuid, error, "the background request was not stored");
            }
            Err(_) => {
                warn!(call_uuid = %uuid, "the store is slow; the call goes on without waiting for it");
            }
        }
    }
}

/// Confirms the call, and holds it while its webhook is asked.
async fn confirm_first(unconfirmed: Box<Unconfirmed>, asking: BoxFuture<'static, Asked>) -> Asked {
    match unconfirmed.confirm().await {
        Ok(confirmed) => Asked::Confirmed(Box::pin(asking.map(|asked| {
            drop(confirmed);
            asked
        }))),
        Err(why) => Asked::Refused(why),
    }
}

fn record(permit: Option<WebhookPermit>, outcome: &Outcome) {
    if let Some(permit) = permit {
        permit.record_outcome(outcome);
    }
}
