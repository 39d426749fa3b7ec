//! The program from outside: its commands, its package, and the rules for its dependencies.

mod alerts;
mod architecture;
mod check;
mod commands;
mod cures;
mod dependencies;
mod deployed;
mod doctor;
mod manual;
mod package;
