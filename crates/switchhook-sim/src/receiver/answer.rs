//! Defines the ways in which the receiver answers.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::Request;

/// Body of a valid answer.
pub(crate) const OK: &str = r#"{"customer":{"name":"Anna Müller","tier":7,"vip":true},"queue":"gold","number":"+919822003887","amount":"$100"}"#;
/// Body of a valid answer as XML.
pub(crate) const XML: &str = "<?xml version=\"1.0\"?><answer><customer tier=\"7\"><name>Anna &amp; Sons</name></customer><queue>gold</queue></answer>";
/// Body of a valid answer as text.
pub(crate) const TEXT: &str = "name=Anna Müller\nqueue=gold\n";
/// Valid body without the customer that the call requires.
pub(crate) const PARTIAL: &str = r#"{"queue":"gold"}"#;
/// Body with values that a switch would expand.
pub(crate) const HOSTILE: &str = r#"{"code":"${strftime(%Y)}","global":"$${uuid}","open":"cost: $","brace":"{uuid}","quotes":"it's \"so\" \\n","lines":"a\r\n\r\nexit\n\n","unload":"unload mod_event_socket","array":"ARRAY::a|:b","percent":"100%25","edges":"  x  "}"#;
/// Body with a template in two halves.
pub(crate) const SPLIT: &str = r#"{"first":"a $","second":"{strftime(%Y)}"}"#;
/// Body whose keys would be names of variables that the switch executes.
pub(crate) const KEYS: &str = r#"{"api_hangup_hook":"strftime %Y","${uuid}":1,"execute_on_answer":"strftime %Y","flow.line":"0\n"}"#;
/// Size in bytes of a value that goes to the switch through a channel's queue.
const LONG: usize = 4096;
/// Body that is not JSON.
pub(crate) const RUBBISH: &str = "{\"customer\": <!doctype html> \u{1}";
/// Size in bytes of a body that just fits the default limit.
pub(crate) const LARGE: usize = 64 * 1024;

/// Largest size of an endless body: 1 GiB.
const FLOOD: usize = 1024 * 1024 * 1024;
/// Largest size of a compressed endless body, which would be 1.2 GiB when unpacked.
const BOMB: usize = 8 * 1024 * 1024;
/// How long a silent answer keeps its connection open.
const SILENCE: Duration = Duration::from_secs(120);

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A status, a content type and a body.
    Plain(u16, &'static str, String),
    /// 429, with the seconds after which the client may come again.
    Busy(u64),
    /// Another answer after a delay.
    Slow(Duration, Box<Answer>),
    /// Single bytes with a pause after each.
    Drip(Duration),
    /// A TCP reset in the middle of the body.
    Reset,
    /// The end of the connection in place of an answer.
    Close,
    /// No bytes at all.
    Silent,
    /// An endless body.
    Flood,
    /// A small body that unpacks to a huge one.
    Bomb,
}

/// How the answer to a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The receiver wrote all of it; the connection stays open.
    Complete,
    /// The receiver broke off, as intended.
    Broken,
    /// The client left first.
    Abandoned,
}

