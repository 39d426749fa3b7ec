//! Implements the null handler, which sends the bytes of a call and does nothing else.
//!
//! Its result is the most that the machine can do. The result of every other handler is a share of
//! it.
//!
//! It writes what the service writes, on the same sockets, with the same HTTP exchange and hold
//! music. It parses nothing: it only copies from the channel the three texts that canned bytes
//! cannot contain.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::answer::ANSWER;

/// The service watches whether somebody fetches the call if no answer arrives within this time.
const WATCH_AFTER: Duration = Duration::from_millis(20);
/// The service starts music if no answer arrives within this time after that.
const MUSIC_AFTER: Duration = Duration::from_millis(80);
/// Number of connections kept for later requests, equal to the service's number.
const KEPT: usize = 64;
/// A body as long as the predefined document that the service sends during a call.
const BODY: &str = r#"{"callDetails":[{"calleeNumber":"919822003887","connectTime":"2026-11-23T19:24:52.232+00:00","didNumber":"7000","duration":"0","incoming":true,"startTime":"2026-11-23T19:24:52.232+00:00"}],"keys":[{"name":"$flow.key.leadid","value":"lab-1000"}],"phonon-uuid":"9dbf52a2-a7ba-4e4b-9288-d8fcfdbaf8fe"}"#;

/// The null handler's HTTP implementation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Http {
    /// Canned bytes on its own sockets.
    Canned,
    /// The service's HTTP client. Memory that a waiting call takes beyond this is the service's
    /// own.
    Client,
}

