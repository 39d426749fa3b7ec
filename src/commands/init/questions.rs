//! What `init` has to know: from its arguments, or asked on a terminal.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::net::SocketAddr;

use url::Url;

use crate::cli::init::Init;
use crate::commands::output;

const SWITCH: &str = "127.0.0.1:8021";
const LISTEN: &str = "127.0.0.1:8084";

/// What the file is made of.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answers {
    pub(super) url: String,
    pub(super) documents: Option<String>,
    pub(super) switch: String,
    pub(super) listen: SocketAddr,
}

impl Answers {
    /// Returns the address of the operator's page.
    pub(super) fn page(&self) -> SocketAddr {
        let port = self.listen.port();
        let page = port.checked_add(1).unwrap_or(port - 1);
        SocketAddr::new(self.listen.ip(), page)
    }
}

/// Returns what the arguments say. On a terminal, asks for the rest.
///
/// # Errors
/// What is wrong with an argument, or which one is missing.
pub(super) fn ask(args: &Init) -> Result<Answers, String> {
    let asks = io::stdin().is_terminal();
    let url = match &args.url {
        Some(url) => checked_url(url)?,
        None if asks => question("URL of the webhook that is called while a caller waits", None, checked_url)?,
        None => return Err("--url is missing: the webhook that is called while a caller waits, such as --url 'https://crm.example/callers/{{ call.caller_number }}'".into()),
    };
    let switch = match &args.switch {
        Some(switch) => checked_switch(switch)?,
        None if asks => question(
            "FreeSWITCH's port for Event Socket clients",
            Some(SWITCH),
            checked_switch,
        )?,
        None => SWITCH.to_owned(),
    };
    let listen = match args.listen {
        Some(listen) => listen,
        None if asks => question(
            "where FreeSWITCH reaches this service",
            Some(LISTEN),
            address,
        )?,
        None => address(LISTEN)?,
    };
    let documents = args.documents.as_deref().map(checked_url).transpose()?;
    Ok(Answers {
        url,
        documents,
        switch,
        listen,
    })
}

/// Asks until the answer is right.
fn question<T>(
    what: &str,
    default: Option<&str>,
    read: fn(&str) -> Result<T, String>,
) -> Result<T, String> {
    let shown = default.map_or_else(String::new, |default| format!(" [{default}]"));
    loop {
        output::stderr(&format!("{what}{shown}: ")).map_err(|error| error.to_string())?;
        let mut line = String::new();
        let length = io::stdin().lock().read_line(&mut line);
        if length.map_err(|error| format!("cannot read the answer: {error}"))? == 0 {
            return Err("nothing is written: the input ended before all answers were there".into());
        }
        let answer = match (line.trim(), default) {
            ("", Some(default)) => default,
            (answer, _) => answer,
        };
        match read(answer) {
            Ok(answer) => return Ok(answer),
            Err(why) => output::stderr(&format!("{why}\n")).map_err(|error| error.to_string())?,
        }
    }
}

fn checked_url(text: &str) -> Result<String, String> {
    let wrong = |why: &str| Err(format!("{text:?} is no URL of a webhook: {why}"));
    match Url::parse(text) {
        Ok(url) if !["http", "https"].contains(&url.scheme()) => wrong("write https:// or http://"),
        Ok(url) if url.host_str().is_none_or(str::is_empty) => wrong("it names no host"),
        Ok(_) => Ok(text.to_owned()),
        Err(error) => wrong(&error.to_string()),
    }
}

fn checked_switch(text: &str) -> Result<String, String> {
    let split = text.rsplit_once(':');
    let right = split.is_some_and(|(host, port)| {
        !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    if right {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is no HOST:PORT, such as {SWITCH}"))
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let parsed = text.parse();
    parsed.map_err(|_| format!("{text:?} is no IP:PORT, such as {LISTEN}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_url_of_a_webhook_is_refused_with_the_reason() {
        for (text, why) in [
            ("crm.example/callers", "relative URL without a base"),
            ("ftp://crm.example", "write https:// or http://"),
            ("https://", "empty host"),
        ] {
            let refused = checked_url(text).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
        let url = "https://crm.example/callers/{{ call.caller_number }}";
        assert_eq!(checked_url(url).as_deref(), Ok(url));
    }

    #[test]
    fn a_switch_is_a_host_with_a_port() {
        for text in ["", "127.0.0.1", ":8021", "pbx:0", "pbx:port"] {
            assert!(checked_switch(text).is_err(), "{text}");
        }
        for text in ["127.0.0.1:8021", "pbx.example:8021", "[::1]:8021"] {
            assert_eq!(checked_switch(text).as_deref(), Ok(text));
        }
    }
}
