#!/usr/bin/env bash
# Guess:   a receiver that reads application/json also reads application/cloudevents+json, or refuses it.
# Truth:   express.json() leaves req.body undefined, without an error, and the handler answers as it likes. fastify answers 415 by
#          itself. Flask and FastAPI read it as JSON.
# Version: npm express 5.3.0, fastify 5.12.8; PyPI Flask 3.1.3, fastapi 0.141.1
# Date:    2026-11-29
# Matters: a webhook whose content type is set to a "+json" type is taken with 200 by a receiver that saw nothing: the sender counts
#          the call record as delivered. express.json({ type: ['json', '+json'] }) reads it.
. "$(dirname "$0")/support.sh"

cat > ask.js <<'END'
const express = require('express')
const fastify = require('fastify')

async function show(name, port, type) {
  const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers: { 'content-type': type }, body: '{"calls":1}' })
  console.log(name, type, '->', answer.status, answer.status === 200 ? await answer.text() : 'refused')
}

async function main() {
  const app = express()
  app.use(express.json())
  app.post('/', (request, response) => response.send(String(JSON.stringify(request.body))))
  const server = app.listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const wide = express()
  wide.use(express.json({ type: ['json', '+json'] }))
  wide.post('/', (request, response) => response.send(String(JSON.stringify(request.body))))
  const wideServer = wide.listen(0, '127.0.0.1')
  await new Promise(resolve => wideServer.once('listening', resolve))
  const other = fastify()
  other.post('/', async request => String(JSON.stringify(request.body)))
  await other.listen({ port: 0, host: '127.0.0.1' })
  for (const type of ['application/json', 'application/cloudevents+json']) {
    await show('express', server.address().port, type)
    await show('express with +json', wideServer.address().port, type)
    await show('fastify', other.server.address().port, type)
  }
  process.exit(0)
}
main()
END
cat > ask.py <<'END'
import fastapi, flask
from fastapi.testclient import TestClient

flask_app = flask.Flask("receiver")
flask_app.post("/")(lambda: flask.jsonify(flask.request.get_json()))
fastapi_app = fastapi.FastAPI()

@fastapi_app.post("/")
def receive(document: dict):
    return document

for type_ in ["application/json", "application/cloudevents+json"]:
    for name, client in [("Flask", flask_app.test_client()), ("FastAPI", TestClient(fastapi_app))]:
        body = {"data": b'{"calls":1}'} if name == "Flask" else {"content": b'{"calls":1}'}
        answer = client.post("/", headers={"content-type": type_}, **body)
        print(name, type_, "->", answer.status_code, answer.text.strip())
END
node_packages express@5.3.0 fastify@5.12.8
python_packages Flask==3.1.3 fastapi==0.141.1 httpx==0.28.1
{ node ask.js; "$python" -W ignore ask.py; } > seen

# The output seen:
expect <<'END'
express application/json -> 200 {"calls":1}
express with +json application/json -> 200 {"calls":1}
fastify application/json -> 200 {"calls":1}
express application/cloudevents+json -> 200 undefined
express with +json application/cloudevents+json -> 200 {"calls":1}
fastify application/cloudevents+json -> 415 refused
Flask application/json -> 200 {"calls":1}
FastAPI application/json -> 200 {"calls":1}
Flask application/cloudevents+json -> 200 {"calls":1}
FastAPI application/cloudevents+json -> 200 {"calls":1}
END
