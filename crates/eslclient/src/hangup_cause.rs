//! Why a channel was hung up, with FreeSWITCH's names and numbers.

use crate::names::named_enum;

named_enum! {
    /// Why a channel was hung up.
    ///
    /// Numbers up to 127 are those of ITU-T Q.850, the others are FreeSWITCH's own.
    /// Source: `switch_call_cause_t` in `switch_types.h`, `CAUSE_CHART` in `switch_channel.c`.
    ///
    /// ```
    /// use eslclient::HangupCause;
    ///
    /// let cause: HangupCause = "USER_BUSY".parse()?;
    /// assert_eq!(cause, HangupCause::UserBusy);
    /// assert_eq!(cause.number(), Some(17));
    /// assert_eq!(cause.to_string(), "USER_BUSY");
    /// // A cause that a later FreeSWITCH adds keeps its name.
    /// assert_eq!(HangupCause::from("NEW_CAUSE").as_str(), "NEW_CAUSE");
    /// # Ok::<(), std::convert::Infallible>(())
    /// ```
    pub enum HangupCause {
        /// No cause: the channel was not hung up. Number 0.
        None = "NONE",
        /// The number does not exist. Number 1.
        UnallocatedNumber = "UNALLOCATED_NUMBER",
        /// No route exists to the transit network. Number 2.
        NoRouteTransitNetwork = "NO_ROUTE_TRANSIT_NET",
        /// No route exists to the destination. Number 3.
        NoRouteDestination = "NO_ROUTE_DESTINATION",
        /// The channel is not acceptable for this call. Number 6.
        ChannelUnacceptable = "CHANNEL_UNACCEPTABLE",
        /// The call is delivered in an established channel. Number 7.
        CallAwardedDelivered = "CALL_AWARDED_DELIVERED",
        /// One party hung up an answered call. Number 16.
        NormalClearing = "NORMAL_CLEARING",
        /// The called party is busy. Number 17.
        UserBusy = "USER_BUSY",
        /// The called party's phone does not respond. Number 18.
        NoUserResponse = "NO_USER_RESPONSE",
        /// The phone rang and nobody answered. Number 19.
        NoAnswer = "NO_ANSWER",
        /// The called party is not reachable. Number 20.
        SubscriberAbsent = "SUBSCRIBER_ABSENT",
        /// The called party rejected the call. Number 21.
        CallRejected = "CALL_REJECTED",
        /// The number has changed. Number 22.
        NumberChanged = "NUMBER_CHANGED",
        /// The call was redirected to another destination. Number 23.
        RedirectionToNewDestination = "REDIRECTION_TO_NEW_DESTINATION",
        /// A network node could not route the call. Number 25.
        ExchangeRoutingError = "EXCHANGE_ROUTING_ERROR",
        /// The destination is out of order. Number 27.
        DestinationOutOfOrder = "DESTINATION_OUT_OF_ORDER",
        /// The number is incomplete or malformed. Number 28.
        InvalidNumberFormat = "INVALID_NUMBER_FORMAT",
        /// A requested facility was rejected. Number 29.
        FacilityRejected = "FACILITY_REJECTED",
        /// A response to a status enquiry. Number 30.
        ResponseToStatusEnquiry = "RESPONSE_TO_STATUS_ENQUIRY",
        /// A normal end without a more exact cause. Number 31.
        NormalUnspecified = "NORMAL_UNSPECIFIED",
        /// No circuit is available. Number 34.
        NormalCircuitCongestion = "NORMAL_CIRCUIT_CONGESTION",
        /// The network is out of order. Number 38.
        NetworkOutOfOrder = "NETWORK_OUT_OF_ORDER",
        /// A temporary failure. Number 41.
        NormalTemporaryFailure = "NORMAL_TEMPORARY_FAILURE",
        /// The switching equipment is congested. Number 42.
        SwitchCongestion = "SWITCH_CONGESTION",
        /// Access information was discarded. Number 43.
        AccessInfoDiscarded = "ACCESS_INFO_DISCARDED",
        /// The requested channel is not available. Number 44.
        RequestedChannelUnavailable = "REQUESTED_CHAN_UNAVAIL",
        /// A call of higher priority took the circuit. Number 45.
        PreEmpted = "PRE_EMPTED",
        /// The caller is not subscribed to a requested facility. Number 50.
        FacilityNotSubscribed = "FACILITY_NOT_SUBSCRIBED",
        /// Outgoing calls are barred. Number 52.
        OutgoingCallBarred = "OUTGOING_CALL_BARRED",
        /// Incoming calls are barred. Number 54.
        IncomingCallBarred = "INCOMING_CALL_BARRED",
        /// The bearer capability is not authorized. Number 57.
        BearerCapabilityNotAuthorized = "BEARERCAPABILITY_NOTAUTH",
        /// The bearer capability is not available at present. Number 58.
        BearerCapabilityNotAvailable = "BEARERCAPABILITY_NOTAVAIL",
        /// The service is not available. Number 63.
        ServiceUnavailable = "SERVICE_UNAVAILABLE",
        /// The bearer capability is not implemented. Number 65.
        BearerCapabilityNotImplemented = "BEARERCAPABILITY_NOTIMPL",
        /// The channel type is not implemented. Number 66.
        ChannelNotImplemented = "CHAN_NOT_IMPLEMENTED",
        /// A requested facility is not implemented. Number 69.
        FacilityNotImplemented = "FACILITY_NOT_IMPLEMENTED",
        /// The service is not implemented. Number 79.
        ServiceNotImplemented = "SERVICE_NOT_IMPLEMENTED",
        /// The call reference is invalid. Number 81.
        InvalidCallReference = "INVALID_CALL_REFERENCE",
        /// The destination is incompatible, such as without a common codec. Number 88.
        IncompatibleDestination = "INCOMPATIBLE_DESTINATION",
        /// An invalid message. Number 95.
        InvalidMessageUnspecified = "INVALID_MSG_UNSPECIFIED",
        /// A mandatory information element is missing. Number 96.
        MandatoryIeMissing = "MANDATORY_IE_MISSING",
        /// The message type does not exist. Number 97.
        MessageTypeNonexistent = "MESSAGE_TYPE_NONEXIST",
        /// The message does not fit the call's state or does not exist. Number 98.
        WrongMessage = "WRONG_MESSAGE",
        /// An information element does not exist. Number 99.
        IeNonexistent = "IE_NONEXIST",
        /// An information element has invalid contents. Number 100.
        InvalidIeContents = "INVALID_IE_CONTENTS",
        /// The message does not fit the call's state. Number 101.
        WrongCallState = "WRONG_CALL_STATE",
        /// A timer expired, such as for SIP 408. Number 102.
        RecoveryOnTimerExpire = "RECOVERY_ON_TIMER_EXPIRE",
        /// A mandatory information element has a wrong length. Number 103.
        MandatoryIeLengthError = "MANDATORY_IE_LENGTH_ERROR",
        /// A protocol error. Number 111.
        ProtocolError = "PROTOCOL_ERROR",
        /// The call crossed a network that does not report causes. Number 127.
        Interworking = "INTERWORKING",
        /// Success. Number 142.
        Success = "SUCCESS",
        /// The caller hung up before an answer. Number 487.
        OriginatorCancel = "ORIGINATOR_CANCEL",
        /// The switch crashed and recovered the call's record. Number 700.
        Crash = "CRASH",
        /// The switch shut down. Number 701.
        SystemShutdown = "SYSTEM_SHUTDOWN",
        /// Another phone of the same call answered first. Number 702.
        LoseRace = "LOSE_RACE",
        /// A command hung the channel up, such as `uuid_kill`. Number 703.
        ManagerRequest = "MANAGER_REQUEST",
        /// The call was transferred blindly. Number 800.
        BlindTransfer = "BLIND_TRANSFER",
        /// The call was transferred after a consultation. Number 801.
        AttendedTransfer = "ATTENDED_TRANSFER",
        /// The time for the call ran out. Number 802.
        AllottedTimeout = "ALLOTTED_TIMEOUT",
        /// The far end requested authentication. Number 803.
        UserChallenge = "USER_CHALLENGE",
        /// No media arrived for too long. Number 804.
        MediaTimeout = "MEDIA_TIMEOUT",
        /// Another phone picked the call up. Number 805.
        PickedOff = "PICKED_OFF",
        /// The user has no registered phone. Number 806.
        UserNotRegistered = "USER_NOT_REGISTERED",
        /// The far end did not report progress in time. Number 807.
        ProgressTimeout = "PROGRESS_TIMEOUT",
        /// The gateway is not configured. Number 808.
        InvalidGateway = "INVALID_GATEWAY",
        /// The gateway is down. Number 809.
        GatewayDown = "GATEWAY_DOWN",
        /// The address is malformed. Number 810.
        InvalidUrl = "INVALID_URL",
        /// The SIP profile is not configured. Number 811.
        InvalidProfile = "INVALID_PROFILE",
        /// No call was there to pick up. Number 812.
        NoPickup = "NO_PICKUP",
        /// Encrypted media could not be read. Number 813.
        SrtpReadError = "SRTP_READ_ERROR",
        /// A loopback channel left the call, whose other legs stay connected. Number 814.
        Bowout = "BOWOUT",
        /// The called party is busy everywhere (SIP 600). Number 815.
        BusyEverywhere = "BUSY_EVERYWHERE",
        /// The called party declined (SIP 603). Number 816.
        Decline = "DECLINE",
        /// The called party exists nowhere (SIP 604). Number 817.
        DoesNotExistAnywhere = "DOES_NOT_EXIST_ANYWHERE",
        /// The call is acceptable nowhere (SIP 606). Number 818.
        NotAcceptable = "NOT_ACCEPTABLE",
        /// The called party does not want the call (SIP 607). Number 819.
        Unwanted = "UNWANTED",
        /// The caller's identity is missing (SIP 428). Number 820.
        NoIdentity = "NO_IDENTITY",
        /// The caller's identity information is unusable (SIP 429). Number 821.
        BadIdentityInfo = "BAD_IDENTITY_INFO",
        /// The certificate of the caller's identity is not supported (SIP 437). Number 822.
        UnsupportedCertificate = "UNSUPPORTED_CERTIFICATE",
        /// The caller's identity is invalid (SIP 438). Number 823.
        InvalidIdentity = "INVALID_IDENTITY",
        /// The date of the caller's identity is stale (SIP 403). Number 824.
        StaleDate = "STALE_DATE",
        /// All calls are rejected. Number 825.
        RejectAll = "REJECT_ALL",
    }
}

