//! What an operator runs beside the service: `doctor`, `replay`, `backtest`.

#![warn(unreachable_pub)]

pub mod backtest;
pub mod doctor;
pub mod replay;
