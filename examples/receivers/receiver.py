#!/usr/bin/env python3
"""Receives the documents of Switchhook and stores each one once, in SQLite.

    mkdir documents
    WEBHOOK_SECRETS="whsec_…" python3 receiver.py --listen 127.0.0.1:8088 --folder documents

WEBHOOK_SECRETS holds the secrets of the webhook, separated by spaces; two while they are rotated.
Python 3.9 or later, standard library only. docs/receivers.md explains each check.
"""

import argparse
import base64
import contextlib
import hashlib
import hmac
import os
import re
import signal
import sqlite3
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY_LIMIT = 4 * 1024 * 1024
# Bytes of a refused body that are read and thrown away.
DISCARD_LIMIT = 16 * BODY_LIMIT
TOLERANCE_S = 5 * 60
# Requests in progress; each may hold a body in memory.
AT_ONCE = 16

# An id has no dot: the signed text is "id.timestamp.body", and a dot would make it ambiguous.
ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
TIMESTAMP = re.compile(r"[0-9]{1,12}")
LENGTH = re.compile(r"[0-9]{1,15}")


def say(line, stream=sys.stdout):
    # In one piece, unlike print(), so that lines of different threads do not mix.
    stream.write(f"{line}\n")
    stream.flush()


def read_keys(text):
    """Returns the keys of the secrets in `text`; exits when one of them is not usable."""
    keys = []
    for position, secret in enumerate(text.split(), start=1):
        if secret.startswith("whsec_"):
            secret = secret[len("whsec_"):]
        try:
            key = base64.b64decode(secret, validate=True)
        except ValueError:
            sys.exit(f"secret {position} of WEBHOOK_SECRETS is not base64 after whsec_")
        if not 24 <= len(key) <= 64:
            sys.exit(f"secret {position} of WEBHOOK_SECRETS has {len(key)} bytes; it needs 24 to 64")
        keys.append(key)
    if not keys:
        sys.exit("WEBHOOK_SECRETS is not set; set it to the signing secret of the webhook")
    return keys


def why_refused(keys, headers, body, now_s):
    """Returns why a request is not genuine, or None when it is."""
    id_ = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not ID.fullmatch(id_):
        return "webhook-id is missing or malformed"
    if not TIMESTAMP.fullmatch(timestamp):
        return "webhook-timestamp is missing or malformed"
    if abs(now_s - int(timestamp)) > TOLERANCE_S:
        return "webhook-timestamp is more than five minutes off; compare the clocks"
    # The body as it came: a document that was parsed and written again has other bytes.
    signed = f"{id_}.{timestamp}.".encode("ascii") + body
    given = [
        entry[len(b"v1,"):]
        for entry in headers.get("webhook-signature", "").encode("utf-8", "replace").split(b" ")
        if entry.startswith(b"v1,")
    ]
    genuine = False
    for key in keys:
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
        for signature in given:
            genuine |= hmac.compare_digest(expected, signature)
    return None if genuine else "no signature of webhook-signature fits"


class Store:
    """Documents in one SQLite file. The id is the primary key, so each is stored once."""

    def __init__(self, folder):
        if not os.path.isdir(folder):
            sys.exit(f"the folder {folder} is not there; make it with mkdir")
        self._lock = threading.Lock()
        path = os.path.join(folder, "documents.db")
        # Autocommit: a statement has been committed when it returns.
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        # FULL: a commit has been synced to the disk when it returns.
        self._db.execute("PRAGMA synchronous = FULL")
        # A process that was killed may have written a document and not synced it. It is synced here,
        # before a repeat is acknowledged because of it.
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS documents ("
            " id TEXT PRIMARY KEY, received_s INTEGER NOT NULL, body BLOB NOT NULL)"
        )

    def put(self, id_, body):
        """Stores a document and returns True, or returns False when its id is there already."""
        with self._lock:
            cursor = self._db.execute(
                "INSERT INTO documents VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING",
                (id_, int(time.time()), body),
            )
            return cursor.rowcount == 1

    def close(self):
        with self._lock:
            self._db.close()


