"""A switch's Event Socket port, as far as the findings need it.

Usage: fake-switch.py RULES.json CLIENT...

With OUTBOUND=1 set it plays the socket application of a call, which asks for no password.

Runs the client with the port's number as its last argument and serves one connection. A rule is [beginning of a command, seconds
before the answer, frames]; the frames are sent as they stand. As on a real switch, one command is answered after the other.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time

ACCEPTED = "Content-Type: command/reply\nReply-Text: +OK accepted\n\n"
rules = json.load(open(sys.argv[1]))
port = socket.create_server(("127.0.0.1", 0))


def serve():
    connection, _ = port.accept()
    if "OUTBOUND" not in os.environ:
        connection.sendall(b"Content-Type: auth/request\n\n")
    waiting = b""
    while chunk := connection.recv(65536):
        waiting += chunk
        while b"\n\n" in waiting:
            command, waiting = waiting.split(b"\n\n", 1)
            seconds, frames = 0, ACCEPTED
            for beginning, after, answer in rules:
                if command.decode().startswith(beginning):
                    seconds, frames = after, answer
            time.sleep(seconds)
            connection.sendall(frames.encode())


def serve_until_the_client_leaves():
    try:
        serve()
    except OSError:
        pass


threading.Thread(target=serve_until_the_client_leaves, daemon=True).start()
sys.exit(subprocess.run([*sys.argv[2:], str(port.getsockname()[1])], timeout=60).returncode)
