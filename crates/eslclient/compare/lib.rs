//! Nothing: what is measured is in `compare.rs`.
