#!/usr/bin/env bash
# Guess:   a CloudEvent that a receiver parses and passes on keeps its time, and stays without a time when it had none.
# Truth:   both SDKs give an event without a time the moment of parsing, which nothing tells apart from a real one. The npm SDK also
#          turns 15:30+05:30 into 10:00Z and cuts below the millisecond, and makes data_base64 a Uint32Array: one 32-bit number a byte.
# Version: npm cloudevents 10.0.0, PyPI cloudevents 2.2.0
# Date:    2026-11-29
# Matters: a call record that came hours late looks as if the call had been at the moment of its delivery. Call times are told in the
#          account's offset; after such a hop the local hour of the call is gone.
. "$(dirname "$0")/support.sh"

cat > events.json <<'END'
[{"time": "2026-11-29T15:30:00.123456+05:30"}, {}, {"data_base64": "AAEC"}]
END
cat > pass_on.js <<'END'
const { HTTP } = require('cloudevents')
for (const more of require('./events.json')) {
  const body = JSON.stringify({ specversion: '1.0', type: 'call.ended', source: '/switch', id: '1', ...more })
  const before = Date.now()
  const event = HTTP.toEvent({ headers: { 'content-type': 'application/cloudevents+json' }, body })
  const sent = JSON.parse(HTTP.structured(event).body)
  const invented = Date.parse(sent.time) >= before
  const data = event.data && `${event.data.constructor.name} of ${event.data.byteLength} bytes`
  console.log('npm ', JSON.stringify(more), '-> time', invented ? 'of the parsing' : sent.time, '| data', data ?? 'none')
}
END
cat > pass_on.py <<'END'
import json
from datetime import datetime, timezone
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event, to_structured_event

for more in json.load(open("events.json")):
    body = json.dumps({"specversion": "1.0", "type": "call.ended", "source": "/switch", "id": "1", **more}).encode()
    before = datetime.now(timezone.utc)
    event = from_structured_event(HTTPMessage({"content-type": "application/cloudevents+json"}, body))
    sent = json.loads(to_structured_event(event).body)
    data = event.get_data()
    data = f"{type(data).__name__} of {len(data)} bytes" if data else "none"
    invented = event.get_time() >= before
    print("PyPI", json.dumps(more, separators=(",", ":")), "-> time", "of the parsing" if invented else sent["time"], "| data", data)
END
node_packages cloudevents@10.0.0
python_packages cloudevents==2.2.0
{ node pass_on.js; "$python" pass_on.py; } > seen

# The output seen:
expect <<'END'
npm  {"time":"2026-11-29T15:30:00.123456+05:30"} -> time 2026-11-29T10:00:00.123Z | data none
npm  {} -> time of the parsing | data none
npm  {"data_base64":"AAEC"} -> time of the parsing | data Uint32Array of 12 bytes
PyPI {"time":"2026-11-29T15:30:00.123456+05:30"} -> time 2026-11-29T15:30:00.123456+05:30 | data none
PyPI {} -> time of the parsing | data none
PyPI {"data_base64":"AAEC"} -> time of the parsing | data bytes of 3 bytes
END
