//! What became of a call.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::media::Timeline;
use super::wire::Traffic;

/// How a call left the `socket` application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The service gave the caller back, or closed, and the dialplan went on.
    Released,
    /// No service took the connection; the dialplan went on.
    NoService,
    /// The way out that the dialplan scheduled took the caller to line 1.
    Rescued,
    /// The caller hung up.
    HungUp,
    /// The service hung the caller up.
    HungUpByService,
    /// The switch itself went away.
    Vanished,
    /// Nobody gave the caller back.
    Stranded,
}

/// What the switch knew of one leg when it was gone.
#[derive(Debug, Clone)]
pub struct LegRecord {
    /// Unique-ID.
    pub uuid: String,
    /// The switch dialled it.
    pub outbound: bool,
    /// Caller id number when it was created.
    pub caller: String,
    /// Destination number when it was created.
    pub destination: String,
    /// µs since 1970.
    pub created_us: u64,
    /// µs since 1970; 0 when nobody answered.
    pub answered_us: u64,
    /// µs since 1970.
    pub ended_us: u64,
    /// Q.850 number of the cause.
    pub q850: u16,
    /// The far end hung up.
    pub(crate) by_far_end: bool,
    /// Channel variables without `variable_`, as they were in the end.
    pub variables: BTreeMap<String, String>,
    /// The file it was recorded to, and when that was closed.
    pub recording: Option<(String, Instant)>,
}

/// What one call was like.
#[derive(Debug, Clone)]
pub struct CallRecord {
    /// The channel's Unique-ID.
    pub uuid: String,
    /// How it left the service.
    pub left: Left,
    /// The line that the dialplan took; `None` when it took none.
    pub line: Option<u8>,
    /// What the caller heard until then.
    pub heard: Timeline,
    /// Channel variables without `variable_`, as they were then.
    pub variables: BTreeMap<String, String>,
    /// What the peer did that a real switch, caller or dialplan would suffer from.
    pub violations: Vec<String>,
    /// The caller was answered, by the dialplan or by the service.
    pub answered: bool,
    /// Early media was opened for an unanswered caller.
    pub early_media: bool,
    /// How the peer used the wire.
    pub traffic: Traffic,
    /// When a service accepted the connection.
    pub connected: Option<Instant>,
    /// When the caller left the service or was lost.
    pub ended: Option<Instant>,
    /// Its legs in the order of their start, the caller's first.
    pub legs: Vec<LegRecord>,
    /// How long after a hang-up, or after the switch vanished, the peer kept its connection.
    pub kept: Option<Duration>,
}
