//! Follows port 8021 and prints one line for each event of a channel.
//!
//! ```text
//! cargo run --example json_events -- [ADDRESS [PASSWORD]]
//! ```
//!
//! The events come as JSON, whose values are exact. In plain events the switch does not escape
//! a `%XX` that is part of a value, so a stored `100%25` reads as `100%`.

use std::time::Duration;

use eslclient::{Client, Command, Event, Format, Limits, open_inbound};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:8021".to_owned());
    let password = arguments.next().unwrap_or("ClueCon".to_owned());

    let within = Duration::from_secs(5);
    let connection = open_inbound(&address, &password, Limits::default(), within).await?;
    // When 1,000 events wait for this program, it stops reading and the switch queues the rest.
    let (client, mut events) = Client::start(connection, 1000);

    let names = [
        "CHANNEL_CREATE",
        "CHANNEL_ANSWER",
        "CHANNEL_BRIDGE",
        "CHANNEL_HANGUP_COMPLETE",
    ];
    let subscription = Command::event(Format::Json, names)?;
    client.command(subscription).await?.result()?;
    println!("subscribed");

    // An error ends the loop: the connection is over. A service would connect again here.
    loop {
        let event = events.next().await?;
        println!("{}", line(&event));
    }
}

fn line(event: &Event) -> String {
    // Names of a later FreeSWITCH are kept as they are, so nothing is lost here.
    let state = event.channel_state().map(|state| state.to_string());
    let answer = event.answer_state().map(|state| state.to_string());
    let mut line = format!(
        "{} {} {} {}",
        event.name(),
        event.unique_id().unwrap_or_default(),
        state.unwrap_or_default(),
        answer.unwrap_or_default(),
    );
    if let Some(cause) = event.hangup_cause() {
        let q850 = cause.q850().unwrap_or_default();
        line.push_str(&format!(" {cause} ({q850})"));
    }
    line
}