/// The highest number of Q.850.
const HIGHEST_Q850: u16 = 127;

impl HangupCause {
    /// Finds the cause with this number in FreeSWITCH.
    ///
    /// ```
    /// use eslclient::HangupCause;
    ///
    /// assert_eq!(HangupCause::from_number(16), Some(HangupCause::NormalClearing));
    /// assert_eq!(HangupCause::from_number(4), None);
    /// ```
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        let mut numbers = NUMBERS.iter();
        numbers
            .find(|(_, known)| *known == number)
            .map(|(cause, _)| cause.clone())
    }

    /// Returns the cause's number in FreeSWITCH; `None` for [`HangupCause::Other`].
    #[must_use]
    pub fn number(&self) -> Option<u16> {
        let mut numbers = NUMBERS.iter();
        numbers
            .find(|(cause, _)| cause == self)
            .map(|(_, number)| *number)
    }

    /// Returns the cause's number in Q.850, as in the channel variable `hangup_cause_q850`.
    ///
    /// FreeSWITCH gives its own causes, such as `ORIGINATOR_CANCEL`, the number 16
    /// (`switch_channel_cause_q850` in `switch_channel.c`). Returns `None` for
    /// [`HangupCause::Other`].
    #[must_use]
    pub fn q850(&self) -> Option<u16> {
        let number = self.number()?;
        Some(if number <= HIGHEST_Q850 { number } else { 16 })
    }
}