/// Handles calls on `listener` with the answers of the webhook at `webhook`, until dropped.
///
/// # Errors
/// Returns an error if the HTTP client cannot start.
pub async fn handle(listener: TcpListener, webhook: SocketAddr, http: Http) -> io::Result<()> {
    let asks = match http {
        Http::Canned => Asks::Canned(webhook, Mutex::default()),
        Http::Client => Asks::Client(webhook, client()?),
    };
    let asks = Arc::new(asks);
    loop {
        match listener.accept().await {
            // The load generator counts an aborted call, so its error is not needed here.
            Ok((stream, _)) => drop(tokio::spawn(call(stream, Arc::clone(&asks)))),
            // The process is most likely out of descriptors: wait until some are closed.
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

fn client() -> io::Result<reqwest::Client> {
    // The webhook is on loopback without TLS, but reqwest requires a configuration.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent("switchhook-null")
        .pool_max_idle_per_host(KEPT)
        .no_proxy()
        .build()
        .map_err(io::Error::other)
}

enum Asks {
    Canned(SocketAddr, Mutex<Vec<TcpStream>>),
    Client(SocketAddr, reqwest::Client),
}

impl Asks {
    async fn ask(&self, lead: &str) -> io::Result<()> {
        match self {
            Self::Canned(webhook, kept) => canned(*webhook, kept, lead).await,
            Self::Client(webhook, client) => {
                let url = format!("http://{webhook}/lookup?lead={lead}");
                let request = client.post(url).header("content-type", "application/json");
                let answer = request.body(BODY).send().await.map_err(io::Error::other)?;
                answer.bytes().await.map(drop).map_err(io::Error::other)
            }
        }
    }
}

async fn canned(webhook: SocketAddr, kept: &Mutex<Vec<TcpStream>>, lead: &str) -> io::Result<()> {
    let open = kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut stream = match open {
        Some(stream) => stream,
        None => TcpStream::connect(webhook).await?,
    };
    let length = BODY.len();
    let request = format!(
        "POST /lookup?lead={lead} HTTP/1.1\r\nhost: {webhook}\r\nuser-agent: switchhook-null\r\naccept: */*\r\naccept-encoding: gzip,deflate\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{BODY}"
    );
    stream.write_all(request.as_bytes()).await?;
    drop(request);
    stream.read_exact(&mut [0; ANSWER.len()]).await?;
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() < KEPT {
        kept.push(stream);
    }
    Ok(())
}

async fn call(mut stream: TcpStream, asks: Arc<Asks>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"connect\n\n").await?;
    let Channel {
        uuid,
        way_out,
        lead,
    } = Channel::read(&mut stream).await?;
    let mut asking = Box::pin(asks.ask(&lead));
    let played = match timeout(WATCH_AFTER, &mut asking).await {
        Ok(answered) => answered.map(|()| false)?,
        Err(_) => {
            stream.write_all(watch(&uuid).as_bytes()).await?;
            play_until_answered(&mut stream, &uuid, asking).await?
        }
    };
    stream
        .write_all(leaving(&uuid, &way_out, played).as_bytes())
        .await?;
    // Boxed, so that a waiting call does not hold the read buffer that only its end needs.
    Box::pin(end(stream)).await
}

/// Starts music if the answer takes longer. Returns whether it was started.
async fn play_until_answered(
    stream: &mut TcpStream,
    uuid: &str,
    mut asking: Pin<Box<impl Future<Output = io::Result<()>>>>,
) -> io::Result<bool> {
    if let Ok(answered) = timeout(MUSIC_AFTER, &mut asking).await {
        return answered.map(|()| false);
    }
    stream.write_all(music(uuid).as_bytes()).await?;
    asking.await.map(|()| true)
}

/// Reads the replies and the goodbye as they arrive.
async fn end(mut stream: TcpStream) -> io::Result<()> {
    while stream.read(&mut [0; 8192]).await? > 0 {}
    Ok(())
}

struct Channel {
    uuid: String,
    way_out: String,
    lead: String,
}

impl Channel {
    async fn read(stream: &mut TcpStream) -> io::Result<Self> {
        let mut read = Vec::with_capacity(8192);
        while !read.ends_with(b"\n\n") {
            if stream.read_buf(&mut read).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Self {
            uuid: after(&read, b"\nUnique-ID: "),
            way_out: after(&read, b"\nvariable_flow.way_out: "),
            lead: after(&read, b"\nvariable_flow.key.leadid: "),
        })
    }
}

/// Returns the rest of the line after `marker`, or an empty string if there is no marker.
fn after(read: &[u8], marker: &[u8]) -> String {
    let start = memchr::memmem::find(read, marker).map_or(read.len(), |at| at + marker.len());
    let rest = &read[start..];
    let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    String::from_utf8_lossy(&rest[..end]).into_owned()
}

/// Returns the commands that show whether somebody fetches the call.
fn watch(uuid: &str) -> String {
    let mut text =
        format!("filter Unique-ID {uuid}\n\nevent plain CHANNEL_UNPARK CHANNEL_PARK\n\n");
    command(&mut text, "uuid_getvar", uuid, "transfer_source");
    text
}

/// Returns the commands that clear variables of an earlier webhook and start music.
fn music(uuid: &str) -> String {
    let mut text = String::with_capacity(512);
    for name in MAPPED {
        command(&mut text, "uuid_setvar", uuid, name);
    }
    text.push_str(
        "sendmsg\ncall-command: execute\nexecute-app-name: playback\nloops: -8084\n\
         execute-app-arg: ${hold_music}\n\n",
    );
    text
}

/// Returns the commands that set the variables for this answer, grouped as the service groups
/// them.
fn leaving(uuid: &str, way_out: &str, played: bool) -> String {
    let mut text = String::with_capacity(2048);
    if played {
        command(&mut text, "uuid_break", uuid, "all");
    }
    for pair in VARIABLES {
        command(&mut text, "uuid_setvar", uuid, pair);
    }
    for part in ["api sched_del ", way_out, "\n\n"] {
        text.push_str(part);
    }
    if played {
        command(&mut text, "uuid_setvar", uuid, "socket_resume");
        text.push_str("sendmsg\ncall-command: execute\nexecute-app-name: break\n\n");
        command(&mut text, "uuid_getvar", uuid, "transfer_source");
    } else {
        // So early, the park may not have begun.
        text.push_str("resume\n\n");
    }
    text.push_str("exit\n\n");
    text
}

fn command(text: &mut String, name: &str, uuid: &str, rest: &str) {
    for part in ["api ", name, " ", uuid, " ", rest, "\n\n"] {
        text.push_str(part);
    }
}

const MAPPED: [&str; 4] = [
    "flow.key.customer_name_b64",
    "flow.key.customer_name",
    "flow.key.queue_b64",
    "flow.key.queue",
];

const VARIABLES: [&str; 15] = [
    "flow.key.response_status SUCCESS",
    "flow.key.response_error false",
    "flow.key.customer_name Anna",
    "flow.key.queue gold",
    "flow.key.response_status_code 200",
    "flow.key.response_duration 0.20",
    "flow.key.response_raw {\"customer\":{\"name\":\"Anna\"},\"queue\":\"gold\"   }",
    "flow.key.response_status_type",
    "flow.key.response_attempts",
    "flow.key.error_reason",
    "flow.key.error_detail",
    "flow.key.response_raw_b64",
    "flow.key.customer_name_b64",
    "flow.key.queue_b64",
    "flow.line 0",
];
