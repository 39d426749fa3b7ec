//! Has the switch call an endpoint, waits for the answer, and says why nobody came.
//!
//! ```text
//! cargo run --example originate -- [ADDRESS [PASSWORD [ENDPOINT]]]
//! ```
//!
//! An endpoint is `user/1000`, `loopback/1000/default`, `error/USER_BUSY` and the like.

use std::time::Duration;

use eslclient::{Client, Endpoint, Error, HangupCause, Originate};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("localhost".to_owned());
    let password = arguments.next().unwrap_or("ClueCon".to_owned());
    let endpoint = arguments.next().unwrap_or("user/1000".to_owned());

    let (client, _events) = Client::connect(&address, &password).await?;

    // No input can become another variable, endpoint or command: it is an error instead.
    let call = Originate::new(Endpoint::custom(&endpoint))
        .caller_id("Example", "+4930123456")
        .variable("ticket", "17")
        .timeout(Duration::from_secs(20));

    // The job runs in the switch. Its result may come before the next line, and is not lost.
    let job = client.originate(&call).await?;
    println!("job {}", job.uuid());
    let channel = match job.channel().await {
        Ok(channel) => channel,
        Err(error) => {
            // A refusal is an error like a lost connection; only the first has a cause.
            let Some(cause) = error.refusal().and_then(|refusal| refusal.cause()) else {
                return Err(error);
            };
            println!("nobody came: {cause}, Q.850 {:?}", cause.q850());
            return Ok(());
        }
    };
    println!("{} answered", channel.uuid());
    let ticket = channel.variable("ticket").await?;
    println!("ticket {}", ticket.unwrap_or_default());

    // `execute` waits for the end of the application.
    match channel.playback("tone_stream://%(200,0,640)").await {
        Ok(_) => channel.hangup(&HangupCause::NormalClearing).await?,
        Err(Error::HungUp { cause }) => println!("hung up: {cause:?}"),
        Err(error) => return Err(error),
    }
    println!("done");
    Ok(())
}
