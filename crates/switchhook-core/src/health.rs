//! The health of one component, as `/readyz` reports it.

/// Whether a component is healthy, and the problem if it is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The component is healthy.
    pub ok: bool,
    /// One sentence with the cure; empty if healthy.
    pub what: String,
}

impl Health {
    /// Returns the state of a healthy component.
    #[must_use]
    pub fn healthy() -> Self {
        Self {
            ok: true,
            what: String::new(),
        }
    }

    /// Returns the state of a failing component.
    #[must_use]
    pub fn failing(what: impl Into<String>) -> Self {
        Self {
            ok: false,
            what: what.into(),
        }
    }
}
