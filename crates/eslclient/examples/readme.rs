//! The program of README.md. A test compares the two and runs it.

use eslclient::{Client, Error, EventName, Subscription};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1).unwrap_or("localhost".to_owned());
    let (client, mut events) = Client::connect(&address, "ClueCon").await?;
    println!("{}", client.api("version", "").await?);

    let hangups = Subscription::to([EventName::ChannelHangupComplete]);
    client.subscribe(&hangups).await?;
    loop {
        let event = events.next().await?;
        if let (Some(uuid), Some(cause)) = (event.unique_id(), event.cause()) {
            println!("{uuid} ended: {cause}, Q.850 {:?}", cause.q850());
        }
    }
}
