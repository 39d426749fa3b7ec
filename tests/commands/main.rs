//! The operator's commands as they are run: the real program over a store filled through
//! the library, alone and beside a running `serve`.

mod alone;
mod beside;
mod reports;
mod support;
