#!/usr/bin/env bash
# Guess:   an Event Socket client that gives up on a command still hands each later answer to the command it belongs to.
# Truth:   answers carry no number, only their order counts. npm esl gives the late answer to the next command after its own time limit
#          has passed. freeswitch-esl-tokio does so when the caller drops the future, as tokio::time::timeout does, but not after its
#          own time limit. genesis and greenswitch keep the order. Nothing reports the mix-up.
# Version: npm esl 11.2.1, crates freeswitch-esl-tokio 2.8.0, PyPI genesis 2026.10.18 and greenswitch 0.0.19
# Date:    2026-11-29
# Matters: after one slow answer the program reads another call's variable: each value belongs to the question before.
. "$(dirname "$0")/support.sh"

cat > rules.json <<'END'
[["api uuid_getvar A", 1, "Content-Type: api/response\nContent-Length: 10\n\nanswer-one"],
 ["api uuid_getvar B", 0, "Content-Type: api/response\nContent-Length: 10\n\nanswer-two"]]
END
cat > esl.mjs <<'END'
import { FreeSwitchClient, once } from 'esl'
const logger = { debug() {}, info() {}, warn() {}, error() {} }
const client = new FreeSwitchClient({ host: '127.0.0.1', port: Number(process.argv.at(-1)), logger })
const connected = once(client, 'connect')
await client.connect()
const [call] = await connected
await call.api('uuid_getvar A queue', 300).catch(error => console.log('esl, first:', error.constructor.name))
console.log('esl, second:', (await call.api('uuid_getvar B queue', 5000)).body)
process.exit(0)
END
cat > with_genesis.py <<'END'
import asyncio, sys
from genesis import Inbound

async def main():
    async with Inbound("127.0.0.1", int(sys.argv[1]), "ClueCon") as client:
        try:
            await asyncio.wait_for(client.send("api uuid_getvar A queue"), 0.3)
        except asyncio.TimeoutError:
            print("genesis, first: given up")
        print("genesis, second:", (await client.send("api uuid_getvar B queue")).body)

asyncio.run(main())
END
cat > with_greenswitch.py <<'END'
import gevent.monkey
gevent.monkey.patch_all()
import gevent, os, sys
from greenswitch import InboundESL

client = InboundESL("127.0.0.1", int(sys.argv[1]), "ClueCon")
client.connect()
try:
    with gevent.Timeout(0.3):
        client.send("api uuid_getvar A queue")
except gevent.Timeout:
    print("greenswitch, first: given up")
print("greenswitch, second:", client.send("api uuid_getvar B queue").data, flush=True)
os._exit(0)
END
mkdir -p rust/src
cat > rust/src/main.rs <<'END'
use freeswitch_esl_tokio::EslClient;
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let port = arguments[2].parse().unwrap();
    let (client, _events) = EslClient::connect("127.0.0.1", port, "ClueCon").await.unwrap();
    let first = if arguments[1] == "own time limit" {
        client.set_command_timeout(Duration::from_millis(300));
        client.api("uuid_getvar A queue").await.is_err()
    } else {
        let asked = client.api("uuid_getvar A queue");
        tokio::time::timeout(Duration::from_millis(300), asked).await.is_err()
    };
    client.set_command_timeout(Duration::from_secs(5));
    let second = client.api("uuid_getvar B queue").await.unwrap();
    println!("freeswitch-esl-tokio, {}, first given up: {first}, second: {}", arguments[1], second.body().unwrap());
}
END
node_packages esl@11.2.1
python_packages genesis==2026.10.18 greenswitch==0.0.19
rust_program rust 'freeswitch-esl-tokio = "=2.8.0"' 'tokio = { version = "1", features = ["rt", "macros", "time", "net"] }'

switch() { "$python" "$here/fake-switch.py" rules.json "$@"; }
{
  switch node esl.mjs
  switch "$program" "future dropped"
  switch "$program" "own time limit"
  switch "$python" with_genesis.py
  switch "$python" with_greenswitch.py
} > seen

# The output seen; in each pair the second answer should be "answer-two".
expect <<'END'
esl, first: FreeSwitchTimeout
esl, second: answer-one
freeswitch-esl-tokio, future dropped, first given up: true, second: answer-one
freeswitch-esl-tokio, own time limit, first given up: true, second: answer-two
genesis, first: given up
genesis, second: answer-two
greenswitch, first: given up
greenswitch, second: answer-two
END
