//! The built-in laboratory: everything around the service, in one process.
//!
//! `switch` plays a FreeSWITCH. The service between them is the real one, on real sockets.

pub mod receiver;
pub mod switch;
