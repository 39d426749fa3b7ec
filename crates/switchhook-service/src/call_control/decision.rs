//! Which webhook a call asks, and what is to be sent.

use std::sync::Arc;

use super::channel::Channel;
use super::{Asked, WebhookTask, WebhookTasks};
use switchhook_core::headers::Headers;
use switchhook_core::outcome::{Failure, Reason};
use switchhook_core::session::Task;

/// What is to be done with a call.
pub(crate) struct Decision {
    pub task: Task,
    pub widget: Option<Arc<WebhookTask>>,
    pub request: Result<Asked, Failure>,
}

impl Decision {
    /// For a channel with these headers. With no `room`, nothing is asked.
    pub(super) fn of(
        channel: &mut Channel,
        headers: &dyn Headers,
        widgets: &WebhookTasks,
        room: bool,
    ) -> Self {
        let zone = channel.settle(headers, &widgets.tenants);
        let widget = match find(channel, widgets, room) {
            Ok(widget) => widget,
            Err(refused) => return *refused,
        };
        let request = widget.prepare(&channel.with(headers), zone);
        Self::with(widget, request)
    }

    /// For a request that was made, or could not be.
    pub(super) fn with(widget: Arc<WebhookTask>, request: Result<Asked, Failure>) -> Self {
        let task = match &request {
            Ok(_) if !widget.wait_for_response => Task::AskInBackground,
            Ok(_) => Task::Ask,
            Err(_) => Task::Refuse,
        };
        Self {
            task,
            widget: Some(widget),
            request,
        }
    }

    fn refusal(widget: Option<Arc<WebhookTask>>, failure: Failure) -> Box<Self> {
        Box::new(Self {
            task: Task::Refuse,
            widget,
            request: Err(failure),
        })
    }
}

/// The webhook that a channel asks, or what is to be done without.
///
/// # Errors
/// An unknown webhook, or no `room`.
pub(crate) fn find(
    channel: &Channel,
    widgets: &WebhookTasks,
    room: bool,
) -> Result<Arc<WebhookTask>, Box<Decision>> {
    let name = channel.widget.as_str();
    match widgets.by_name.get(name).cloned() {
        None if name.is_empty() => Err(Decision::refusal(None, routeless(channel))),
        None => Err(Decision::refusal(None, unknown(name))),
        Some(widget) if !room => Err(Decision::refusal(Some(widget), overloaded())),
        Some(widget) => Ok(widget),
    }
}

fn unknown(name: &str) -> Failure {
    let detail = format!(
        "no webhook is named \"{name}\"; the hook in the dialplan names one of the config's"
    );
    Failure::new(Reason::InvalidRequest, detail)
}

fn routeless(channel: &Channel) -> Failure {
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
