#!/usr/bin/env bash
# Guess:   after bgapi the result is the body of the BACKGROUND_JOB event.
# Truth:   greenswitch takes the body's lines for headers. "+OK …" is glued to the value of the header before, which is Content-Length,
#          and a line "name: value" becomes a header of the event, over one of the same name. event.data does not exist. genesis and
#          modesl have the body.
# Version: PyPI greenswitch 0.0.19 and genesis 2026.10.18, npm modesl 1.2.1
# Date:    2026-11-29
# Matters: the UUID of a call made with "bgapi originate" is nowhere to be found, and int(headers["Content-Length"]) raises.
. "$(dirname "$0")/support.sh"

cat > rules.py <<'END'
import json

def event(body):
    headers = f"Event-Name: BACKGROUND_JOB\nJob-UUID: 7ef582e4\nJob-Command: originate\nContent-Length: {len(body)}\n\n"
    whole = headers + body
    return f"Content-Length: {len(whole)}\nContent-Type: text/event-plain\n\n{whole}"

reply = "Content-Type: command/reply\nReply-Text: +OK Job-UUID: 7ef582e4\nJob-UUID: 7ef582e4\n\n"
json.dump([["bgapi", 0, reply + event("+OK 9dbf52a2\n") + event("calls: 3\nwaiting: 2\n")]], open("rules.json", "w"))
END
cat > with_greenswitch.py <<'END'
import gevent.monkey
gevent.monkey.patch_all()
import gevent, json, os, sys
from greenswitch import InboundESL

client = InboundESL("127.0.0.1", int(sys.argv[1]), "ClueCon")
client.connect()

def show(event):
    wanted = {name: event.headers[name] for name in ["Content-Length", "calls", "waiting"] if name in event.headers}
    print("greenswitch: headers", json.dumps(wanted), "data", json.dumps(getattr(event, "data", "no such attribute")), flush=True)

client.register_handle("BACKGROUND_JOB", show)
client.send("bgapi originate user/1000 &park()")
gevent.sleep(1)
os._exit(0)
END
cat > with_genesis.py <<'END'
import asyncio, json, sys
from genesis import Inbound

async def main():
    async with Inbound("127.0.0.1", int(sys.argv[1]), "ClueCon") as client:
        client.on("BACKGROUND_JOB", lambda event: print("genesis: body", json.dumps(event.body)))
        await client.send("bgapi originate user/1000 &park()")
        await asyncio.sleep(1)

asyncio.run(main())
END
cat > with_modesl.js <<'END'
const { Connection } = require('modesl')
const client = new Connection('127.0.0.1', Number(process.argv.at(-1)), 'ClueCon', () => {
  client.on('esl::event::BACKGROUND_JOB::**', event => console.log('modesl: body', JSON.stringify(event.getBody())))
  client.send('bgapi originate user/1000 &park()')
  setTimeout(() => process.exit(0), 1000)
})
END
python_packages greenswitch==0.0.19 genesis==2026.10.18
node_packages modesl@1.2.1
"$python" rules.py
for client in "$python with_greenswitch.py" "$python with_genesis.py" "node --no-deprecation with_modesl.js"; do
  "$python" "$here/fake-switch.py" rules.json $client
done > seen

# The output seen:
expect <<'END'
greenswitch: headers {"Content-Length": "13\n\n+OK 9dbf52a2"} data "no such attribute"
greenswitch: headers {"Content-Length": "20", "calls": "3", "waiting": "2"} data "no such attribute"
genesis: body "+OK 9dbf52a2\n"
genesis: body "calls: 3\nwaiting: 2\n"
modesl: body "+OK 9dbf52a2\n"
modesl: body "calls: 3\nwaiting: 2\n"
END
