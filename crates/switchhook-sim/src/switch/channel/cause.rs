//! Names a channel's states and its hangup causes.

/// A channel's place in the switch's state machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::switch) enum State {
    Init,
    Execute,
    SoftExecute,
    ExchangeMedia,
    Park,
    ConsumeMedia,
    Hangup,
    Reporting,
    Destroy,
}

impl State {
    pub(in crate::switch) fn name(self) -> &'static str {
        match self {
            Self::Init => "CS_INIT",
            Self::Execute => "CS_EXECUTE",
            Self::SoftExecute => "CS_SOFT_EXECUTE",
            Self::ExchangeMedia => "CS_EXCHANGE_MEDIA",
            Self::Park => "CS_PARK",
            Self::ConsumeMedia => "CS_CONSUME_MEDIA",
            Self::Hangup => "CS_HANGUP",
            Self::Reporting | Self::Destroy => "CS_REPORTING",
        }
    }

    pub(in crate::switch) fn number(self) -> u8 {
        match self {
            Self::Init => 2,
            Self::SoftExecute => 3,
            Self::Execute => 4,
            Self::ExchangeMedia => 5,
            Self::Park => 6,
            Self::ConsumeMedia => 7,
            Self::Hangup => 10,
            Self::Reporting => 11,
            Self::Destroy => 12,
        }
    }
}

/// The state of the call as its caller sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::switch) enum CallState {
    Down,
    Ringing,
    Early,
    Active,
    Held,
    Unheld,
    Hangup,
}

impl CallState {
    pub(in crate::switch) fn name(self) -> &'static str {
        match self {
            Self::Down => "DOWN",
            Self::Ringing => "RINGING",
            Self::Early => "EARLY",
            Self::Active => "ACTIVE",
            Self::Held => "HELD",
            Self::Unheld => "UNHELD",
            Self::Hangup => "HANGUP",
        }
    }
}

/// Why a channel went down, and which end hung up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The switch's name of the cause, for example `NORMAL_CLEARING`.
    pub name: String,
    /// `sip_hangup_disposition`: `recv_bye` when the caller hung up.
    pub disposition: &'static str,
}

impl Cause {
    /// Returns the cause of a caller's hang-up.
    #[must_use]
    pub fn by_caller() -> Self {
        Self {
            name: "NORMAL_CLEARING".into(),
            disposition: "recv_bye",
        }
    }

    /// Returns the cause of a hang-up by the switch.
    #[must_use]
    pub(crate) fn by_switch(name: &str) -> Self {
        Self {
            name: name.into(),
            disposition: "send_bye",
        }
    }

    /// Returns the cause of a called party that refused or could not be reached.
    #[must_use]
    pub fn refused(name: &str) -> Self {
        Self {
            name: name.into(),
            disposition: "recv_refuse",
        }
    }

    /// Returns whether the far end hung up, by the switch's account.
    #[must_use]
    pub(crate) fn by_far_end(&self) -> bool {
        self.disposition.starts_with("recv_")
    }

    /// Returns the cause's Q.850 number (switch_types.h; a cancelled originate counts as 16).
    #[must_use]
    pub fn q850(&self) -> u16 {
        match self.name.as_str() {
            "USER_BUSY" => 17,
            "NO_USER_RESPONSE" => 18,
            "NO_ANSWER" => 19,
            "CALL_REJECTED" => 21,
            "DESTINATION_OUT_OF_ORDER" => 27,
            "NORMAL_TEMPORARY_FAILURE" => 41,
            _ => 16,
        }
    }
}
