//! The program as it is run: its commands, and what the repository promises of itself.

mod architecture;
mod check;
mod commands;
mod dependencies;
mod doctor;
mod package;
