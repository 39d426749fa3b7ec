//! Names that the lab gives its switch, its flow and its second account.

use chrono_tz::Tz;

/// The flow that every call of the lab belongs to.
pub(super) const FLOW: &str = "lab";
/// The account of calls that are routed to it, beside that of all others.
pub(super) const ACCOUNT: &str = "acme";
/// Its time zone.
pub(super) const ZONE: Tz = Tz::America__New_York;
/// The name of the switch, which stands in `cdrId`.
pub(super) const SWITCH: &str = "lab";
