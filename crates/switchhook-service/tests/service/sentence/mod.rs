//! What the log says: the reason for line 1 in the same words as elsewhere, and the limit that was
//! reached.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what is not as it must be fails the test"
)]

use test_support::{log, peer, place, running};

mod everywhere;
mod limits;
