//! The variables that the hook in the dialplan set before it parked a call.
//!
//! Only the dialplan sets `flow.` variables: a SIP header becomes `sip_h_…`. Even so, their text
//! reaches a command that has a grammar only if it is a word.

use crate::call_control::channel::{
    Channel, HandOver, LineExtensions, WAY_OUT, WEBHOOK, task_number,
};
use crate::event_headers::EventHeaders;
use eslclient::{Command, CommandError, Event};
use switchhook_core::headers::Headers as _;

/// The service that is to take the call.
pub(crate) const SERVICE: &str = "flow.service";
/// The name before `-line-0` and `-line-1`; the webhook's name if it is not set.
const LINES: &str = "flow.lines";
/// The dialplan context of these extensions.
const CONTEXT: &str = "flow.lines_context";
/// The name before `-line-0` and `-line-1` if neither `flow.lines` nor a webhook is set.
const ROUTED: &str = "routed";
/// The context if the hook sets none.
const DEFAULT_CONTEXT: &str = "flows";
/// The application that the channel executes, as the switch notes it.
const APPLICATION: &str = "current_application";
/// The task number of the way out of a call that no service takes.
const UNTAKEN: &str = "flow.untaken";

/// A parked call for this service.
pub(crate) struct ParkedHook {
    pub channel: Channel,
    /// The task number of that way out, to be cancelled now that the call is taken.
    pub untaken: Option<u64>,
}

/// Why a parked call for this service cannot be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HookError {
    /// Without a way out the call would wait for ever if this service died.
    #[error(
        "flow.way_out holds no task's number; schedule a way out before park, as the shipped hook does"
    )]
    NoWayOut,
    /// The channel or its extensions cannot be named in a command.
    #[error("it cannot be transferred: {0} (flow.lines, flow.lines_context)")]
    InvalidTarget(#[from] CommandError),
}

/// Reads a `CHANNEL_PARK` event. Returns `None` if the call is not for `service`.
///
/// A call inside `socket … async` parks too, and may still have the variables of an earlier park
/// (FreeSWITCH: mod_event_socket.c `socket_function`): it belongs to the program on that socket.
///
/// # Errors
/// The call is for this service and cannot be taken.
pub(crate) fn read(event: &Event, service: &str) -> Result<Option<ParkedHook>, HookError> {
    let headers = EventHeaders(event);
    let variable = |name| {
        let value = headers.variable(name).map(std::borrow::Cow::into_owned);
        value.filter(|value| !value.is_empty())
    };
    let webhook = variable(WEBHOOK);
    // The way out is unset once a service has taken the call.
    let is_asked = webhook.is_some() || variable(WAY_OUT).is_some();
    let on_a_socket = variable(APPLICATION).as_deref() == Some("socket");
    if !is_asked || on_a_socket || variable(SERVICE).as_deref() != Some(service) {
        return Ok(None);
    }
    let name = variable(LINES).or(webhook);
    let lines = LineExtensions {
        name: name.unwrap_or_else(|| ROUTED.to_owned()),
        context: variable(CONTEXT).unwrap_or_else(|| DEFAULT_CONTEXT.to_owned()),
    };
    let Some(channel) = Channel::of(&headers, WEBHOOK, HandOver::Parked(lines.clone())) else {
        return Ok(None);
    };
    if channel.way_out.is_none() {
        return Err(HookError::NoWayOut);
    }
    // If this command can be built now, it can be built at the release.
    let LineExtensions { name, context } = lines;
    Command::transfer(&channel.uuid, &format!("{name}-line-1"), &context)?;
    Ok(Some(ParkedHook {
        channel,
        untaken: task_number(&headers, UNTAKEN),
    }))
}
