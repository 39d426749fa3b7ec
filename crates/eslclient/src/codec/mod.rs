//! Turns bytes into frames, and frames into events.
//!
//! A frame is a block of `Name: value` lines, a blank line, and a body of Content-Length
//! bytes. Values are decoded only when they are read. An event costs three allocations:
//! its bytes, the positions of its headers, and one tag byte for each header.

mod content_type;
mod decoder;
mod error;
mod escape;
mod event;
mod event_fields;
mod frame;
mod head;
mod index;
mod json;
mod limits;
mod memory_budget;
mod plain;
mod scan;
mod span;
mod text;

pub use content_type::ContentType;
pub use decoder::Decoder;
pub use error::DecodeError;
pub use event::{Event, Format};
pub use frame::Frame;
pub use limits::Limits;
pub use memory_budget::MemoryBudget;
