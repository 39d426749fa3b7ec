//! Records the outcome of a call.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::media::Timeline;
use super::wire::Traffic;

/// How a call left the `socket` application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The service gave the caller back or closed the connection, and the dialplan went on.
    Released,
    /// No service took the connection, and the dialplan went on.
    NoService,
    /// The way out that the dialplan scheduled moved the caller to line 1.
    Rescued,
    /// Somebody else fetched the caller.
    Fetched,
    /// The caller hung up.
    HungUp,
    /// The service hung the caller up.
    HungUpByService,
    /// The switch itself vanished.
    Vanished,
    /// The caller was never given back.
    Stranded,
}

/// The switch's data of one leg at its end.
#[derive(Debug, Clone)]
pub struct LegRecord {
    /// The leg's Unique-ID.
    pub uuid: String,
    /// Whether the switch dialled the leg.
    pub outbound: bool,
    /// The caller id number at the leg's creation.
    pub caller: String,
    /// The destination number at the leg's creation.
    pub destination: String,
    /// When the leg was created; µs since 1970.
    pub created_us: u64,
    /// When the leg was answered; µs since 1970, 0 if it was not.
    pub answered_us: u64,
    /// When the leg ended; µs since 1970.
    pub ended_us: u64,
    /// The Q.850 number of the hangup cause.
    pub q850: u16,
    /// Whether the far end hung up.
    pub(crate) by_far_end: bool,
    /// Channel variables without `variable_`, with their last values.
    pub variables: BTreeMap<String, String>,
    /// The file to which the leg was recorded, and when that file was closed.
    pub recording: Option<(String, Instant)>,
    /// Beginning and end of the talk in which the leg took part in the call, if it goes on after
    /// the call; µs since 1970.
    pub(crate) talk_us: Option<(u64, u64)>,
}

/// The outcome of one call.
#[derive(Debug, Clone)]
pub struct CallRecord {
    /// The channel's Unique-ID.
    pub uuid: String,
    /// How the call left the service.
    pub left: Left,
    /// The line that the dialplan took; `None` if it took none.
    pub line: Option<u8>,
    /// What the caller heard until the call left the service.
    pub heard: Timeline,
    /// Channel variables without `variable_`, as the call left the service.
    pub variables: BTreeMap<String, String>,
    /// What the peer did that would harm a real switch, caller or dialplan.
    pub violations: Vec<String>,
    /// Whether the caller was answered, by the dialplan or by the service.
    pub answered: bool,
    /// Whether early media was opened for an unanswered caller.
    pub early_media: bool,
    /// How the peer used the wire.
    pub traffic: Traffic,
    /// When a service accepted the connection.
    pub connected: Option<Instant>,
    /// When the caller left the service or was lost.
    pub ended: Option<Instant>,
    /// The call's legs in the order of their start, the caller's first.
    pub legs: Vec<LegRecord>,
    /// How long the peer kept its connection after a hang-up, or after the switch vanished.
    pub kept: Option<Duration>,
}
