//! Webhooks: what is asked, where, and what becomes of the answer.

#![allow(clippy::unwrap_used)] // a test's helpers fail by panicking, as it does

mod answers;
mod attacks;
mod delivery;
mod egress;
mod faults;
mod rebinding;
mod rendering;
mod request;
mod secure;
mod streams;
mod support;
mod tokens;
mod values;