impl Answer {
    /// Returns the answer that the request's path selects. `earlier` counts the requests to the
    /// same target before this one.
    pub(crate) fn of(request: &Request, earlier: impl Fn() -> usize) -> Self {
        let mut words = request.path().trim_start_matches('/').split('/');
        let word = words.next().unwrap_or_default();
        let number = words
            .next()
            .and_then(|word| word.parse::<u64>().ok())
            .unwrap_or(0);
        let time = Duration::from_millis(number);
        match word {
            "slow" => Self::Slow(time, Box::new(json(OK))),
            "drip" => Self::Drip(time),
            "reset" => Self::Reset,
            "silent" => Self::Silent,
            "flood" => Self::Flood,
            "bomb" => Self::Bomb,
            "recovers" if earlier() < usize::try_from(number).unwrap_or(0) => status(503),
            "recovers" => after_a_while(),
            "closes" => match earlier() {
                0 => status(404),
                1 => Self::Close,
                _ => after_a_while(),
            },
            "busy" if earlier() == 0 => Self::Busy(number),
            "status" => status(u16::try_from(number).unwrap_or(500)),
            "xml" => Self::Plain(200, "application/xml", XML.into()),
            "text" => Self::Plain(200, "text/plain; charset=utf-8", TEXT.into()),
            "empty" => Self::Plain(200, "application/json", String::new()),
            "rubbish" => json(RUBBISH),
            "partial" => json(PARTIAL),
            "hostile" => json(HOSTILE),
            "split" => json(SPLIT),
            "keys" => json(KEYS),
            "long" => json(&format!(r#"{{"v":"{}"}}"#, "x".repeat(LONG))),
            "large" => json(&large()),
            _ => json(OK),
        }
    }

    /// Writes the answer.
    pub(crate) async fn give(&self, stream: &mut TcpStream) -> End {
        let written = match self {
            Self::Plain(status, kind, body) => write_all(stream, &whole(*status, kind, body)).await,
            Self::Busy(seconds) => write_all(stream, &busy(*seconds)).await,
            Self::Slow(time, then) => return slow(stream, *time, then).await,
            Self::Drip(pause) => drip(stream, *pause).await,
            Self::Reset => return reset(stream).await,
            Self::Close => return End::Broken,
            Self::Silent => return silent(stream).await,
            Self::Flood => flood(stream).await,
            Self::Bomb => bomb(stream).await,
        };
        if written.is_ok() {
            End::Complete
        } else {
            End::Abandoned
        }
    }
}

/// Returns an answer for which the caller hears music.
fn after_a_while() -> Answer {
    Answer::Slow(Duration::from_millis(400), Box::new(json(OK)))
}

fn json(body: &str) -> Answer {
    Answer::Plain(200, "application/json", body.to_owned())
}

fn status(number: u16) -> Answer {
    Answer::Plain(
        number,
        "application/json",
        format!(r#"{{"status":{number}}}"#),
    )
}

/// Returns exactly [`LARGE`] bytes of JSON.
pub(crate) fn large() -> String {
    let (head, tail) = (r#"{"customer":{"name":"Anna"},"padding":""#, "\"}");
    format!(
        "{head}{}{tail}",
        "x".repeat(LARGE - head.len() - tail.len())
    )
}

/// Returns the bytes of a complete answer. A redirection leads to its own path with another query,
/// so that a client that follows it shows up at this path again.
fn whole(status: u16, kind: &str, body: &str) -> Vec<u8> {
    let reason = http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason());
    let reason = reason.unwrap_or("Unknown");
    let location = if (300..400).contains(&status) {
        "Location: ?followed\r\n"
    } else {
        ""
    };
    let length = body.len();
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\n{location}Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn busy(seconds: u64) -> Vec<u8> {
    format!("HTTP/1.1 429 Too Many Requests\r\nRetry-After: {seconds}\r\nContent-Length: 0\r\n\r\n")
        .into_bytes()
}

async fn write_all(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await
}

/// Completes when the client has left. The client is expected to send nothing before it has its
/// answer.
async fn gone(stream: &mut TcpStream) {
    let mut byte = [0_u8; 1];
    // Any result other than bytes, be it an end or an error, means that the client left.
    while matches!(stream.read(&mut byte).await, Ok(1)) {}
}

async fn slow(stream: &mut TcpStream, time: Duration, then: &Answer) -> End {
    tokio::select! {
        () = sleep(time) => Box::pin(then.give(stream)).await,
        () = gone(stream) => End::Abandoned,
    }
}

async fn silent(stream: &mut TcpStream) -> End {
    tokio::select! {
        () = sleep(SILENCE) => End::Broken,
        () = gone(stream) => End::Abandoned,
    }
}

async fn drip(stream: &mut TcpStream, pause: Duration) -> io::Result<()> {
    let answer = whole(200, "application/json", OK);
    let (head, body) = answer.split_at(answer.len() - OK.len());
    write_all(stream, head).await?;
    for byte in body {
        sleep(pause).await;
        write_all(stream, &[*byte]).await?;
    }
    Ok(())
}

async fn reset(stream: &mut TcpStream) -> End {
    let answer = whole(200, "application/json", OK);
    let half = answer.len() - OK.len() / 2;
    let sent = write_all(stream, &answer[..half]).await;
    // The client needs the first half before the reset, which would otherwise overtake it.
    sleep(Duration::from_millis(20)).await;
    if sent.is_err() || stream.set_zero_linger().is_err() {
        return End::Abandoned;
    }
    End::Broken
}

async fn flood(stream: &mut TcpStream) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {FLOOD}\r\n\r\n"
    );
    write_all(stream, head.as_bytes()).await?;
    repeat(stream, &[b' '; 64 * 1024], FLOOD).await
}

/// Sends gzip data in fixed Huffman codes whose every 13 bytes unpack to 2064: eight copies of 258
/// bytes at distance 1 (RFC 1951, 3.2.6).
async fn bomb(stream: &mut TcpStream) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {BOMB}\r\n\r\n"
    );
    write_all(stream, head.as_bytes()).await?;
    let mut start = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    // The 24 bits are: not the last block, fixed codes, a literal space, one copy.
    start.extend(packed(&format!("01001010000{COPY}")));
    write_all(stream, &start).await?;
    let copies = packed(&COPY.repeat(8)).repeat(1000);
    repeat(stream, &copies, BOMB - start.len()).await
}

/// Code for length 258 (symbol 285) and distance 1 (symbol 0).
const COPY: &str = "1100010100000";

/// Packs bits in stream order, with the first in the lowest place of its byte.
fn packed(bits: &str) -> Vec<u8> {
    let byte = |bits: &[u8]| {
        let ones = bits.iter().enumerate().filter(|(_, bit)| **bit == b'1');
        ones.fold(0_u8, |byte, (at, _)| byte | 1 << at)
    };
    bits.as_bytes().chunks(8).map(byte).collect()
}

async fn repeat(stream: &mut TcpStream, chunk: &[u8], total: usize) -> io::Result<()> {
    let mut sent = 0;
    while sent < total {
        let count = chunk.len().min(total - sent);
        write_all(stream, &chunk[..count]).await?;
        sent += count;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_large_answer_is_json_of_exactly_the_limit() {
        assert_eq!(large().len(), LARGE);
        assert!(serde_json::from_str::<serde_json::Value>(&large()).is_ok());
        assert!(serde_json::from_str::<serde_json::Value>(RUBBISH).is_err());
        assert!(serde_json::from_str::<serde_json::Value>(HOSTILE).is_ok());
    }
}