class Handler(BaseHTTPRequestHandler):
    """One connection. The server has `keys`, `store` and `slots`."""

    protocol_version = "HTTP/1.1"
    # A sender that is silent for this long is disconnected.
    timeout = 10

    def do_POST(self):
        with self.server.slots:
            self.receive()

    def receive(self):
        length = self.headers.get("content-length", "")
        if "transfer-encoding" in self.headers or not LENGTH.fullmatch(length):
            return self.reply_unread(411, "send a Content-Length")
        if int(length) > BODY_LIMIT:
            return self.reply_unread(413, f"a document has at most {BODY_LIMIT} bytes")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return None
        why = why_refused(self.server.keys, self.headers, body, time.time())
        if why:
            return self.reply(401, why)
        id_ = self.headers["webhook-id"]
        try:
            is_new = self.server.store.put(id_, body)
        except sqlite3.Error as error:
            say(f"cannot store {id_}: {error}", sys.stderr)
            return self.reply(503, "the document could not be stored", retry_after_s=10)
        # The document is on the disk. Only now may the sender forget it.
        self.reply(204)
        say(f"stored {id_}, {len(body)} bytes" if is_new else f"repeat {id_}")

    def reply(self, status, text="", retry_after_s=None):
        self.send_response(status)
        if retry_after_s is not None:
            self.send_header("Retry-After", str(retry_after_s))
        if status == 405:
            self.send_header("Allow", "POST")
        if self.close_connection:
            self.send_header("Connection", "close")
        body = f"{text}\n".encode() if text else b""
        if status != 204:
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        if status >= 400:
            say(f"replied {status}: {text}", sys.stderr)

    def reply_unread(self, status, text):
        """Replies a request whose body was not read, and ends its connection."""
        self.close_connection = True
        self.reply(status, text)
        # A connection that is closed with bytes unread is reset, and the reply may be lost to a
        # sender that is still writing.
        self.connection.settimeout(1)
        left = DISCARD_LIMIT
        while left > 0 and (read := self.rfile.read1(64 * 1024)):
            left -= len(read)

    def refuse_method(self):
        self.reply_unread(405, "send documents by POST")

    do_GET = do_HEAD = do_PUT = do_PATCH = do_DELETE = refuse_method

    def log_message(self, format, *args):
        """Keeps the log to one line per document, without what strangers sent."""


class Server(ThreadingHTTPServer):
    # Connections that wait to be accepted; by default 5.
    request_queue_size = 128

    def handle_error(self, request, client_address):
        # A connection that breaks off is everyday business.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def main():
    parser = argparse.ArgumentParser(description="Receives the documents of Switchhook.")
    parser.add_argument("--listen", default="127.0.0.1:8088", metavar="HOST:PORT", help="port 0: any free one")
    parser.add_argument("--folder", default="documents", help="where documents are stored; must exist")
    arguments = parser.parse_args()
    host, _, port = arguments.listen.rpartition(":")
    keys = read_keys(os.environ.get("WEBHOOK_SECRETS", ""))

    server = Server((host, int(port)), Handler)
    server.keys = keys
    server.store = Store(arguments.folder)
    server.slots = threading.BoundedSemaphore(AT_ONCE)

    def stop(*_):
        # shutdown() waits for the loop that this handler interrupts, so it needs its own thread.
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    say("listening on {}:{}".format(*server.server_address[:2]))
    server.serve_forever(poll_interval=0.1)

    # No new connection is accepted. Requests in progress get their replies; idle connections end
    # with the process.
    server.socket.close()
    until = time.monotonic() + 10
    with contextlib.ExitStack() as held:
        for _ in range(AT_ONCE):
            if server.slots.acquire(timeout=max(0, until - time.monotonic())):
                held.callback(server.slots.release)
        server.store.close()


if __name__ == "__main__":
    main()
