#!/usr/bin/env bash
# Guess:   urllib3 repeats a request only on connection errors unless status_forcelist names statuses, and timeout bounds the call.
# Truth:   with the defaults, a GET that gets 413, 429 or 503 with Retry-After is repeated three times. urllib3 sleeps the named time
#          before each repetition, outside of timeout, up to six hours each. The same answer to a POST, or without Retry-After, comes
#          back at once. requests never does this.
# Version: PyPI urllib3 2.8.0, requests 2.34.2
# Date:    2026-11-29
# Matters: a lookup with timeout=0.5 in the middle of a call waits as long as the overloaded server likes, while the caller hears hold
#          music. retries=False, or respect_retry_after_header=False, keeps the call within its time.
. "$(dirname "$0")/support.sh"

cat > ask.py <<'END'
import threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import requests, urllib3

asked = 0

class Overloaded(BaseHTTPRequestHandler):
    def answer(self):
        global asked
        asked += 1
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(503)
        if self.path == "/with":
            self.send_header("Retry-After", "1")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Overloaded)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_address[1]}"

def show(name, ask):
    global asked
    asked = 0
    start = time.monotonic()
    try:
        ended = ask()
    except Exception as error:
        ended = type(error).__name__
    slept = "over 3 s" if time.monotonic() - start >= 3 else "at once"
    print(f"{name}: {ended}, {asked} request(s), {slept}")

show("urllib3 GET, Retry-After: 1", lambda: urllib3.request("GET", base + "/with", timeout=0.5).status)
show("urllib3 GET, no Retry-After", lambda: urllib3.request("GET", base + "/without", timeout=0.5).status)
show("urllib3 POST, Retry-After: 1", lambda: urllib3.request("POST", base + "/with", timeout=0.5, body=b"{}").status)
show("urllib3 GET, retries=False, Retry-After: 1", lambda: urllib3.request("GET", base + "/with", timeout=0.5, retries=False).status)
show("requests GET, Retry-After: 1", lambda: requests.get(base + "/with", timeout=0.5).status_code)
END
python_packages urllib3==2.8.0 requests==2.34.2
"$python" ask.py > seen

# The output seen:
expect <<'END'
urllib3 GET, Retry-After: 1: 503, 4 request(s), over 3 s
urllib3 GET, no Retry-After: 503, 1 request(s), at once
urllib3 POST, Retry-After: 1: 503, 1 request(s), at once
urllib3 GET, retries=False, Retry-After: 1: 503, 1 request(s), at once
requests GET, Retry-After: 1: 503, 1 request(s), at once
END
