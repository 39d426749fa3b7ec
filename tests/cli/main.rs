//! The program from outside: its commands, its package, and the rules for its dependencies.

mod check;
mod commands;
mod dependencies;
mod doctor;
mod package;
