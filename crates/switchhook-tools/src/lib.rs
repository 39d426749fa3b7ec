//! What an operator runs beside the service: `doctor`, `replay`, `backtest`.

pub mod backtest;
pub mod doctor;
pub mod replay;
