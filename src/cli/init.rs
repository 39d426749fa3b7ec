//! The command line of `init`.

use std::net::SocketAddr;

use clap::Args;

/// `switchhook init`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: a webhook that is called while the caller waits\n  \
    switchhook init --url 'https://crm.example/callers/{{ call.caller_number }}'\n\n\
    On a terminal, init asks for what is not given. It never replaces a file.\n\
    Then it runs check and doctor: a fault of the switch or the webhook is shown, with its cure,\n\
    and can be mended later.\n\
    Exit status: 0 the file is written, 1 not, 2 wrong usage"
)]
pub struct Init {
    /// The webhook that is called while a caller waits; templates such as
    /// {{ call.caller_number }} may be in it.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,

    /// Where the document of each finished call is posted; none is made without it.
    #[arg(long, value_name = "URL")]
    pub documents: Option<String>,

    /// FreeSWITCH's port for Event Socket clients [default: 127.0.0.1:8021].
    #[arg(long, value_name = "HOST:PORT")]
    pub switch: Option<String>,

    /// Where FreeSWITCH reaches this service; the page is one port above
    /// [default: 127.0.0.1:8084].
    #[arg(long, value_name = "IP:PORT")]
    pub listen: Option<SocketAddr>,
}
