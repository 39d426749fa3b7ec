//! Answers calls of the `socket` application, asks for a digit, and sends each call on.
//!
//! ```text
//! cargo run --example ivr -- [LISTEN [PROMPT]]
//! ```
//!
//! In the dialplan:
//!
//! ```xml
//! <action application="set" data="socket_resume=true"/>
//! <action application="socket" data="127.0.0.1:8084 async full"/>
//! <action application="log" data="INFO the caller chose ${choice}"/>
//! ```
//!
//! With `socket_resume=true` the call goes on with the next action also if this program ends.

use std::time::Duration;

use eslclient::{Call, Digits, Error, Server};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:8084".to_owned());
    let prompt = arguments
        .next()
        .unwrap_or("tone_stream://%(500,0,640)".to_owned());

    let server = Server::bind(&address).await?;
    println!("listening on {}", server.address());
    // Each call runs in a task of its own.
    server
        .serve(move |call| {
            let prompt = prompt.clone();
            async move {
                let uuid = call.as_ref().map(|call| call.uuid().to_owned());
                let uuid = uuid.unwrap_or_default();
                match menu(call, &prompt).await {
                    Ok(()) => println!("{uuid}: sent on"),
                    Err(Error::HungUp { .. }) => println!("{uuid}: hung up"),
                    Err(error) => println!("{uuid}: {error}"),
                }
            }
        })
        .await
}

async fn menu(call: Result<Call, Error>, prompt: &str) -> Result<(), Error> {
    // The error of a dialplan without `async full` has the line that gives it.
    let call = call?;
    let channel = &call.channel;
    let from = call.data.caller_number();
    println!("{}: call from {}", call.uuid(), from.unwrap_or_default());

    channel.answer().await?;
    let question = Digits::new(prompt, 1, 1)
        .accept("[1-3]")
        .tries(2)
        .timeout(Duration::from_secs(3));
    match channel.ask(&question).await? {
        Some(digit) => {
            println!("{}: pressed {digit}", call.uuid());
            channel.set_variable("choice", &digit).await?;
        }
        None => {
            println!("{}: pressed nothing that fits", call.uuid());
            channel.set_variable("choice", "none").await?;
        }
    }
    // The dialplan goes on with its next action.
    call.release().await
}
