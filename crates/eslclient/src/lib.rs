// README.md leads to docs.rs, for readers of crates.io. Here the links of this file come first.
#![doc = include_str!("../docs/items.md")]
#![doc = include_str!("../README.md")]
#![allow(
    rustdoc::redundant_explicit_links,
    reason = "else the links of README.md would be taken"
)]
#![warn(unreachable_pub)]

#[cfg(doc)]
#[doc = include_str!("../docs/wire.md")]
pub mod wire {}

#[cfg(doc)]
#[doc = include_str!("../docs/coming-from.md")]
pub mod coming_from {}

mod address;
mod channel_state;
mod client;
mod codec;
mod command;
mod connect;
mod connection;
mod error;
mod event_name;
mod hangup_cause;
mod incoming;
mod names;
mod open;
mod refusal;
mod reply;
mod server;
mod shortened;
mod subscription;
mod supervisor;
mod uuid;

pub use channel_state::{AnswerState, CallDirection, CallState, ChannelState};
pub use client::{Channel, ChannelEvents, Client, ClientOptions, Events, Job, WhenFull};
pub use codec::{ContentType, DecodeError, Decoder, Event, Format, Frame, Limits, MemoryBudget};
pub use command::{
    Command, CommandError, Digits, Endpoint, ExecuteOptions, LogLevel, Originate, Unicast,
};
pub use connect::ConnectOptions;
pub use connection::Connection;
pub use error::{Error, Retry};
pub use event_name::EventName;
pub use hangup_cause::HangupCause;
pub use incoming::{Incoming, Notice, Ticket};
pub use open::{accept_outbound, authenticate, open_inbound, open_outbound};
pub use refusal::Refusal;
pub use reply::Reply;
pub use server::{Arrival, Call, Control, Mode, Server, ServerOptions};
pub use subscription::Subscription;
pub use supervisor::{Gap, Supervisor, Update};
pub use uuid::random as random_uuid;
