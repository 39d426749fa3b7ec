//! `call`: the tries of a webhook, one line each.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use regex::Regex;

use crate::commands::support::{SECRET, Workdir};

/// Starts a server that answers every request with this status.
fn server(status: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut line = String::from("request");
            while !line.trim().is_empty() {
                line.clear();
                stream.read_line(&mut line).unwrap();
            }
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}");
            stream.get_mut().write_all(head.as_bytes()).unwrap();
        }
    });
    address
}

#[test]
fn each_try_has_a_line_with_its_url_outcome_and_time() {
    let (busy, good) = (server("503 Busy"), server("200 OK"));
    let workdir = Workdir::new();
    workdir.configure(&format!(
        "[webhooks.pair]\nmethod = \"GET\"\nurl = \"http://{busy}/?api_key={SECRET}\"\n\
         fallback_urls = [\"http://{good}/?api_key={SECRET}\"]"
    ));
    let printed = workdir.run(&["call", "pair"]).done();
    for (number, address, outcome) in [(1, busy, "HTTP_STATUS 503"), (2, good, "SUCCESS 200")] {
        let url = regex::escape(&format!("http://{address}/?api_key=[secret]"));
        let line = format!(r"(?m)^try {number}    {url}: {outcome} after \d+\.\d{{3}} s$");
        assert!(
            Regex::new(&line).unwrap().is_match(&printed),
            "{line}\n{printed}"
        );
    }
    assert!(
        printed.contains("flow.key.response_attempts = 2\n"),
        "{printed}"
    );
}

#[test]
fn numbers_have_options_and_a_value_that_nothing_reads_is_a_warning() {
    let workdir = Workdir::new();
    let url = format!(
        "http://{}/{{{{ call.caller_number }}}}/{{{{ call.destination_number }}}}",
        server("200 OK")
    );
    workdir.configure(&format!(
        "[webhooks.lookup]\nmethod = \"GET\"\nurl = \"{url}\""
    ));
    let args = [
        "call",
        "lookup",
        "--caller",
        "4930123",
        "--destination",
        "7001",
    ];
    let run = workdir.run(&args);
    assert_eq!(run.err, "");
    assert!(run.done().contains("/4930123/7001"));
    let wrong = ["--var", "flow.key.leadd=1", "--var", "flow.account=acme"];
    let run = workdir.run(&[&args[..], &wrong].concat());
    assert_eq!(
        run.err,
        "warning: no template of the webhook reads flow.key.leadd\n"
    );
}

#[test]
fn what_is_missing_is_named_with_the_option_that_gives_it() {
    let workdir = Workdir::new();
    let url = "http://127.0.0.1:9/{{ call.caller_number }}/{{ flow.key.leadid }}";
    workdir.configure(&format!(
        "[webhooks.lookup]\nmethod = \"GET\"\nurl = \"{url}\""
    ));
    let run = workdir.run(&["call", "lookup"]);
    assert_eq!(run.status, Some(3), "{run:?}");
    assert!(
        run.out
            .contains("\nnot given: --caller NUMBER --var flow.key.leadid=VALUE\n"),
        "{run:?}"
    );
    let run = workdir.run(&["call", "nosuch"]);
    assert_eq!(run.status, Some(3), "{run:?}");
}
