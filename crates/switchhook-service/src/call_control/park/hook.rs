//! What the hook in the dialplan set before it parked a call.
//!
//! Only the dialplan sets `flow.` variables: what a SIP header says becomes `sip_h_…`. All
//! the same no text of them reaches a command that has a grammar unless it is a word.

use crate::call_control::channel::{ASKS, AsItCame, Channel, Lines, WAY_OUT, Way, task};
use eslclient::{Command, CommandError, Event};
use switchhook_core::headers::Headers as _;

/// The service that is to take the call.
pub(crate) const SERVICE: &str = "flow.service";
/// The name before `-line-0` and `-line-1`; without it the webhook's.
const LINES: &str = "flow.lines";
/// Their context.
const CONTEXT: &str = "flow.lines_context";
/// The lines of a call that is parked with neither of the two.
const ROUTED: &str = "routed";
/// Where the lines are when the hook does not say.
const DEFAULT_CONTEXT: &str = "flows";
/// What the channel executes, as the switch keeps it.
const APPLICATION: &str = "current_application";
/// The way out of a call that nobody takes.
const UNTAKEN: &str = "flow.untaken";

/// A parked call that is given to us.
pub(crate) struct Hook {
    pub channel: Channel,
    /// The scheduled task to cancel now that the call is taken.
    pub untaken: Option<u64>,
}

/// Why a call that is given to us cannot be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    /// If we died it would wait for ever.
    #[error(
        "flow.way_out holds no task's number; schedule a way out before park, as the shipped hook does"
    )]
    NoWayOut,
    /// The channel, or where it is to go on.
    #[error("it cannot be sent on: {0} (flow.lines, flow.lines_context)")]
    Nowhere(#[from] CommandError),
}

/// Reads a `CHANNEL_PARK`; `None` when it is no call for `service`.
///
/// A call inside `socket … async` parks too, and may still have the variables of a park
/// before (FreeSWITCH: mod_event_socket.c `socket_function`): whoever is at the socket has it.
///
/// # Errors
/// When it is, and cannot be taken.
pub(crate) fn read(event: &Event, service: &str) -> Result<Option<Hook>, Unusable> {
    let headers = AsItCame(event);
    let variable = |name| {
        let value = headers.variable(name).map(std::borrow::Cow::into_owned);
        value.filter(|value| !value.is_empty())
    };
    let webhook = variable(ASKS);
    // A way out stands only as long as nobody has taken the call.
    let is_asked = webhook.is_some() || variable(WAY_OUT).is_some();
    let on_a_socket = variable(APPLICATION).as_deref() == Some("socket");
    if !is_asked || on_a_socket || variable(SERVICE).as_deref() != Some(service) {
        return Ok(None);
    }
    let name = variable(LINES).or(webhook);
    let lines = Lines {
        name: name.unwrap_or_else(|| ROUTED.to_owned()),
        context: variable(CONTEXT).unwrap_or_else(|| DEFAULT_CONTEXT.to_owned()),
    };
    let Some(channel) = Channel::of(&headers, ASKS, Way::Parked(lines.clone())) else {
        return Ok(None);
    };
    if channel.way_out.is_none() {
        return Err(Unusable::NoWayOut);
    }
    // What can be said now can be said when the call is let go.
    let Lines { name, context } = lines;
    Command::transfer(&channel.uuid, &format!("{name}-line-1"), &context)?;
    Ok(Some(Hook {
        channel,
        untaken: task(&headers, UNTAKEN),
    }))
}
