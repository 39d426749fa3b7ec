#!/usr/bin/env bash
# Guess:   a client that decodes gzip reads every valid gzip body, or says that it cannot.
# Truth:   of a body of two gzip members, which RFC 1952 allows and log-like writers produce, reqwest and httpx return the first member
#          alone and report success. `GZIP` (RFC 9110 compares without regard to case), `x-gzip` or two codings leave reqwest, and some
#          of them httpx, aiohttp and axios, with the compressed bytes as the text, without an error either. requests and undici read all.
# Version: crate reqwest 0.13.5; PyPI requests 2.34.2, httpx 0.28.1, aiohttp 3.14.5; npm undici 7.30.0, axios 1.21.1
# Date:    2026-11-30
# Matters: a webhook's answer that is cut after its first member is a text that looks whole. Whoever decodes bodies with such a client
#          cannot tell; switch the client's own decoding off, or let the server send one member.
. "$(dirname "$0")/support.sh"

cat > serve.py <<'END'
import gzip, sys, zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

raw = zlib.compressobj(wbits=-15)
BODIES = {
    "/one": ("gzip", gzip.compress(b"first second")),
    "/members": ("gzip", gzip.compress(b"first ") + gzip.compress(b"second")),
    "/case": ("GZIP", gzip.compress(b"first second")),
    "/x": ("x-gzip", gzip.compress(b"first second")),
    "/twice": ("gzip, gzip", gzip.compress(gzip.compress(b"first second"))),
    "/raw": ("deflate", raw.compress(b"first second") + raw.flush()),
}

class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        coding, body = BODIES[self.path]
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Encoding", coding)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
print(server.server_address[1], flush=True)
server.serve_forever()
END
cat > words.py <<'END'
def word(body):
    if body == b"first second":
        return "whole"
    return "first member" if body == b"first " else "compressed bytes" if body[:1] in (b"\x1f", b"K") else repr(body)
END
cat > clients.py <<'END'
import asyncio, sys
import aiohttp, httpx, requests
from words import word

PATHS = ["one", "members", "case", "x", "twice", "raw"]
base = f"http://127.0.0.1:{sys.argv[1]}/"

def show(name, get):
    seen = []
    for path in PATHS:
        try:
            seen.append(word(get(base + path)))
        except Exception as error:
            seen.append(type(error).__name__)
    print(f"{name}: {', '.join(seen)}")

async def with_aiohttp(url):
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.read()

show("requests", lambda url: requests.get(url, timeout=5).content)
show("httpx", lambda url: httpx.get(url, timeout=5).content)
show("aiohttp", lambda url: asyncio.run(with_aiohttp(url)))
END
cat > clients.mjs <<'END'
import axios from 'axios';
import { fetch } from 'undici';
const paths = ['one', 'members', 'case', 'x', 'twice', 'raw'];
const word = (body) => {
  const text = body.toString('latin1');
  if (text === 'first second') return 'whole';
  if (text === 'first ') return 'first member';
  return text.startsWith('\x1f') || text.startsWith('K') ? 'compressed bytes' : JSON.stringify(text);
};
const show = async (name, get) => {
  const seen = [];
  for (const path of paths) {
    try {
      seen.push(word(Buffer.from(await get(`http://127.0.0.1:${process.argv[2]}/${path}`))));
    } catch (error) {
      seen.push(error.code ?? error.cause?.code ?? error.name);
    }
  }
  console.log(`${name}: ${seen.join(', ')}`);
};
await show('undici fetch', async (url) => (await fetch(url)).arrayBuffer());
await show('axios', async (url) => (await axios.get(url, { responseType: 'arraybuffer' })).data);
END
mkdir -p client/src
cat > client/src/main.rs <<'END'
fn word(body: &[u8]) -> String {
    match body {
        b"first second" => "whole".into(),
        b"first " => "first member".into(),
        [0x1f | b'K', ..] => "compressed bytes".into(),
        other => format!("{other:?}"),
    }
}

fn main() {
    let port = std::env::args().nth(1).unwrap();
    let seen = ["one", "members", "case", "x", "twice", "raw"].map(|path| {
        let answer = reqwest::blocking::get(format!("http://127.0.0.1:{port}/{path}")).and_then(|answer| answer.bytes());
        answer.map_or_else(|error| if error.is_decode() { "decode error".into() } else { error.to_string() }, |body| word(&body))
    });
    println!("reqwest: {}", seen.join(", "));
}
END
python_packages requests==2.34.2 httpx==0.28.1 aiohttp==3.14.5
node_packages undici@7.30.0 axios@1.21.1
rust_program client 'reqwest = { version = "=0.13.5", default-features = false, features = ["blocking", "gzip", "deflate"] }'
"$python" serve.py > port &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$work"' EXIT
until [ -s port ]; do sleep 0.1; done
{
  echo "client: one member, two members, GZIP, x-gzip, gzip twice, deflate without zlib's frame"
  "$program" "$(cat port)"
  "$python" clients.py "$(cat port)"
  node clients.mjs "$(cat port)"
} > seen

# The output seen:
expect <<'END'
client: one member, two members, GZIP, x-gzip, gzip twice, deflate without zlib's frame
reqwest: whole, first member, compressed bytes, compressed bytes, compressed bytes, decode error
requests: whole, whole, whole, whole, whole, whole
httpx: whole, first member, whole, compressed bytes, whole, whole
aiohttp: whole, whole, whole, compressed bytes, compressed bytes, whole
undici fetch: whole, whole, whole, whole, whole, whole
axios: whole, whole, whole, whole, compressed bytes, whole
END
