//! Strangers at the Event Socket port who name calls of the switch: its own port 8021 decides.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::call::{Call, Exchange};
use super::receiver::Receiver;
use super::service::Service;

/// What a stranger claims of a call.
struct Claim {
    uuid: String,
    caller: String,
    called: String,
    context: String,
}

impl Claim {
    /// Knows all that the switch knows of a call.
    async fn of(call: &Call<'_>) -> Self {
        Self {
            uuid: call.uuid.clone(),
            caller: call.now("Caller-Caller-ID-Number").await,
            called: call.now("Caller-Destination-Number").await,
            context: call.now("Caller-Context").await,
        }
    }

    /// Connects, claims the call, and returns all that the service says until it leaves.
    async fn make(&self, service: &Service) -> String {
        let mut stream = TcpStream::connect(&service.address).await.expect("a port");
        let data = format!(
            "Event-Name: CHANNEL_DATA\nUnique-ID: {}\n\
             Channel-Name: loopback/stranger-b\nChannel-State: CS_EXECUTE\nAnswer-State: ringing\n\
             Caller-Caller-ID-Number: {}\nCaller-Destination-Number: {}\nCaller-Context: {}\n\
             variable_socket_path: lookup\nvariable_socket_resume: true\nvariable_flow.way_out: 1\n\
             Content-Type: command/reply\nReply-Text: %2BOK%0A\nSocket-Mode: async\nControl: full\n\n",
            self.uuid, self.caller, self.called, self.context
        );
        stream
            .write_all(data.as_bytes())
            .await
            .expect("a connection");
        let (mut said, mut buffer) = (String::new(), [0; 4096]);
        loop {
            let read = stream.read(&mut buffer).await.unwrap_or(0);
            said.push_str(&String::from_utf8_lossy(&buffer[..read]));
            // It is let go with these words, or closed.
            if read == 0 || said.contains("\nexit\n") {
                return said;
            }
        }
    }

    async fn is_refused(&self, service: &Service, why: &str) {
        let said = self.make(service).await;
        assert!(said.contains("INVALID_REQUEST"), "{said}");
        assert!(said.contains(why), "{why}: {said}");
    }
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_stranger_who_names_a_live_call_gets_no_answer_and_disturbs_it_not() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/hold/slow", "{}");
    receiver.set_answer("/lookup", r#"{"customer":{"name":"Anna"}}"#);
    let service = Service::following(exchange.switch, &receiver, "").await;
    let call = exchange.dial("ask-slow", &service.address).await;
    receiver.requested("/hold/slow", 1).await;
    let known = Claim::of(&call).await;
    assert_eq!(known.caller, "919822003887");
    // The call is on hold: one who knows all of it does not get it a second time.
    known.is_refused(&service, "another connection holds").await;
    let nobodys = Claim {
        uuid: "00000000-0000-4000-8000-000000000000".into(),
        ..Claim::of(&call).await
    };
    nobodys.is_refused(&service, "confirm_calls").await;
    receiver.release("/hold/slow");
    let line = call.line_of("slow").await;
    assert_eq!(line.number, "0", "{}", service.log());
    call.park().await;
    // Nobody holds it now, and the switch has it with other numbers.
    let now = Claim::of(&call).await;
    for claim in [
        Claim {
            caller: "4930123".into(),
            ..Claim::of(&call).await
        },
        Claim {
            called: "4930123".into(),
            ..Claim::of(&call).await
        },
        Claim {
            context: "another".into(),
            ..now
        },
    ] {
        claim
            .is_refused(&service, "the switch has this call with another")
            .await;
    }
    assert_eq!(call.now("Channel-State").await, "CS_EXECUTE");
    // The first request at that webhook is about the honest call.
    let honest = exchange.dial("7001", &service.address).await;
    let line = honest.line_of("greet").await;
    assert_eq!(line.number, "0", "{}", service.log());
    let request = receiver.requested("/lookup", 1).await;
    assert!(request.contains(&honest.uuid), "{request}");
}
