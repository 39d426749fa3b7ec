//! What the commands of the command line do: one module and one function each.

mod check;

pub use check::check;
