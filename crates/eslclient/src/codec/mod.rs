//! Bytes to frames, frames to events.
//!
//! A frame is a block of `Name: value` lines, a blank line, and a body of as
//! many bytes as its Content-Length says. Nothing is decoded before it is asked
//! for; an event costs three allocations: its bytes, where its headers lie, their tags.

mod decoder;
mod event;
mod frame;
mod index;
mod json;
mod plain;
mod seek;
mod text;

pub use decoder::{DecodeError, Decoder, Limits};
pub use event::{Event, Format};
pub use frame::{ContentType, Frame};
