//! Runs many commands at once over one connection, each with a deadline of its own.
//!
//! ```text
//! cargo run --example concurrent -- [ADDRESS [PASSWORD [COMMANDS]]]
//! ```

use std::time::Duration;

use eslclient::{Client, Command, Error};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("localhost".to_owned());
    let password = arguments.next().unwrap_or("ClueCon".to_owned());
    let commands = arguments.next().and_then(|number| number.parse().ok());
    let commands: usize = commands.unwrap_or(1000);

    // The events are not needed, so they are dropped.
    let (client, _) = Client::connect(&address, &password).await?;

    // Clones share the connection. No task waits for the reply of another.
    let mut tasks = Vec::new();
    for number in 0..commands {
        let client = client.within(Duration::from_secs(60));
        tasks.push(tokio::spawn(async move {
            let unknown = format!("call-{number}");
            client.api("uuid_exists", &unknown).await
        }));
    }
    let mut replies = 0;
    for task in tasks {
        if let Ok(reply) = task.await
            && reply? == "false"
        {
            replies += 1;
        }
    }
    println!("{replies} of {commands} replies");

    // Commands that belong together leave in one write. No other command comes between them.
    let names = ["switchname", "version"];
    let batch: Result<Vec<_>, _> = names.iter().map(|name| Command::api(name, "")).collect();
    for (name, reply) in names.iter().zip(client.send_batch(batch?).await?) {
        println!("{name}: {}", reply.result()?);
    }
    Ok(())
}
