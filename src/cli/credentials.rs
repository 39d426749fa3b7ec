//! `switchhook password` and `switchhook token`.

use clap::Args;

/// `switchhook password`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: the line for the section [users.ann] of the configuration\n  \
    switchhook password\n\n\
    On a terminal, asks for the password twice, without showing it. Otherwise reads the first line of\n\
    standard input. A password is never an argument: other users of this machine see arguments."
)]
pub struct Password {}

/// `switchhook token`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: a token for a program, and the line for its section [users.NAME]\n  \
    switchhook token"
)]
pub struct Token {
    /// Hash the token on standard input, instead of making one.
    #[arg(long)]
    pub stdin: bool,
}
