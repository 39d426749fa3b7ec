//! The program of README.md. A test compares the two and runs it.

use std::time::Duration;

use eslclient::{Client, Command, Format, Limits, open_inbound};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or("127.0.0.1:8021".to_owned());
    let within = Duration::from_secs(5);
    let connection = open_inbound(&address, "ClueCon", Limits::default(), within).await?;
    let (client, mut events) = Client::start(connection, 1000);

    // Two commands in one write, two replies in the same order.
    let commands = vec![
        Command::event(Format::Json, ["CHANNEL_HANGUP_COMPLETE"])?,
        Command::api("version", "")?,
    ];
    let replies = client.send_batch(commands).await?;
    println!("{}", replies[1].text().trim_end());

    loop {
        let event = events.next().await?;
        let uuid = event.unique_id().unwrap_or_default();
        if let Some(cause) = event.hangup_cause() {
            println!("{uuid} ended: {cause}");
        }
    }
}
