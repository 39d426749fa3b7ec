//! The program: parses the command line, runs the command, returns its exit status.

mod cli;
mod commands;

use std::process::ExitCode;

use clap::Parser;

use cli::{Command, CommandLine};
use switchhook_service::zoneinfo;

fn main() -> ExitCode {
    // Before anything names a time zone.
    zoneinfo::use_the_newer();
    let line = CommandLine::parse();
    match &line.command {
        Command::Serve(args) => commands::serve(&line.config, args.json_logs),
        #[cfg(feature = "lab")]
        Command::Lab(args) => commands::lab(args),
        Command::Init(args) => commands::init(&line.config, args),
        Command::Call(args) => commands::call(&line.config, args),
        Command::Check(args) => commands::check(&line.config, args),
        Command::Doctor(args) => commands::doctor(&line.config, args),
        Command::Outbox(command) => commands::outbox(&line.config, command),
        Command::Metrics(args) => commands::metrics(args),
        Command::Events(args) => commands::events(&line.config, args),
        Command::Report(args) => commands::report(&line.config, args),
        Command::Forget(args) => commands::forget(&line.config, args),
        Command::Backup(args) => commands::backup(&line.config, args),
        Command::Restore(args) => commands::restore(&line.config, args),
        Command::Replay(args) => commands::replay(&line.config, args),
        Command::Backtest(args) => commands::backtest(&line.config, args),
        Command::Password(args) => commands::password(args),
        Command::Token(args) => commands::token(args),
        Command::Completions(args) => commands::completions(args),
        Command::Man => commands::man(),
    }
}
