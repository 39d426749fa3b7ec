//! The Event Socket of FreeSWITCH: a client that knows the switch and nothing else.
//!
//! Three rooms, each usable alone:
//!
//! * [`codec`] turns bytes into frames and events. Bounded, lazy, no copy per header.
//! * [`command`] is the only place that makes bytes for the switch. What it is
//!   given cannot forge a frame, whatever it holds.
//! * [`connection`] sends commands without waiting for replies, and matches the
//!   replies as they come. [`client`] shares one connection among many callers.
//!
//! Both directions are here: the switch that connects to us (the `socket`
//! application, [`open_outbound`]) and us connecting to the switch (port 8021,
//! [`open_inbound`]).

pub mod client;
pub mod codec;
pub mod command;
pub mod connection;

pub use client::{Client, Disconnected, Events};
pub use codec::{ContentType, DecodeError, Decoder, Event, Format, Frame, Limits};
pub use command::{Command, CommandError, ExecuteOptions, executes};
pub use connection::{
    Connection, Error, Incoming, Notice, Reply, Ticket, authenticate, open_inbound, open_outbound,
};
