//! Legs of calls in progress.

use super::{SqlConnection, rows};
use crate::model::StoredLeg;
use crate::operation::Operation;

/// Inserts or updates a leg.
pub(crate) struct PutLeg(pub(crate) StoredLeg);

impl Operation for PutLeg {
    type Output = ();

    fn switch(&self) -> Option<&str> {
        Some(&self.0.switch)
    }

    fn leg(&self) -> Option<&StoredLeg> {
        Some(&self.0)
    }

    fn output_of_leg() -> Option<()> {
        Some(())
    }
}

/// Removes legs of a switch.
pub(crate) struct RemoveLegs {
    pub(crate) switch: String,
    pub(crate) legs: Vec<String>,
}

impl Operation for RemoveLegs {
    type Output = ();

    fn switch(&self) -> Option<&str> {
        Some(&self.switch)
    }
}

/// Returns every leg of every call in progress.
pub(crate) async fn load_legs<C: SqlConnection>(db: &mut C) -> Result<Vec<StoredLeg>, sqlx::Error> {
    db.rows(C::DIALECT.legs, &[], rows::stored_leg).await
}
