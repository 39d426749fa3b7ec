//! Names that the lab gives its switch, its flow and its second account.

/// Flow to which every call of the lab belongs.
pub(super) const FLOW: &str = "lab";
/// Account of the calls that are routed to it. All other calls have another account.
pub(super) const ACCOUNT: &str = "acme";
/// Time zone of [`ACCOUNT`].
pub(super) const ZONE: &str = "America/Phoenix";
/// Its offset, which is the same all year, in seconds.
pub(super) const ZONE_OFFSET_S: i32 = -7 * 3_600;
/// Name of the switch, which is part of `cdrId`.
pub(super) const SWITCH: &str = "lab";
