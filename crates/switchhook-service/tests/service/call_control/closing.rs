//! How the Event Socket port is closed.

use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::running::Calls;

const PORTS: usize = 20;
const SWITCHES: usize = 4;
/// A connection without a byte for this long gets none at all.
const SILENCE: Duration = Duration::from_secs(20);

/// The dialplan tries its next host only if connecting fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_switch_that_could_connect_is_spoken_to_also_while_the_port_closes() {
    let mut switches = JoinSet::new();
    for _ in 0..PORTS {
        let calls = Arc::new(Calls::quick("").await);
        for _ in 0..SWITCHES {
            let calls = Arc::clone(&calls);
            switches.spawn_blocking(move || connect_until_refused(&calls));
        }
    }
    while let Some(unanswered) = switches.join_next().await {
        assert_eq!(unanswered.unwrap(), 0);
    }
}

/// Connects until the port is closed. Returns how many connections got no byte.
fn connect_until_refused(calls: &Calls) -> usize {
    let mut unanswered = 0;
    for count in 1.. {
        match TcpStream::connect(calls.esl) {
            Ok(mut stream) => {
                let deaf = stream.set_read_timeout(Some(SILENCE));
                let mut first = [0];
                let heard = deaf.and_then(|()| stream.read_exact(&mut first));
                unanswered += usize::from(heard.is_err());
            }
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => break,
            Err(error) => panic!("{error}"),
        }
        if count == 20 {
            calls.stop.cancel();
        }
    }
    unanswered
}
