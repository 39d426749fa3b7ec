#![doc = include_str!("../README.md")]
#![warn(unreachable_pub)]

mod channel_state;
mod client;
mod codec;
mod command;
mod connection;
mod error;
mod hangup_cause;
mod incoming;
mod names;
mod open;
mod refusal;
mod reply;
mod shortened;

pub use channel_state::{AnswerState, CallDirection, CallState, ChannelState};
pub use client::{Client, Events};
pub use codec::{ContentType, DecodeError, Decoder, Event, Format, Frame, Limits};
pub use command::{Command, CommandError, ExecuteOptions};
pub use connection::Connection;
pub use error::{Error, Retry};
pub use hangup_cause::HangupCause;
pub use incoming::{Incoming, Notice, Ticket};
pub use open::{authenticate, open_inbound, open_outbound};
pub use refusal::Refusal;
pub use reply::Reply;
