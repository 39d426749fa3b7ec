//! What the log says: why a caller took line 1 reads as everywhere else, a limit that was hit
//! is named.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what is not as it must be fails the test"
)]

use test_support::{log, peer, place, running};

mod everywhere;
mod limits;
