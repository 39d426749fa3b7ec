//! Decides which webhook a call asks, and what is sent.

use std::sync::Arc;

use super::channel::Channel;
use super::{TaskRequest, WebhookTask, WebhookTasks};
use switchhook_core::headers::Headers;
use switchhook_core::outcome::{Failure, Reason};
use switchhook_core::session::CallPlan;

/// What the session is to do with a call.
pub(crate) struct Decision {
    pub task: CallPlan,
    pub webhook_task: Option<Arc<WebhookTask>>,
    pub request: Result<TaskRequest, Failure>,
}

impl Decision {
    /// Decides for a channel with these headers. Without `room`, nothing is asked.
    pub(super) fn for_channel(
        channel: &mut Channel,
        headers: &dyn Headers,
        tasks: &WebhookTasks,
        room: bool,
    ) -> Self {
        let zone = channel.apply_tenant(headers, &tasks.tenants);
        let task = match find_task(channel, tasks, room) {
            Ok(task) => task,
            Err(refused) => return *refused,
        };
        let request = task.prepare(&channel.with_route_variables(headers), zone);
        Self::for_request(task, request)
    }

    /// Decides for a request that was rendered, or failed to be.
    pub(super) fn for_request(
        webhook_task: Arc<WebhookTask>,
        request: Result<TaskRequest, Failure>,
    ) -> Self {
        let task = match &request {
            Ok(_) if !webhook_task.wait_for_response => CallPlan::SendInBackground,
            Ok(_) => CallPlan::SendRequest,
            Err(_) => CallPlan::Fail,
        };
        Self {
            task,
            webhook_task: Some(webhook_task),
            request,
        }
    }

    fn refusal(webhook_task: Option<Arc<WebhookTask>>, failure: Failure) -> Box<Self> {
        Box::new(Self {
            task: CallPlan::Fail,
            webhook_task,
            request: Err(failure),
        })
    }
}

/// Returns the webhook that a channel asks.
///
/// # Errors
/// The decision for an unknown webhook, a hook that hands over in a mode of no use, or a call without
/// `room`.
pub(crate) fn find_task(
    channel: &Channel,
    tasks: &WebhookTasks,
    room: bool,
) -> Result<Arc<WebhookTask>, Box<Decision>> {
    let name = channel.webhook.as_str();
    let task = tasks.by_name.get(name).cloned();
    if let Some(fault) = channel.mode_fault() {
        let failure = Failure::new(Reason::InvalidRequest, fault);
        return Err(Decision::refusal(task, failure));
    }
    match task {
        None if name.is_empty() => Err(Decision::refusal(None, no_route(channel))),
        None => Err(Decision::refusal(None, unknown(name))),
        Some(task) if !room => Err(Decision::refusal(Some(task), overloaded())),
        Some(task) => Ok(task),
    }
}

fn unknown(name: &str) -> Failure {
    let detail = format!(
        "no webhook is named \"{name}\"; name one of the configuration's in the dialplan's hook"
    );
    Failure::new(Reason::InvalidRequest, detail)
}

fn no_route(channel: &Channel) -> Failure {
    let detail = format!(
        "the dialplan names no webhook, and no route with one fits this call to \"{}\"; add [[routes]], \
         or name a webhook in the dialplan",
        channel.destination
    );
    Failure::new(Reason::InvalidRequest, detail)
}

fn overloaded() -> Failure {
    Failure::new(
        Reason::Overloaded,
        "too many calls are on hold; raise [limits] calls_on_hold or add a service",
    )
}
