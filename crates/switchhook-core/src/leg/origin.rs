//! What a leg was made for, and whether it serves customers.

use super::{ChannelEventKind, Leg};
use crate::headers::{Headers, non_empty};

/// Variables that name the leg for which this one was made, if they stand on it at its creation
/// (FreeSWITCH: `switch_ivr_originate.c`, mod_callcenter.c, mod_fifo.c). Queues set theirs on a
/// standing agent's leg too, for each customer; so later events do not count.
const MAKERS: [&str; 5] = [
    "variable_originator",
    "variable_originating_leg_uuid",
    "variable_ent_originate_aleg_uuid",
    "variable_cc_member_session_uuid",
    "variable_fifo_bridge_uuid",
];

impl Leg {
    /// Notes what `CHANNEL_CREATE` says of the leg's origin; without one, what the first event
    /// says. Call it before the event's facts are filled in.
    pub(super) fn note_origin(&mut self, kind: ChannelEventKind, event: &dyn Headers) {
        let creates = kind == ChannelEventKind::Create;
        if creates || self.created_us.is_none() {
            self.maker = maker(creates, event).filter(|maker| *maker != self.uuid);
            let outbound = event.get("Call-Direction").as_deref() == Some("outbound");
            self.crosses_for =
                non_empty(event, "variable_sip_h_X-Flow-Part-Of").filter(|_| creates && outbound);
            self.born_in_flow = creates && non_empty(event, "variable_flow.name").is_some();
        }
    }

    /// Notes the part that a queue gives the leg (FreeSWITCH: mod_callcenter.c, mod_fifo.c).
    pub(super) fn note_queue(&mut self, kind: ChannelEventKind, event: &dyn Headers) {
        let side = event.variable("cc_side");
        let waits = side.as_deref() == Some("member");
        self.queued |= waits || event.variable("fifo_push_timestamp").is_some();
        // A conference dials agents that no header of this leg names, like a queue.
        self.queued |= matches!(
            kind,
            ChannelEventKind::Hangup
                | ChannelEventKind::Complete
                | ChannelEventKind::Destroy
                | ChannelEventKind::Cdr
        ) && event.variable("conference_name").is_some();
        self.serves_queue |= side.as_deref() == Some("agent")
            || event.variable("fifo_role").as_deref() == Some("consumer");
    }

    /// Returns the leg for which this one was made, as far as the switch says.
    #[must_use]
    pub(crate) fn maker(&self) -> Option<&str> {
        self.maker.as_deref().or(self.originator.as_deref())
    }
}

fn maker(creates: bool, event: &dyn Headers) -> Option<String> {
    let mut named = MAKERS.iter().filter_map(|name| non_empty(event, name));
    named.next().or_else(|| {
        // A bridge gives later events another leg, too.
        let dialled = event.get("Other-Type").as_deref() == Some("originator");
        (creates && dialled).then(|| non_empty(event, "Other-Leg-Unique-ID"))?
    })
}
