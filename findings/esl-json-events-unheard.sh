#!/usr/bin/env bash
# Guess:   a client whose "event json …" was answered with +OK hands JSON events to its handlers, or says that it cannot read them.
# Truth:   genesis and greenswitch read plain events only. A JSON event reaches no handler of its name in either, nor the handler of
#          "*" in genesis, and nothing is raised. greenswitch gives its "*" handler the JSON text as the name of a header. npm modesl
#          reads both.
# Version: PyPI genesis 2026.10.18 and greenswitch 0.0.19, npm modesl 1.2.1
# Date:    2026-11-29
# Matters: only JSON events carry a percent sign in a variable as it is. A program that changes "plain" to "json" for that reason hears
#          of no hang-up any more.
. "$(dirname "$0")/support.sh"

cat > rules.py <<'END'
import json

def frame(kind, body):
    return f"Content-Length: {len(body)}\nContent-Type: text/event-{kind}\n\n{body}"

reply = "Content-Type: command/reply\nReply-Text: +OK event listener enabled "
event = {"Event-Name": "CHANNEL_HANGUP", "Unique-ID": "9dbf52a2", "Hangup-Cause": "NORMAL_CLEARING"}
plain = "".join(f"{name}: {value}\n" for name, value in event.items()) + "\n"
rules = [["event plain CHANNEL_HANGUP", 0, reply + "plain\n\n" + frame("plain", plain)], ["event json CHANNEL_HANGUP", 0, reply + "json\n\n" + frame("json", json.dumps(event))]]
json.dump(rules, open("rules.json", "w"))
END
cat > with_genesis.py <<'END'
import asyncio, sys
from genesis import Inbound

async def main(format):
    async with Inbound("127.0.0.1", int(sys.argv[-1]), "ClueCon") as client:
        heard = []
        client.on("CHANNEL_HANGUP", lambda event: heard.append("CHANNEL_HANGUP"))
        client.on("*", lambda event: heard.append("*"))
        reply = await client.send(f"event {format} CHANNEL_HANGUP")
        await asyncio.sleep(1)
        print(f"genesis: {reply['Reply-Text']}, handlers called: {sorted(heard)}")

asyncio.run(main(sys.argv[1]))
END
cat > with_greenswitch.py <<'END'
import gevent.monkey
gevent.monkey.patch_all()
import gevent, os, sys
from greenswitch import InboundESL

client = InboundESL("127.0.0.1", int(sys.argv[-1]), "ClueCon")
client.connect()
heard = []
client.register_handle("CHANNEL_HANGUP", lambda event: heard.append("CHANNEL_HANGUP"))
client.register_handle("*", lambda event: heard.append("* with " + str([name[:13] for name in event.headers if "Content" not in name])))
reply = client.send(f"event {sys.argv[1]} CHANNEL_HANGUP")
gevent.sleep(1)
print(f"greenswitch: {reply.data}, handlers called: {heard}", flush=True)
os._exit(0)
END
cat > with_modesl.js <<'END'
const { Connection } = require('modesl')
const client = new Connection('127.0.0.1', Number(process.argv.at(-1)), 'ClueCon', () => {
  const heard = []
  client.on('esl::event::CHANNEL_HANGUP::*', () => heard.push('CHANNEL_HANGUP'))
  client.sendRecv(`event ${process.argv[2]} CHANNEL_HANGUP`, reply => {
    const show = () => console.log(`modesl: ${reply.getHeader('Reply-Text')}, handlers called: ${JSON.stringify(heard)}`)
    setTimeout(() => { show(); process.exit(0) }, 1000)
  })
})
END
python_packages greenswitch==0.0.19 genesis==2026.10.18
node_packages modesl@1.2.1
"$python" rules.py
for client in "$python with_genesis.py" "$python with_greenswitch.py" "node --no-deprecation with_modesl.js"; do
  for format in plain json; do
    "$python" "$here/fake-switch.py" rules.json $client $format
  done
done > seen

# The output seen:
expect <<'END'
genesis: +OK event listener enabled plain, handlers called: ['*', 'CHANNEL_HANGUP']
genesis: +OK event listener enabled json, handlers called: []
greenswitch: +OK event listener enabled plain, handlers called: ['CHANNEL_HANGUP']
greenswitch: +OK event listener enabled json, handlers called: ['* with [\'{"Event-Name"\']']
modesl: +OK event listener enabled plain, handlers called: ["CHANNEL_HANGUP"]
modesl: +OK event listener enabled json, handlers called: ["CHANNEL_HANGUP"]
END
