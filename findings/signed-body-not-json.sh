#!/usr/bin/env bash
# Guess:   verify() of the Standard Webhooks libraries answers one question, whether the signature is right, for any body.
# Truth:   after the signature is found right, verify() also parses the body as JSON. A rightly signed form or text body raises the
#          JSON parser's error, which is not a WebhookVerificationError. A rightly signed empty body is undefined on npm and an error
#          on PyPI.
# Version: npm standardwebhooks 1.1.1, PyPI standardwebhooks 1.1.0
# Date:    2026-11-29
# Matters: a receiver that answers 401 on WebhookVerificationError and 500 on all else answers 500 to such a delivery. The sender tries
#          again for days, though secret, clock and signature are right.
. "$(dirname "$0")/support.sh"

cat > verify.js <<'END'
const { Webhook, WebhookVerificationError } = require('standardwebhooks')
const webhook = new Webhook('whsec_' + Buffer.from('0'.repeat(24)).toString('base64'))
for (const body of ['{"calls":1}', 'calls=1', 'call ended', '']) {
  const now = new Date()
  const headers = { 'webhook-id': 'msg_1', 'webhook-timestamp': String(Math.floor(now / 1000)), 'webhook-signature': webhook.sign('msg_1', now, body) }
  try {
    console.log('npm ', JSON.stringify(body), '->', JSON.stringify(webhook.verify(body, headers)))
  } catch (error) {
    console.log('npm ', JSON.stringify(body), '->', error.constructor.name + ', a verification error:', error instanceof WebhookVerificationError)
  }
}
END
cat > verify.py <<'END'
import base64, json
from datetime import datetime, timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

webhook = Webhook("whsec_" + base64.b64encode(b"0" * 24).decode())
for body in ['{"calls":1}', "calls=1", "call ended", ""]:
    now = datetime.now(timezone.utc)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": webhook.sign("msg_1", now, body)}
    try:
        print("PyPI", json.dumps(body), "->", json.dumps(webhook.verify(body, headers)))
    except Exception as error:
        print("PyPI", json.dumps(body), "->", type(error).__name__ + ", a verification error:", isinstance(error, WebhookVerificationError))
END
node_packages standardwebhooks@1.1.1
python_packages standardwebhooks==1.1.0
{ node verify.js; "$python" verify.py; } > seen

# The output seen:
expect <<'END'
npm  "{\"calls\":1}" -> {"calls":1}
npm  "calls=1" -> SyntaxError, a verification error: false
npm  "call ended" -> SyntaxError, a verification error: false
npm  "" -> undefined
PyPI "{\"calls\":1}" -> {"calls": 1}
PyPI "calls=1" -> JSONDecodeError, a verification error: False
PyPI "call ended" -> JSONDecodeError, a verification error: False
PyPI "" -> JSONDecodeError, a verification error: False
END