/// The numbers of `switch_types.h`.
const NUMBERS: &[(HangupCause, u16)] = &[
    (HangupCause::None, 0),
    (HangupCause::UnallocatedNumber, 1),
    (HangupCause::NoRouteTransitNetwork, 2),
    (HangupCause::NoRouteDestination, 3),
    (HangupCause::ChannelUnacceptable, 6),
    (HangupCause::CallAwardedDelivered, 7),
    (HangupCause::NormalClearing, 16),
    (HangupCause::UserBusy, 17),
    (HangupCause::NoUserResponse, 18),
    (HangupCause::NoAnswer, 19),
    (HangupCause::SubscriberAbsent, 20),
    (HangupCause::CallRejected, 21),
    (HangupCause::NumberChanged, 22),
    (HangupCause::RedirectionToNewDestination, 23),
    (HangupCause::ExchangeRoutingError, 25),
    (HangupCause::DestinationOutOfOrder, 27),
    (HangupCause::InvalidNumberFormat, 28),
    (HangupCause::FacilityRejected, 29),
    (HangupCause::ResponseToStatusEnquiry, 30),
    (HangupCause::NormalUnspecified, 31),
    (HangupCause::NormalCircuitCongestion, 34),
    (HangupCause::NetworkOutOfOrder, 38),
    (HangupCause::NormalTemporaryFailure, 41),
    (HangupCause::SwitchCongestion, 42),
    (HangupCause::AccessInfoDiscarded, 43),
    (HangupCause::RequestedChannelUnavailable, 44),
    (HangupCause::PreEmpted, 45),
    (HangupCause::FacilityNotSubscribed, 50),
    (HangupCause::OutgoingCallBarred, 52),
    (HangupCause::IncomingCallBarred, 54),
    (HangupCause::BearerCapabilityNotAuthorized, 57),
    (HangupCause::BearerCapabilityNotAvailable, 58),
    (HangupCause::ServiceUnavailable, 63),
    (HangupCause::BearerCapabilityNotImplemented, 65),
    (HangupCause::ChannelNotImplemented, 66),
    (HangupCause::FacilityNotImplemented, 69),
    (HangupCause::ServiceNotImplemented, 79),
    (HangupCause::InvalidCallReference, 81),
    (HangupCause::IncompatibleDestination, 88),
    (HangupCause::InvalidMessageUnspecified, 95),
    (HangupCause::MandatoryIeMissing, 96),
    (HangupCause::MessageTypeNonexistent, 97),
    (HangupCause::WrongMessage, 98),
    (HangupCause::IeNonexistent, 99),
    (HangupCause::InvalidIeContents, 100),
    (HangupCause::WrongCallState, 101),
    (HangupCause::RecoveryOnTimerExpire, 102),
    (HangupCause::MandatoryIeLengthError, 103),
    (HangupCause::ProtocolError, 111),
    (HangupCause::Interworking, 127),
    (HangupCause::Success, 142),
    (HangupCause::OriginatorCancel, 487),
    (HangupCause::Crash, 700),
    (HangupCause::SystemShutdown, 701),
    (HangupCause::LoseRace, 702),
    (HangupCause::ManagerRequest, 703),
    (HangupCause::BlindTransfer, 800),
    (HangupCause::AttendedTransfer, 801),
    (HangupCause::AllottedTimeout, 802),
    (HangupCause::UserChallenge, 803),
    (HangupCause::MediaTimeout, 804),
    (HangupCause::PickedOff, 805),
    (HangupCause::UserNotRegistered, 806),
    (HangupCause::ProgressTimeout, 807),
    (HangupCause::InvalidGateway, 808),
    (HangupCause::GatewayDown, 809),
    (HangupCause::InvalidUrl, 810),
    (HangupCause::InvalidProfile, 811),
    (HangupCause::NoPickup, 812),
    (HangupCause::SrtpReadError, 813),
    (HangupCause::Bowout, 814),
    (HangupCause::BusyEverywhere, 815),
    (HangupCause::Decline, 816),
    (HangupCause::DoesNotExistAnywhere, 817),
    (HangupCause::NotAcceptable, 818),
    (HangupCause::Unwanted, 819),
    (HangupCause::NoIdentity, 820),
    (HangupCause::BadIdentityInfo, 821),
    (HangupCause::UnsupportedCertificate, 822),
    (HangupCause::InvalidIdentity, 823),
    (HangupCause::StaleDate, 824),
    (HangupCause::RejectAll, 825),
];

#[cfg(test)]
mod tests {
    use super::{HangupCause, NUMBERS};

    #[test]
    fn every_named_cause_has_one_number() {
        assert_eq!(NUMBERS.len(), HangupCause::KNOWN.len());
        for cause in HangupCause::KNOWN {
            let number = cause.number();
            assert_eq!(
                number.and_then(HangupCause::from_number).as_ref(),
                Some(cause)
            );
        }
    }
}
