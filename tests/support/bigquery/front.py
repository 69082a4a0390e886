"""A front of Freehold's tests that stands before an emulator of BigQuery, which asks nobody who they are.

It does what Google's token endpoints, and the doors of Google's services, do (../google/accounts.py): it lets nobody through
without a token that it gave out, neither to the REST API nor to the Storage Write API (gRPC). What it lets through, the
emulator answers.

Usage: front.py REST_PORT GRPC_PORT FOLDER. Writes the keys of the two accounts into FOLDER, and prints one JSON line.
"""

import http.client
import json
import os
import sys
import threading
import urllib.parse
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "google"))
from accounts import POOL, Issuer, Refused, error  # noqa: E402

REST_PORT, GRPC_PORT = int(sys.argv[1]), int(sys.argv[2])
ISSUER = Issuer("acme-analytics", "https://www.googleapis.com/auth/bigquery", sys.argv[3])


class Mishaps:
    """Whose next answers get lost on their way: writes into these datasets are written all the same."""

    def __init__(self):
        self.times, self.lock = Counter(), threading.Lock()

    def plan(self, dataset, times):
        with self.lock:
            self.times[dataset] = int(times)
        return {}

    def strikes(self, dataset):
        with self.lock:
            self.times[dataset] -= 1
            return self.times[dataset] >= 0


def dataset_in(path):
    """The dataset that a path or the name of a stream is about."""
    return path.split("/datasets/")[1].split("/")[0] if "/datasets/" in path else ""


MISHAPS = Mishaps()


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Small answers must not wait for more to send.
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            status, headers, answer = self.decide(body)
        except Refused as refused:
            status, headers, answer = refused.status, {"content-type": "application/json"}, json.dumps(refused.body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer

    def decide(self, body):
        authorization, path = self.headers.get("authorization"), self.path
        if path == "/front/lose":
            own = MISHAPS.plan(*body.decode().split())
        else:
            own = ISSUER.answer(path, authorization, body)
        if own is not None:
            return 200, {"content-type": "application/json"}, json.dumps(own).encode()
        principal = ISSUER.bearer(authorization)
        if principal is None:
            raise Refused(401, error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials."))
        if principal == ISSUER.reader and self.command != "GET":
            message = "Access Denied: Permission bigquery.tables.updateData denied (or it may not exist)."
            raise Refused(403, error(403, "PERMISSION_DENIED", message, "accessDenied"))
        answer = self.forward(body)
        if path.split("?")[0].endswith("/insertAll") and MISHAPS.strikes(dataset_in(path)):
            raise Refused(503, error(503, "UNAVAILABLE", "The service is currently unavailable.", "backendError"))
        return answer

    def forward(self, body):
        dropped = ("host", "content-length", "authorization", "connection")
        headers = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
        upstream = http.client.HTTPConnection("127.0.0.1", REST_PORT, timeout=120)
        upstream.request(self.command, self.path, body, headers)
        response = upstream.getresponse()
        answer = response.read()
        upstream.close()
        dropped = ("transfer-encoding", "content-length", "connection", "server", "date")
        headers = {name: value for name, value in response.getheaders() if name.lower() not in dropped}
        return response.status, headers, answer


class Rpc(grpc.GenericRpcHandler):
    """Lets calls of any method through, message by message."""

    def __init__(self):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{GRPC_PORT}", options=SIZES)

    def service(self, call):
        metadata = dict(call.invocation_metadata)
        principal = ISSUER.bearer(metadata.get("authorization"))

        def forward(requests, context):
            if principal is None:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "Request had invalid authentication credentials.")
            if principal == ISSUER.reader and not call.method.endswith("/GetWriteStream"):
                message = "Permission 'TABLES_UPDATE_DATA' denied on resource (or it may not exist)."
                context.abort(grpc.StatusCode.PERMISSION_DENIED, message)
            routed = urllib.parse.unquote(metadata.get("x-goog-request-params", ""))
            if "projects/" not in routed:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the request is not routed")
            try:
                answers = list(self.channel.stream_stream(call.method)(requests))
                if call.method.endswith("/AppendRows") and MISHAPS.strikes(dataset_in(routed)):
                    context.abort(grpc.StatusCode.UNAVAILABLE, "The service is currently unavailable.")
                yield from answers
            except grpc.RpcError as refused:
                context.set_trailing_metadata(refused.trailing_metadata() or ())
                context.abort(refused.code(), refused.details())

        return grpc.stream_stream_rpc_method_handler(forward)


SIZES = [("grpc.max_receive_message_length", 32 << 20), ("grpc.max_send_message_length", 32 << 20)]

if __name__ == "__main__":
    server = grpc.server(ThreadPoolExecutor(max_workers=32), handlers=[Rpc()], options=SIZES)
    storage = server.add_insecure_port("127.0.0.1:0")
    server.start()
    door = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    door.daemon_threads = True
    said = {"rest": door.server_port, "storage": storage, "audience": POOL, "word": ISSUER.word, "writer": ISSUER.writer}
    print(json.dumps(said), flush=True)
    door.serve_forever()
