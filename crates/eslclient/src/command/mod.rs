//! Builds commands for the switch. No other module makes bytes for it.
//!
//! No input can become a second command. Text that a line cannot carry goes into a body
//! where the switch accepts one. Elsewhere it is an error that says how to fix the input.

mod block;
mod channel;
mod encoded;
mod error;
mod executing;
mod protocol;
mod sendmsg;
mod variable;

pub use encoded::Command;
pub use error::CommandError;
pub use sendmsg::ExecuteOptions;
