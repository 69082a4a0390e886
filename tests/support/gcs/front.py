"""A front of Freehold's tests that stands before an emulator of Cloud Storage, which asks nobody who they are.

It does what Google's token endpoints, and the door of the JSON API, do (../google/accounts.py): it lets nobody through without a
token that it gave out. What it lets through, the emulator answers; but `ifGenerationMatch=0`, which the emulator heeds only in
uploads of several parts, is looked after here.

Usage: front.py PORT FOLDER. Writes the keys of the two accounts into FOLDER, and prints one JSON line.
"""

import http.client
import json
import os
import sys
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "google"))
from accounts import POOL, Issuer, Refused, error  # noqa: E402

PORT = int(sys.argv[1])
ISSUER = Issuer("acme-events", "https://www.googleapis.com/auth/devstorage.read_write", sys.argv[2])
# The answers to the next uploads that get lost on their way: what they write is written.
LOST = []


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Small answers must not wait for more to send.
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            status, content_type, answer = self.decide(body)
        except Refused as refused:
            status, content_type, answer = refused.status, "application/json", json.dumps(refused.body).encode()
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def decide(self, body):
        authorization = self.headers.get("authorization")
        if self.path == "/front/lose":
            LOST.append(True)
            return 200, "application/json", b"{}"
        own = ISSUER.answer(self.path, authorization, body)
        if own is not None:
            return 200, "application/json", json.dumps(own).encode()
        principal = ISSUER.bearer(authorization)
        if principal is None:
            raise Refused(401, error(401, "UNAUTHENTICATED", "Invalid Credentials", "authError"))
        if principal == ISSUER.reader and self.command != "GET":
            message = f"{principal} does not have storage.objects.create access to the Google Cloud Storage object."
            raise Refused(403, error(403, "PERMISSION_DENIED", message, "forbidden"))
        if self.is_there_already():
            message = "At least one of the pre-conditions you specified did not hold."
            raise Refused(412, error(412, "FAILED_PRECONDITION", message, "conditionNotMet"))
        answer = self.forward(self.command, self.path, body)
        if self.path.startswith("/upload/") and answer[0] == 200 and LOST:
            LOST.pop()
            raise Refused(503, error(503, "UNAVAILABLE", "We encountered an internal error.", "backendError"))
        return answer

    def is_there_already(self):
        path, _, query = self.path.partition("?")
        given = dict(urllib.parse.parse_qsl(query))
        if not path.startswith("/upload/") or given.get("ifGenerationMatch") != "0":
            return False
        name = urllib.parse.quote(given["name"], safe="")
        return self.forward("GET", f"{path.removeprefix('/upload')}/{name}", b"")[0] == 200

    def forward(self, command, path, body):
        headers = {"content-type": self.headers.get("content-type") or "", "host": f"127.0.0.1:{PORT}"}
        upstream = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        upstream.request(command, path, body, headers)
        response = upstream.getresponse()
        answer = response.read()
        upstream.close()
        return response.status, response.getheader("content-type") or "", answer


door = ThreadingHTTPServer(("127.0.0.1", 0), Door)
door.daemon_threads = True
print(json.dumps({"port": door.server_port, "audience": POOL, "word": ISSUER.word, "writer": ISSUER.writer}), flush=True)
door.serve_forever()
