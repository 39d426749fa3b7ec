//! Tests requests, addresses, connections and responses of webhooks.

#![allow(clippy::unwrap_used)] // a test's helpers fail by panicking, as it does

mod addresses;
mod answers;
mod attacks;
mod compile_errors;
mod delivery;
mod egress;
mod hung;
mod kept;
mod meant;
mod numbers;
mod proxies;
mod rebinding;
mod rendering;
mod request;
mod responses;
mod secure;
mod streams;
mod support;
mod tls_faults;
mod tokens;
mod tries;
mod values;
