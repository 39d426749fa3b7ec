//! What strangers do with a connection.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// The strangers share this many addresses, none of them that of the switch.
const ADDRESSES: usize = 40;
/// How long a stranger holds a connection, if it is let.
const HELD: Duration = Duration::from_secs(5);
/// The pause before it comes again.
const PAUSE: Duration = Duration::from_millis(500);
/// The pause of a stranger that sends more.
const MORE: Duration = Duration::from_millis(250);

/// What a stranger does.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Silent,
    HalfHead,
    HalfBody,
    SlowReader,
    EventFlood,
    LongValues,
    ForgedCall,
    WrongToken,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Silent,
        Self::HalfHead,
        Self::HalfBody,
        Self::SlowReader,
        Self::EventFlood,
        Self::LongValues,
        Self::ForgedCall,
        Self::WrongToken,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::HalfHead => "half a head",
            Self::HalfBody => "half a body",
            Self::SlowReader => "slow reader",
            Self::EventFlood => "event flood",
            Self::LongValues => "long values",
            Self::ForgedCall => "forged calls",
            Self::WrongToken => "wrong tokens",
        }
    }

    /// Some kinds make sense at one port only.
    fn port(self, number: usize) -> Port {
        match self {
            Self::EventFlood | Self::ForgedCall => Port::EventSocket,
            Self::WrongToken => Port::Page,
            Self::Silent
            | Self::HalfHead
            | Self::HalfBody
            | Self::SlowReader
            | Self::LongValues => [Port::EventSocket, Port::Page, Port::Recordings][number % 3],
        }
    }

    /// What it sends first.
    fn opening(self, port: Port, number: usize, live: &[String]) -> String {
        match port {
            Port::EventSocket => self.reply(number, live),
            Port::Page | Port::Recordings => self.request(number),
        }
    }

    fn reply(self, number: usize, live: &[String]) -> String {
        let unknown = format!("{number:08}-0000-0000-0000-000000000000");
        match self {
            Self::Silent | Self::WrongToken => String::new(),
            Self::HalfHead => "Content-Type: command/reply\nReply-T".into(),
            Self::HalfBody => "Content-Type: command/reply\nContent-Length: 8000000\n\nhalf".into(),
            Self::LongValues if (number / Self::ALL.len()).is_multiple_of(2) => {
                claim(&"u".repeat(200_000), "1")
            }
            Self::LongValues => claim(&unknown, &"1".repeat(200_000)),
            Self::SlowReader | Self::EventFlood => claim(&unknown, "1"),
            // Every third one names a call that the switch has.
            Self::ForgedCall if number.is_multiple_of(3) => claim(&live[number % live.len()], "1"),
            Self::ForgedCall => claim(&unknown, "1"),
        }
    }

    fn request(self, number: usize) -> String {
        match self {
            Self::Silent | Self::EventFlood | Self::ForgedCall => String::new(),
            Self::HalfHead => "GET / HTTP/1.1\r\nhost: localhost\r\nx:".into(),
            Self::HalfBody => {
                "POST /json_cdr/fs1 HTTP/1.1\r\nhost: localhost\r\ncontent-length: 900000\r\n\r\n{"
                    .into()
            }
            Self::SlowReader => "GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(50),
            Self::LongValues => format!(
                "GET /recordings/a.wav?signature={} HTTP/1.1\r\nhost: localhost\r\n\r\n",
                "a".repeat(60_000)
            ),
            Self::WrongToken => format!(
                "POST /outbox/replay HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {number}\r\n\
                 content-type: application/x-www-form-urlencoded\r\ncontent-length: 10\r\n\r\nstate=dead"
            ),
        }
    }
}

/// A reply to `connect` that claims this call.
fn claim(uuid: &str, caller: &str) -> String {
    format!(
        "Event-Name: CHANNEL_DATA\nUnique-ID: {uuid}\nAnswer-State: ringing\n\
         Caller-Caller-ID-Number: {caller}\nCaller-Destination-Number: 2\nCaller-Context: public\n\
         variable_socket_path: lookup\nvariable_socket_resume: true\n\
         Content-Type: command/reply\nReply-Text: %2BOK%0A\nSocket-Mode: async\nControl: full\n\n"
    )
}

#[derive(Debug, Clone, Copy)]
enum Port {
    EventSocket,
    Page,
    Recordings,
}

/// The ports of the service, and who came to them.
pub struct Ports {
    pub event_socket: SocketAddr,
    pub page: SocketAddr,
    pub recordings: SocketAddr,
    /// The calls that the switch has.
    pub live: Vec<String>,
    /// The connections of each kind.
    pub came: [AtomicUsize; Kind::ALL.len()],
    /// The strangers leave.
    pub over: CancellationToken,
}

/// Holds a connection for as long as it is let, and comes again, until it is over.
pub async fn stranger(number: usize, ports: Arc<Ports>) {
    let of = number % Kind::ALL.len();
    let (kind, address) = (Kind::ALL[of], number / Kind::ALL.len());
    let port = kind.port(address);
    let to = match port {
        Port::EventSocket => ports.event_socket,
        Port::Page => ports.page,
        Port::Recordings => ports.recordings,
    };
    let coming = async {
        loop {
            if let Ok(stream) = connect(address, to).await {
                ports.came[of].fetch_add(1, Ordering::Relaxed);
                let holding = hold(stream, kind, kind.opening(port, number, &ports.live));
                // An error says that it was closed.
                drop(timeout(HELD, holding).await);
            }
            sleep(PAUSE).await;
        }
    };
    ports.over.run_until_cancelled(coming).await;
}

async fn connect(address: usize, to: SocketAddr) -> std::io::Result<TcpStream> {
    let last = u8::try_from(address % ADDRESSES).unwrap();
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::new(127, 0, 1, last), 0).into())?;
    socket.connect(to).await
}

/// Sends what its kind sends, until the connection is closed.
async fn hold(mut stream: TcpStream, kind: Kind, opening: String) -> std::io::Result<()> {
    let event = "Content-Type: text/event-plain\nContent-Length: 20\n\nEvent-Name: X\nA: b\n\n";
    let mut buffer = [0; 4096];
    stream.write_all(opening.as_bytes()).await?;
    match kind {
        Kind::SlowReader => loop {
            // It does not read.
            sleep(HELD).await;
        },
        Kind::EventFlood => loop {
            stream.write_all(event.repeat(50).as_bytes()).await?;
            sleep(MORE).await;
        },
        Kind::Silent
        | Kind::HalfHead
        | Kind::HalfBody
        | Kind::LongValues
        | Kind::ForgedCall
        | Kind::WrongToken => while stream.read(&mut buffer).await? > 0 {},
    }
    Ok(())
}
