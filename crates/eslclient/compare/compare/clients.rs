//! One interface to four crates.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use eslclient::{Client, ClientOptions, ConnectOptions, Events, Subscription};
use freeswitch_esl_rs::{Client as BlockingClient, Connection as Blocking};
use freeswitch_esl_tokio::{EslClient, EslConnectOptions, EslEventStream, EventFormat};

const PASSWORD: &str = "ClueCon";

/// A connection that several callers can share.
#[derive(Clone)]
pub enum Caller {
    Eslclient(Client),
    Tokio(EslClient),
    Esl(Arc<freeswitch_esl::EslConnection>),
}

impl Caller {
    /// Connects; `None` for a crate without shared connections.
    pub async fn connect(name: &str, address: SocketAddr) -> Option<(Self, Reader)> {
        Some(match name {
            "eslclient" => {
                // No deadline and no sign of life: the others have none by default either.
                let options = ClientOptions::default().deadline(None).keep_alive(None);
                let connect = ConnectOptions::new(&address.to_string(), PASSWORD);
                let (client, events) = Client::connect_with(&connect.client(options))
                    .await
                    .expect("it connects");
                (Self::Eslclient(client), Reader::Eslclient(events))
            }
            "freeswitch-esl-tokio" => {
                let (host, port) = (address.ip().to_string(), address.port());
                // Its default queue of 1,000 events drops those of a burst.
                let options = EslConnectOptions::new().with_event_queue_size(100_000);
                let connected =
                    EslClient::connect_with_options(&host, port, PASSWORD, options).await;
                let (client, events) = connected.expect("it connects");
                (Self::Tokio(client), Reader::Tokio(events))
            }
            "freeswitch-esl" => {
                let connected = freeswitch_esl::Esl::inbound(address, PASSWORD).await;
                let client = Arc::new(connected.expect("it connects"));
                (Self::Esl(client), Reader::None)
            }
            _ => return None,
        })
    }

    /// Runs `api echo TEXT` and returns the reply; `None` if it failed.
    pub async fn echo(&self, text: &str) -> Option<String> {
        match self {
            Self::Eslclient(client) => client.api("echo", text).await.ok(),
            Self::Tokio(client) => {
                let reply = client.api(&format!("echo {text}")).await.ok()?;
                reply.body().map(str::to_owned)
            }
            Self::Esl(client) => client.api(&format!("echo {text}")).await.ok(),
        }
    }

    /// Subscribes and has the server send so many events.
    pub async fn burst(&self, events: usize, wire: Wire) {
        let number = events.to_string();
        match self {
            Self::Eslclient(client) => {
                let format = match wire {
                    Wire::Plain => eslclient::Format::Plain,
                    Wire::Json => eslclient::Format::Json,
                };
                let all = Subscription::all().format(format);
                client.subscribe(&all).await.expect("a reply");
                client.api("burst", &number).await.expect("a reply");
            }
            Self::Tokio(client) => {
                let format = match wire {
                    Wire::Plain => EventFormat::Plain,
                    Wire::Json => EventFormat::Json,
                };
                let all = client.subscribe_all_events(format);
                all.await.expect("a reply");
                let replied = client.api(&format!("burst {number}")).await;
                assert!(replied.is_ok_and(|reply| reply.is_success()));
            }
            Self::Esl(_) => {}
        }
    }
}

/// The events of a connection.
pub enum Reader {
    Eslclient(Events),
    Tokio(EslEventStream),
    None,
}

/// The format of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Plain,
    Json,
}

/// How much of an event is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// [`THREE`].
    Three,
    /// Every header.
    All,
}

/// The headers that a program reads which counts calls.
pub const THREE: [&str; 3] = ["Event-Name", "Unique-ID", "Hangup-Cause"];

impl Reader {
    /// Reads an event; returns the number of bytes.
    pub async fn next(&mut self, reads: Reads) -> usize {
        match self {
            Self::Eslclient(events) => {
                let event = events.next().await.expect("an event");
                match reads {
                    Reads::Three => THREE
                        .iter()
                        .map(|name| event.get(name).expect("it has it").len())
                        .sum(),
                    Reads::All => event
                        .iter()
                        .map(|(name, value)| name.len() + value.len())
                        .sum(),
                }
            }
            Self::Tokio(events) => {
                let event = events.recv().await.expect("an event").expect("decoded");
                let headers = event.headers();
                match reads {
                    Reads::Three => THREE
                        .iter()
                        .map(|name| headers.get(*name).expect("it has it").len())
                        .sum(),
                    Reads::All => headers
                        .iter()
                        .map(|(name, value)| name.len() + value.len())
                        .sum(),
                }
            }
            Self::None => 0,
        }
    }
}

/// A connection of freeswitch-esl-rs, which blocks its thread.
pub fn blocking(address: SocketAddr) -> BlockingClient<TcpStream> {
    let stream = TcpStream::connect(address).expect("it connects");
    stream.set_nodelay(true).expect("a socket");
    let mut client = BlockingClient::new(Blocking::new(stream));
    client.auth(PASSWORD).expect("it authenticates");
    client
}
