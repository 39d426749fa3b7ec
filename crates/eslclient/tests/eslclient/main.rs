//! Tests of the Event Socket client against captures of a real switch, an independent decoder
//! and a simulated switch.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use test_support::{captures, switch_reader};

mod allocations;
mod anything;
mod anything_callers;
mod anything_switch;
mod captured;
mod client;
mod codec;
mod codec_anything;
mod command;
mod command_anything;
mod connection;
mod connection_writes;
mod errors;
mod examples;
mod far_end;
mod hung_up;
mod names;
mod open;
mod originate;
mod readme;
mod serialize;
mod server;
mod supervisor;
mod switch_names;
mod unread;
mod waiting;
