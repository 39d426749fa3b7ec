//! Follows port 8021 and transfers every parked call to an extension.
//!
//! ```text
//! cargo run --example parked -- [ADDRESS [PASSWORD [EXTENSION [CONTEXT]]]]
//! ```
//!
//! One connection controls all parked calls. A parked call costs the switch about a tenth of
//! the memory of a call in the `socket` application (measured). In the dialplan:
//!
//! ```xml
//! <action application="sched_transfer" data="+3 1000 XML default"/>
//! <action application="park"/>
//! ```
//!
//! `sched_transfer` moves the call after 3 s even if this program does not run.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "two events of a hundred matter here"
)]

use eslclient::{Client, Command, CommandError, Error, Event, EventName, Subscription};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("localhost".to_owned());
    let password = arguments.next().unwrap_or("ClueCon".to_owned());
    let extension = arguments.next().unwrap_or("1000".to_owned());
    let context = arguments.next().unwrap_or("default".to_owned());

    let (client, mut events) = Client::connect(&address, &password).await?;
    let parks = Subscription::to([EventName::ChannelPark, EventName::ChannelHangupComplete]);
    client.subscribe(&parks).await?;
    println!("waiting for parked calls");

    loop {
        let event = events.next().await?;
        let uuid = event.unique_id().unwrap_or_default();
        match event.kind() {
            EventName::ChannelPark if is_in_park(&event) => {
                let commands = leave(&event, &extension, &context)?;
                let replies = client.send_batch(commands).await?;
                let refusal = replies.iter().find_map(|reply| reply.refusal());
                match refusal {
                    None => println!("{uuid}: transferred to {extension}"),
                    // The caller may have hung up meanwhile.
                    Some(refusal) => println!("{uuid}: {refusal}"),
                }
            }
            EventName::ChannelHangupComplete => {
                let cause = event.cause().map(|cause| cause.to_string());
                println!("{uuid}: ended, {}", cause.unwrap_or_default());
            }
            _ => {}
        }
    }
}

/// `socket … async` parks its calls too. They belong to the program on that socket.
fn is_in_park(event: &Event) -> bool {
    event.variable("current_application").as_deref() == Some("park")
}

/// The commands that end the wait, to be sent in one write.
fn leave(event: &Event, extension: &str, context: &str) -> Result<Vec<Command>, CommandError> {
    let uuid = event.unique_id().unwrap_or_default();
    let mut commands = vec![Command::set_variable(&uuid, "taken_by", "parked example")?];
    // The scheduled transfer would fire even after this one. Its number cancels only this task.
    let task = event.variable("last_sched_id");
    if let Some(task) = task.and_then(|task| task.parse().ok()) {
        commands.push(Command::sched_del(task)?);
    }
    commands.push(Command::transfer(&uuid, extension, context)?);
    Ok(commands)
}
