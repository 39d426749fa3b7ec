//! Follows the calls of a switch, and comes back when the connection is lost.
//!
//! ```text
//! cargo run --example watch -- [ADDRESS [PASSWORD]]
//! ```

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "three events of a hundred matter here"
)]

use eslclient::{ConnectOptions, Error, Event, EventName, Subscription, Supervisor, Update};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("localhost".to_owned());
    let password = arguments.next().unwrap_or("ClueCon".to_owned());

    // The same value serves again after each reconnect.
    let calls = Subscription::to([
        EventName::ChannelCreate,
        EventName::ChannelAnswer,
        EventName::ChannelHangupComplete,
    ]);
    let mut switch = Supervisor::new(ConnectOptions::new(&address, &password), calls);
    loop {
        // An error that another attempt cannot cure, such as a wrong password, ends the program.
        match switch.next().await? {
            Update::Connected { missed: None, .. } => println!("connected"),
            Update::Connected {
                missed: Some(gap),
                client,
            } => {
                // The switch keeps no events for a client that is away. Ask what lives now.
                let channels = client.api("show", "channels count").await;
                let channels = channels.unwrap_or_else(|error| error.to_string());
                println!("back, restarted: {:?}; {}", gap.restarted, channels.trim());
            }
            Update::Disconnected { error, .. } => println!("lost: {error}"),
            Update::Event(event) => println!("{}", line(&event)),
            _ => {}
        }
    }
}

fn line(event: &Event) -> String {
    let uuid = event.unique_id().unwrap_or_default();
    match event.kind() {
        EventName::ChannelCreate => {
            let from = event.caller_number().unwrap_or_default();
            let to = event.destination_number().unwrap_or_default();
            format!("{uuid} calls from {from} to {to}")
        }
        EventName::ChannelAnswer => format!("{uuid} is answered"),
        // Causes and events of a later FreeSWITCH keep their names.
        other => match event.cause() {
            Some(cause) => format!("{uuid} ended: {cause}, Q.850 {:?}", cause.q850()),
            None => format!("{uuid} {other}"),
        },
    }
}
