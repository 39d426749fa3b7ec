#!/usr/bin/env bash
# Guess:   api("uuid_getvar …") of an Event Socket client gives the variable's value, and an error only when the switch refused.
# Truth:   freeswitch-esl reads every answer as a status word, a blank and a text. A value of one word ("sales") is an error, and so is
#          the bare "+OK" of uuid_limit_release; a value of two words comes back whole.
# Version: crate freeswitch-esl 0.1.0
# Date:    2026-11-29
# Matters: the lookup works for the caller "Max Muster" and fails for the queue "sales". The error says "unknown error".
. "$(dirname "$0")/support.sh"

cat > rules.json <<'END'
[["event json", 0, "Content-Type: command/reply\nReply-Text: +OK event listener enabled json\n\n"],
 ["api uuid_getvar A queue", 0, "Content-Type: api/response\nContent-Length: 5\n\nsales"],
 ["api uuid_getvar A name", 0, "Content-Type: api/response\nContent-Length: 10\n\nMax Muster"],
 ["api create_uuid", 0, "Content-Type: api/response\nContent-Length: 36\n\n9dbf52a2-a7ba-4e4b-9288-d8fcfdbaf8fe"],
 ["api reloadxml", 0, "Content-Type: api/response\nContent-Length: 14\n\n+OK [Success]\n"],
 ["api uuid_limit_release A hash", 0, "Content-Type: api/response\nContent-Length: 3\n\n+OK"]]
END
mkdir -p rust/src
cat > rust/src/main.rs <<'END'
use freeswitch_esl::Esl;

#[tokio::main]
async fn main() {
    let port = std::env::args().last().unwrap();
    let client = Esl::inbound(format!("127.0.0.1:{port}"), "ClueCon").await.unwrap();
    for command in ["uuid_getvar A queue", "uuid_getvar A name", "create_uuid", "reloadxml", "uuid_limit_release A hash"] {
        match client.api(command).await {
            Ok(text) => println!("{command} -> {text:?}"),
            Err(error) => println!("{command} -> error: {error}"),
        }
    }
    std::process::exit(0);
}
END
rust_program rust 'freeswitch-esl = "=0.1.0"' 'tokio = { version = "1", features = ["rt-multi-thread", "macros"] }'
python3 "$here/fake-switch.py" rules.json "$program" > seen

# The output seen:
expect <<'END'
uuid_getvar A queue -> error: unknown error
uuid_getvar A name -> "Max Muster"
create_uuid -> error: unknown error
reloadxml -> "[Success]"
uuid_limit_release A hash -> error: unknown error
END
