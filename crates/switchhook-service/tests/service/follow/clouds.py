"""The clouds of the tests, strict about the links that programs sign.

clouds.py s3 KEY_ID KEY    moto's S3 with a bucket "acme"; prints its port. moto takes any signature of
                           a link, so AWS's own library (botocore) checks it here first.
clouds.py google PEM       reads links, one a line, and prints those whose signature does not fit the
                           account's key (https://cloud.google.com/storage/docs/authentication/signatures)
"""
import hashlib
import sys
import threading
import urllib.request
from urllib.parse import parse_qsl, urlsplit


def serve_s3(key_id, key):
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    credentials = botocore.credentials.Credentials(key_id, key)
    moto = DomainDispatcherApplication(create_backend_app)

    def is_right(environ):
        raw, query = environ["REQUEST_URI"], environ["QUERY_STRING"]
        if "X-Amz-Signature=" not in query:
            return True
        values = dict(parse_qsl(query, keep_blank_values=True))
        date, region = values["X-Amz-Date"], values["X-Amz-Credential"].split("/")[2]
        rest = "&".join(part for part in query.split("&") if not part.startswith("X-Amz-Signature="))
        url = "http://%s%s?%s" % (environ["HTTP_HOST"], raw.split("?")[0], rest)
        request = botocore.awsrequest.AWSRequest(environ["REQUEST_METHOD"], url)
        request.headers["host"] = environ["HTTP_HOST"]
        request.context["timestamp"] = date
        auth = botocore.auth.S3SigV4QueryAuth(credentials, "s3", region)
        text = auth.string_to_sign(request, auth.canonical_request(request))
        return auth.signature(text, request) == values["X-Amz-Signature"]

    def strict(environ, start):
        if is_right(environ):
            return moto(environ, start)
        start("403 Forbidden", [("content-type", "text/plain")])
        return [b"SignatureDoesNotMatch\n"]

    server = make_server("127.0.0.1", 0, strict, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    bucket = "http://127.0.0.1:%d/acme" % server.port
    urllib.request.urlopen(urllib.request.Request(bucket, method="PUT")).read()
    print(server.port, flush=True)
    sys.stdin.read()  # until the test ends


def check_google(pem):
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding

    with open(pem, "rb") as file:
        public = serialization.load_pem_private_key(file.read(), None).public_key()
    # object_store 0.14.2 signs for Google's own host, whatever the endpoint is.
    host = "host:storage.googleapis.com"
    for link in sys.stdin.read().split():
        url = urlsplit(link)
        values = dict(parse_qsl(url.query, keep_blank_values=True))
        rest = sorted(part for part in url.query.split("&") if not part.startswith("X-Goog-Signature="))
        request = "\n".join(["GET", url.path, "&".join(rest), host, "", "host", "UNSIGNED-PAYLOAD"])
        scope = values["X-Goog-Credential"].split("/", 1)[1]
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = "\n".join(["GOOG4-RSA-SHA256", values["X-Goog-Date"], scope, digest])
        try:
            signature = bytes.fromhex(values["X-Goog-Signature"])
            public.verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            print(link)


if sys.argv[1] == "s3":
    serve_s3(*sys.argv[2:])
else:
    check_google(sys.argv[2])
