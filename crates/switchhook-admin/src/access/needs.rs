//! What a route needs.

use super::{Access, Kind, Role};

/// What a request needs for a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing: it holds nothing of a call.
    Nothing,
    /// A role. The route shows and changes only what the user's accounts have.
    Role(Role),
    /// A role, and every account.
    RoleInAll(Role),
}

impl Needs {
    /// Whether a request may use the route. `changes`: it is no GET.
    pub(crate) fn admit(self, access: &Access, changes: bool) -> bool {
        let (role, everything) = match self {
            Self::Nothing => return true,
            Self::Role(role) => (role, false),
            Self::RoleInAll(role) => (role, true),
        };
        match access.kind() {
            Kind::Nobody => false,
            Kind::Local => !changes,
            Kind::User => access.role() >= role && !(everything && access.is_limited()),
        }
    }
}
