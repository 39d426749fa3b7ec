//! Waits for calls from the `socket` application, plays a sound, and returns each call to its
//! dialplan.
//!
//! ```text
//! cargo run --example outbound -- [LISTEN [SOUND]]
//! ```
//!
//! In the dialplan:
//!
//! ```xml
//! <action application="set" data="socket_resume=true"/>
//! <action application="socket" data="127.0.0.1:8084 async full"/>
//! <action application="log" data="INFO greeted: ${greeted}"/>
//! ```
//!
//! With `socket_resume=true` the call continues with the next action if this program ends.
//! Without it the call would stay parked forever. The protocol has neither a password nor TLS:
//! listen on loopback, or restrict the port to the switch.

use std::time::Duration;

use eslclient::{Command, Error, Event, ExecuteOptions, Format, Incoming, Limits, open_outbound};
use tokio::net::{TcpListener, TcpStream};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:8084".to_owned());
    let sound = arguments
        .next()
        .unwrap_or("tone_stream://%(500,0,640)".to_owned());

    let listener = TcpListener::bind(&address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let sound = sound.clone();
        // One task a call: a slow call does not delay the others.
        tokio::spawn(async move {
            if let Err(error) = serve(stream, &sound).await {
                println!("call failed: {error}");
            }
        });
    }
}

async fn serve(stream: TcpStream, sound: &str) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let within = Duration::from_secs(5);
    let (mut connection, channel) = open_outbound(stream, Limits::default(), within).await?;
    let uuid = channel.unique_id().unwrap_or_default();
    let number = channel.get("Caller-Caller-ID-Number").unwrap_or_default();
    println!("{uuid}: call from {number}");

    // `event_uuid` returns in the events of this execution, so its end can be recognized.
    let playback = ExecuteOptions {
        event_uuid: Some("greeting"),
        ..ExecuteOptions::default()
    };
    connection.queue(&Command::linger(5));
    connection.queue(&Command::myevents(Format::Json));
    connection.queue(&Command::execute("answer", "", ExecuteOptions::default())?);
    connection.queue(&Command::execute("playback", sound, playback)?);

    // `next` writes the four commands at once and then waits for whatever comes first.
    loop {
        match connection.next().await {
            Ok(Incoming::Event(event)) if ends_greeting(&event) => break,
            Ok(Incoming::Reply(_, reply)) => {
                if let Some(refusal) = reply.refusal() {
                    return Err(refusal.into());
                }
            }
            // The caller hung up.
            Ok(Incoming::Notice(_)) | Err(Error::Closed { .. }) => {
                println!("{uuid}: hung up");
                return Ok(());
            }
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
    }

    // Three commands in one write. The dialplan continues when `exit` closes the connection.
    connection.queue(&Command::set_variable(&uuid, "greeted", "yes")?);
    connection.queue(&Command::resume());
    connection.queue(&Command::exit());
    while connection.next().await.is_ok() {}
    println!("{uuid}: returned to the dialplan");
    Ok(())
}

fn ends_greeting(event: &Event) -> bool {
    event.name() == "CHANNEL_EXECUTE_COMPLETE"
        && event.application_uuid().as_deref() == Some("greeting")
}
