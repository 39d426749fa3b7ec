//! The states of channels and calls, with FreeSWITCH's names.

use crate::names::named_enum;

named_enum! {
    /// The state of a channel's state machine, from the header `Channel-State`.
    ///
    /// Source: `switch_channel_state_t` in `switch_types.h`, `state_names` in
    /// `switch_channel.c`.
    pub enum ChannelState {
        /// The channel was just created.
        New = "CS_NEW",
        /// The channel is initialized.
        Init = "CS_INIT",
        /// The channel looks for an extension of the dialplan.
        Routing = "CS_ROUTING",
        /// The channel is ready for control by a program or another channel.
        SoftExecute = "CS_SOFT_EXECUTE",
        /// The channel executes its dialplan.
        Execute = "CS_EXECUTE",
        /// The channel exchanges media with another channel.
        ExchangeMedia = "CS_EXCHANGE_MEDIA",
        /// The channel accepts media and awaits commands.
        Park = "CS_PARK",
        /// The channel consumes all media and drops it.
        ConsumeMedia = "CS_CONSUME_MEDIA",
        /// The channel sleeps.
        Hibernate = "CS_HIBERNATE",
        /// The channel is being reset.
        Reset = "CS_RESET",
        /// The channel is flagged for hangup.
        Hangup = "CS_HANGUP",
        /// The channel is ready for call detail records.
        Reporting = "CS_REPORTING",
        /// The channel is ready to be destroyed.
        Destroy = "CS_DESTROY",
        /// The channel has no state.
        None = "CS_NONE",
    }
}

named_enum! {
    /// The state of a call as a user sees it, from the header `Channel-Call-State`.
    ///
    /// Source: `switch_channel_callstate_t` in `switch_types.h`, `CALLSTATE_CHART` in
    /// `switch_channel.c`.
    pub enum CallState {
        /// The call has not begun.
        Down = "DOWN",
        /// The switch dials.
        Dialing = "DIALING",
        /// The phone rings.
        Ringing = "RINGING",
        /// The call has early media.
        Early = "EARLY",
        /// The call is answered.
        Active = "ACTIVE",
        /// The call is on hold.
        Held = "HELD",
        /// The call waits for a ringing phone.
        RingWait = "RING_WAIT",
        /// The call is hung up.
        Hangup = "HANGUP",
        /// The call was just taken off hold.
        Unheld = "UNHELD",
    }
}

named_enum! {
    /// Whether a channel is answered, from the header `Answer-State`.
    ///
    /// Source: `switch_channel_event_set_basic_data` in `switch_channel.c`.
    pub enum AnswerState {
        /// The channel is neither answered nor has it early media.
        Ringing = "ringing",
        /// The channel has early media.
        Early = "early",
        /// The channel is answered.
        Answered = "answered",
        /// The channel is hung up.
        Hangup = "hangup",
    }
}

named_enum! {
    /// The direction of a channel as the switch sees it, from the header `Call-Direction`.
    ///
    /// Source: `switch_channel_event_set_basic_data` in `switch_channel.c`.
    pub enum CallDirection {
        /// The far end called the switch.
        Inbound = "inbound",
        /// The switch called the far end.
        Outbound = "outbound",
    }
}
