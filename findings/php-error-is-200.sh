#!/usr/bin/env bash
# Guess:   a PHP receiver that ends with an uncaught exception answers 500.
# Truth:   only with display_errors off. With it on, PHP prints the error as the answer's body and the status stays 200. On is the
#          built-in value, in force wherever there is no php.ini. A 500 then needs an exception handler of one's own.
# Version: Debian 12 php8.2-cli 8.2.36-1~deb12u1
# Date:    2026-11-29
# Matters: a call record that the receiver could not store counts as delivered and is never sent again. In the lab's container it is
#          200, on the server with Debian's php.ini it is 500.
. "$(dirname "$0")/support.sh"

cat > receiver.php <<'END'
<?php
if (($_GET['handler'] ?? '') === 'own') {
    set_exception_handler(function ($error) { http_response_code(500); echo 'failed'; });
}
throw new RuntimeException('the database is away');
END
cat > ask.py <<'END'
import socket, subprocess, sys, time, urllib.error, urllib.request

with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
for name, options in [("no php.ini", []), ("display_errors=1", ["-d", "display_errors=1"]), ("display_errors=0", ["-d", "display_errors=0"])]:
    php = subprocess.Popen([sys.argv[1], "-n", *options, "-S", f"127.0.0.1:{port}", "receiver.php"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for handler in ["none", "own"]:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/?handler={handler}", data=b"{}", headers={"Content-Type": "application/json"})
        for _ in range(100):
            try:
                status, body = (answer := urllib.request.urlopen(request)).status, answer.read()
                break
            except urllib.error.HTTPError as error:
                status, body = error.code, error.read()
                break
            except urllib.error.URLError:
                time.sleep(0.1)
        print(f"{name}, exception handler: {handler} -> {status}, the body names the error: {b'the database is away' in body}")
    php.terminate()
    php.wait()
END
apt-get update -qq
apt-get download -qq php8.2-cli=8.2.36-1~deb12u1 php8.2-common=8.2.36-1~deb12u1 libargon2-1 libsodium23 libxml2 libicu72 2> /dev/null
for package in *.deb; do dpkg -x "$package" debian; done
export LD_LIBRARY_PATH="$work/debian/usr/lib/$(uname -m)-linux-gnu"
python3 ask.py "$work/debian/usr/bin/php8.2" > seen

# The output seen:
expect <<'END'
no php.ini, exception handler: none -> 200, the body names the error: True
no php.ini, exception handler: own -> 500, the body names the error: False
display_errors=1, exception handler: none -> 200, the body names the error: True
display_errors=1, exception handler: own -> 500, the body names the error: False
display_errors=0, exception handler: none -> 500, the body names the error: False
display_errors=0, exception handler: own -> 500, the body names the error: False
END
