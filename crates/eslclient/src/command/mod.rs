//! Builds commands for the switch. No other module makes bytes for it.
//!
//! No input can become a second command. Text that a line cannot carry goes into a body
//! where the switch accepts one. Elsewhere it is an error that says how to fix the input.

mod block;
mod channel;
mod digits;
mod effect;
mod encoded;
mod endpoint;
mod error;
mod events;
mod executing;
mod log_level;
mod originate;
mod protocol;
mod raw;
mod sendmsg;
mod suggest;
mod variable;

pub use digits::Digits;
pub(crate) use effect::{Effect, Names};
pub use encoded::Command;
pub use endpoint::Endpoint;
pub use error::CommandError;
pub use log_level::LogLevel;
pub use originate::Originate;
pub use sendmsg::{ExecuteOptions, Unicast};
