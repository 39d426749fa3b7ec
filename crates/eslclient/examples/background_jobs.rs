//! Runs API commands as background jobs and prints each output when it arrives.
//!
//! ```text
//! cargo run --example background_jobs -- [ADDRESS [PASSWORD [COMMAND...]]]
//! ```
//!
//! `api` blocks its connection until the command ends. `bgapi` replies at once with the UUID of
//! a job. The output is the body of a `BACKGROUND_JOB` event with that UUID.

use std::collections::HashMap;
use std::time::Duration;

use eslclient::{Client, Command, Format, Limits, open_inbound};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:8021".to_owned());
    let password = arguments.next().unwrap_or("ClueCon".to_owned());
    let mut lines: Vec<String> = arguments.collect();
    if lines.is_empty() {
        lines = vec!["status".to_owned(), "version".to_owned()];
    }

    let within = Duration::from_secs(5);
    let connection = open_inbound(&address, &password, Limits::default(), within).await?;
    let (client, mut events) = Client::start(connection, 100);

    // The subscription comes first: a job may end before the next command.
    let mut commands = vec![Command::event(Format::Json, ["BACKGROUND_JOB"])?];
    for line in &lines {
        let (name, arguments) = line.split_once(' ').unwrap_or((line, ""));
        commands.push(Command::bgapi(name, arguments, None)?);
    }
    let replies = client.send_batch(commands).await?;

    let mut jobs = HashMap::new();
    for (line, reply) in lines.iter().zip(replies.iter().skip(1)) {
        match reply.header("Job-UUID") {
            Some(job) => jobs.insert(job.into_owned(), line),
            None => return Err(format!("{line}: {}", reply.text()).into()),
        };
    }

    while !jobs.is_empty() {
        let event = events.next().await?;
        // Jobs of other clients have other UUIDs.
        let job = event.job_uuid().unwrap_or_default();
        if let Some(line) = jobs.remove(&*job) {
            println!("{line}: {}", event.body().trim_end());
        }
    }
    Ok(())
}
