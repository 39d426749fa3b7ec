//! Call control on real sockets: the test plays FreeSWITCH on one side and the webhook on the
//! other.

use test_support::{peer, receiver, running};

mod closing;
mod holding;
mod leaving;
mod parked;
mod variables;
