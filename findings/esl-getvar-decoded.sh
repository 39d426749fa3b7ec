#!/usr/bin/env bash
# Guess:   getvar and api uuid_getvar of one client give the same value.
# Truth:   the switch percent-encodes the reply of connect and the plain events, but writes the reply of getvar as it is. All four
#          clients decode every reply: getvar makes "report march.wav" of the stored "report%20march.wav", api uuid_getvar keeps it.
# Version: npm modesl 1.2.1, PyPI genesis 2026.10.18 and greenswitch 0.0.19, crate freeswitch-esl-tokio 2.8.0
# Date:    2026-11-29
# Matters: a variable that holds a URL or the name of a recording names another file when it is read with getvar.
. "$(dirname "$0")/support.sh"

cat > rules.json <<'END'
[["connect", 0, "Event-Name: CHANNEL_DATA\nUnique-ID: 9dbf52a2\nContent-Type: command/reply\nReply-Text: %2BOK%0A\nSocket-Mode: async\nControl: full\n\n"],
 ["getvar", 0, "Content-Type: command/reply\nReply-Text: report%20march.wav\n\n"],
 ["api uuid_getvar", 0, "Content-Type: api/response\nContent-Length: 18\n\nreport%20march.wav"]]
END
cat > with_modesl.js <<'END'
const net = require('node:net')
const { Connection } = require('modesl')
const socket = net.connect(Number(process.argv.at(-1)), '127.0.0.1', () => {
  const call = new Connection(socket, () => {
    call.sendRecv('getvar file', reply => call.api('uuid_getvar 9dbf52a2 file', answer => {
      console.log('modesl: getvar', reply.getHeader('Reply-Text'), '| api', answer.getBody())
      process.exit(0)
    }))
  })
})
END
cat > with_genesis.py <<'END'
import asyncio, sys
from genesis.session import Session

async def main():
    reader, writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
    async with Session(reader, writer) as call:
        await call.send("connect")
        reply = await call.send("getvar file")
        print("genesis: getvar", reply["Reply-Text"], "| api", (await call.send("api uuid_getvar 9dbf52a2 file")).body)

asyncio.run(main())
END
cat > with_greenswitch.py <<'END'
import gevent.monkey
gevent.monkey.patch_all()
import os, socket, sys
from greenswitch.esl import OutboundSession

connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
call = OutboundSession(connection.getpeername(), connection)
call.connect()
print("greenswitch: getvar", call.send("getvar file").data, "| api", call.send("api uuid_getvar 9dbf52a2 file").data, flush=True)
os._exit(0)
END
mkdir -p rust/src
cat > rust/src/main.rs <<'END'
use freeswitch_esl_tokio::EslClient;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let port: u16 = std::env::args().last().unwrap().parse().unwrap();
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (call, _events) = EslClient::accept_outbound_stream(stream);
    let _channel = call.connect_session().await.unwrap();
    let reply = call.getvar("file").await.unwrap();
    let answer = call.api("uuid_getvar 9dbf52a2 file").await.unwrap();
    println!("freeswitch-esl-tokio: getvar {reply} | api {}", answer.body().unwrap());
}
END
node_packages modesl@1.2.1
python_packages greenswitch==0.0.19 genesis==2026.10.18
rust_program rust 'freeswitch-esl-tokio = "=2.8.0"' 'tokio = { version = "1", features = ["rt", "macros", "net"] }'
for client in "node --no-deprecation with_modesl.js" "$python with_genesis.py" "$python with_greenswitch.py" "$program"; do
  OUTBOUND=1 "$python" "$here/fake-switch.py" rules.json $client
done > seen

# The output seen; the switch sent "report%20march.wav" each time:
expect <<'END'
modesl: getvar report march.wav | api report%20march.wav
genesis: getvar report march.wav | api report%20march.wav
greenswitch: getvar report march.wav | api report%20march.wav
freeswitch-esl-tokio: getvar report march.wav | api report%20march.wav
END
