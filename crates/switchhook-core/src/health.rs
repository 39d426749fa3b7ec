//! What `/readyz` is told.

/// Whether a part is well, and what is wrong when it is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// It is well.
    pub ok: bool,
    /// One sentence with the cure; empty when it is well.
    pub what: String,
}

impl Health {
    /// All is well.
    #[must_use]
    pub fn well() -> Self {
        Self {
            ok: true,
            what: String::new(),
        }
    }

    /// Something is wrong.
    #[must_use]
    pub fn ill(what: impl Into<String>) -> Self {
        Self {
            ok: false,
            what: what.into(),
        }
    }
}
