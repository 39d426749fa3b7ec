//! How a call's webhook is asked, on hold or in the background.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tracing::warn;

use crate::call_control::call_connection::CallConnection;
use crate::call_control::channel::{Channel, HandOver};
use crate::call_control::{BackgroundRequest, TaskRequest, confirm, recording_session};
use crate::follow::CallVerifier;
use switchhook_admin::live_calls::ActiveCallGuard;
use switchhook_core::outcome::Outcome;
use switchhook_store as store;
use switchhook_webhook::breakers::WebhookPermit;
use switchhook_webhook::{ResponseMeta, SendContext, Webhook};

use super::CallTask;

/// How long a slow store may hold a caller.
const STORE_DEADLINE: Duration = Duration::from_secs(1);

impl<'a, C: CallConnection> CallTask<'a, C> {
    /// Starts the request. An open circuit fails it without sending anything.
    pub(super) fn ask(&mut self) {
        let (Some(task), Some(mut request)) = (self.task.clone(), self.request.take()) else {
            return;
        };
        let breakers = Arc::clone(&self.call_control.options.breakers);
        // With several tries, each has its own permit.
        let is_tried_once = task.webhook().is_none_or(Webhook::is_tried_once);
        let permit = is_tried_once.then(|| breakers.acquire(&self.channel.webhook));
        let permit = match permit.transpose() {
            Ok(permit) => permit,
            Err(open) => {
                self.pending_outcome = Some(Box::pin(ready(Outcome::unsent(open))));
                return;
            }
        };
        if let TaskRequest::Request(request) = &request {
            self.request_line = Some(request.request_line().into_boxed_str());
        }
        recording_session::record_request(self.recording.as_ref(), &request);
        if let Some(spans) = &mut self.spans {
            spans.begin_request(&mut request);
        }
        let until = self.began + task.timeout();
        self.live_call = Some(self.list_as_live(until));
        let tasks = Arc::clone(&self.tasks);
        let (verifier, uuid) = (self.verifier(), self.channel.uuid.clone());
        self.pending_outcome = Some(match self.recording.clone() {
            Some(recording) => Box::pin(async move {
                let mut answered = ResponseMeta::default();
                let outcome = match confirm::confirm(verifier, &uuid).await {
                    Ok(()) => {
                        let context = SendContext {
                            breakers: Some(&breakers),
                            note: Some(&mut answered),
                        };
                        task.ask(&tasks.client, request, context).await
                    }
                    Err(unknown) => Outcome::unsent(unknown),
                };
                record(permit, &outcome);
                recording.outcome(&outcome, &answered);
                outcome
            }),
            None => Box::pin(async move {
                let outcome = match confirm::confirm(verifier, &uuid).await {
                    Ok(()) => {
                        let context = SendContext {
                            breakers: Some(&breakers),
                            note: None,
                        };
                        task.ask(&tasks.client, request, context).await
                    }
                    Err(unknown) => Outcome::unsent(unknown),
                };
                record(permit, &outcome);
                outcome
            }),
        });
    }

    /// Returns the verifier for this call. A parked call needs none: the switch itself reported it.
    fn verifier(&self) -> Option<Arc<CallVerifier>> {
        match self.channel.hand_over {
            HandOver::Socket { .. } => self.call_control.verifier.clone(),
            HandOver::Parked(_) => None,
        }
    }

    /// Lists the call among those that wait, until the webhook's deadline.
    fn list_as_live(&self, until: Instant) -> ActiveCallGuard<'a> {
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
        self.call_control
            .options
            .live_calls
            .hold(texts, self.began, until)
    }

    /// Stores the request to be sent in the background. Waits for the store for a limited time.
    pub(super) async fn ask_in_background(&mut self) {
        // Rust code is never asked in the background.
        let Some(TaskRequest::Request(request)) = self.request.take() else {
            return;
        };
        let verifier = self.verifier();
        if let Some(recording) = &self.recording {
            recording.request(&request);
        }
        if let Err(unknown) = confirm::confirm(verifier, &self.channel.uuid).await {
            self.outcome = Some(Box::new(Outcome::unsent(unknown)));
            return;
        }
        let request = BackgroundRequest {
            id: store::new_id(),
            webhook: self.channel.webhook.clone(),
            call: self.channel.uuid.clone(),
            flow: self.channel.flow.clone(),
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

fn record(permit: Option<WebhookPermit>, outcome: &Outcome) {
    if let Some(permit) = permit {
        permit.record_outcome(outcome);
    }
}
