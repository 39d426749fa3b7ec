//! Connects to port 8021, sends three API commands in one write, and prints their output.
//!
//! ```text
//! cargo run --example inbound -- [ADDRESS [PASSWORD]]
//! ```

use std::time::Duration;

use eslclient::{Client, Command, Limits, open_inbound};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:8021".to_owned());
    let password = arguments.next().unwrap_or("ClueCon".to_owned());

    // The limits bound the memory that a peer can take.
    let within = Duration::from_secs(5);
    let connection = open_inbound(&address, &password, Limits::default(), within)
        .await
        // The text says what to do, such as which file of the switch has the password.
        .map_err(|error| error.to_string())?;

    // A task drives the connection. The handle can be cloned: clones share the connection.
    // Without a subscription no events arrive, so the second value is dropped.
    let (client, _) = Client::start(connection, 1);

    // One write, three replies, in the same order. Waiting for each reply would take three
    // round trips.
    let names = ["switchname", "version", "status"];
    let commands: Result<Vec<_>, _> = names.iter().map(|name| Command::api(name, "")).collect();
    let replies = client.send_batch(commands?).await?;

    for (name, reply) in names.iter().zip(&replies) {
        // The switch refuses a command with a text that begins with -ERR or -USAGE.
        match reply.result() {
            Ok(output) => println!("{name}: {output}"),
            Err(refusal) => println!("{name} failed: {refusal}"),
        }
    }
    Ok(())
}
