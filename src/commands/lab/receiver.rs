//! `switchhook lab --receiver`: only the lab's webhook, for a real switch.

use std::net::SocketAddr;

use chrono::Local;

use switchhook_sim::receiver::{Receiver, Request};

use crate::commands::write_stdout;

/// Characters of a request that are printed.
const SHOWN: usize = 16 * 1024;

/// Answers requests at `address` and prints a line for each, until Ctrl-C.
///
/// # Errors
/// Fails if the address cannot be listened on.
pub async fn answer(address: SocketAddr) -> Result<bool, String> {
    let (receiver, mut requests) = Receiver::watched(address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}; is it running already?"))?;
    eprintln!(
        "answering webhooks at http://{}/; Ctrl-C stops it",
        receiver.address()
    );
    loop {
        tokio::select! {
            Some(request) = requests.recv() => {
                write_stdout(&format!("{} {}\n", Local::now().format("%H:%M:%S%.3f"), line(&request)))?;
            }
            ended = tokio::signal::ctrl_c() => {
                return ended.map(|()| true).map_err(|error| format!("cannot wait for Ctrl-C: {error}"));
            }
        }
    }
}

/// Returns a request and its end as one line. A caller chooses parts of it, so control characters
/// are escaped.
fn line(request: &Request) -> String {
    let (how, at) = match (request.answered, request.abandoned) {
        (Some(at), _) => ("answered", at),
        (None, Some(at)) => ("given up by the client", at),
        (None, None) => ("not answered", request.arrived),
    };
    let ms = at.duration_since(request.arrived).as_millis();
    let body = String::from_utf8_lossy(&request.body);
    let (method, target) = (&request.method, &request.target);
    printable(&format!("{method} {target} {how} after {ms} ms: {body}"))
}

fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(SHOWN));
    for (index, character) in text.chars().enumerate() {
        if index == SHOWN {
            shown.push('…');
            break;
        }
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    #[test]
    fn a_request_is_one_line_without_control_characters() {
        let arrived = Instant::now();
        let request = Request {
            method: "POST".into(),
            target: "/calls".into(),
            headers: Vec::new(),
            body: "{\"a\":\n\"\u{1b}[2J\"}".into(),
            arrived,
            answered: Some(arrived + Duration::from_millis(12)),
            abandoned: None,
        };
        let shown = "POST /calls answered after 12 ms: {\"a\":\\n\"\\u{1b}[2J\"}";
        assert_eq!(line(&request), shown);
    }

    #[test]
    fn a_large_body_is_cut() {
        assert_eq!(
            printable(&"é".repeat(SHOWN + 1)),
            format!("{}…", "é".repeat(SHOWN))
        );
    }
}
