#!/usr/bin/env bash
# Guess:   a SIP library finds a header however its name is written, as RFC 3261 demands of header names.
# Truth:   drachtio-sip does so for the headers that it knows, such as User-Agent. Any other header, Diversion and all of one's own X-
#          headers included, is found only as the sender wrote it. npm sip finds each of them by its name in small letters.
# Version: npm drachtio-sip 0.6.3, npm sip 0.0.6
# Date:    2026-11-29
# Matters: get('X-Lead') works with one phone or trunk, and is undefined with the next one that writes x-lead.
. "$(dirname "$0")/support.sh"

cat > read.js <<'END'
const { SipMessage } = require('drachtio-sip')
const sip = require('sip')
for (const name of ['User-Agent', 'user-agent', 'Diversion', 'diversion', 'X-Lead', 'x-lead']) {
  const lines = ['INVITE sip:7000@127.0.0.1 SIP/2.0', 'Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1', 'From: <sip:1000@127.0.0.1>;tag=a',
    'To: <sip:7000@127.0.0.1>', 'Call-ID: one', 'CSeq: 1 INVITE', `${name}: given`, 'Content-Length: 0', '', '']
  const message = lines.join('\r\n')
  const small = name.toLowerCase()
  const capital = small.replace(/(^|-)\w/g, letter => letter.toUpperCase())
  const read = new SipMessage(message)
  console.log(`sent as ${name}: drachtio-sip ${capital} ${read.get(capital)}, ${small} ${read.get(small)}; sip ${small} ${sip.parse(message).headers[small]}`)
}
END
node_packages drachtio-sip@0.6.3 sip@0.0.6
node read.js > seen

# The output seen:
expect <<'END'
sent as User-Agent: drachtio-sip User-Agent given, user-agent given; sip user-agent given
sent as user-agent: drachtio-sip User-Agent given, user-agent given; sip user-agent given
sent as Diversion: drachtio-sip Diversion given, diversion undefined; sip diversion given
sent as diversion: drachtio-sip Diversion undefined, diversion given; sip diversion given
sent as X-Lead: drachtio-sip X-Lead given, x-lead undefined; sip x-lead given
sent as x-lead: drachtio-sip X-Lead undefined, x-lead given; sip x-lead given
END
