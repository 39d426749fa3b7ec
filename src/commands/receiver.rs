//! `switchhook lab --receiver`: the lab's webhook by itself, beside a real switch.

use std::net::SocketAddr;

use chrono::Local;

use switchhook_sim::receiver::{Receiver, Request};

/// Characters of a body that are shown; a line stays a line.
const SHOWN: usize = 16 * 1024;

/// Answers webhooks at `address` and prints a line for each, until Ctrl-C.
///
/// # Errors
/// When the address cannot be listened at.
pub async fn answer(address: SocketAddr) -> Result<bool, String> {
    let (receiver, mut requests) = Receiver::watched(address)
        .await
        .map_err(|error| format!("cannot listen at {address}: {error}; is it running already?"))?;
    eprintln!(
        "answering webhooks at http://{}/; Ctrl-C ends it",
        receiver.address()
    );
    loop {
        tokio::select! {
            Some(request) = requests.recv() => {
                super::say(&format!("{} {}\n", Local::now().format("%H:%M:%S%.3f"), line(&request)))?;
            }
            ended = tokio::signal::ctrl_c() => {
                return ended.map(|()| true).map_err(|error| format!("cannot wait for Ctrl-C: {error}"));
            }
        }
    }
}

/// What came and how it ended. A caller chooses parts of it, so nothing in it can steer a terminal.
fn line(request: &Request) -> String {
    let (how, at) = match (request.answered, request.abandoned) {
        (Some(at), _) => ("answered", at),
        (None, Some(at)) => ("given up by the client", at),
        (None, None) => ("not answered", request.arrived),
    };
    let ms = at.duration_since(request.arrived).as_millis();
    let body = String::from_utf8_lossy(&request.body);
    let (method, target) = (&request.method, &request.target);
    inert(&format!("{method} {target} {how} after {ms} ms: {body}"))
}

fn inert(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(SHOWN));
    for (index, character) in text.chars().enumerate() {
        if index == SHOWN {
            shown.push('…');
            break;
        }
        match character.is_control() {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
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
            inert(&"é".repeat(SHOWN + 1)),
            format!("{}…", "é".repeat(SHOWN))
        );
    }
}
