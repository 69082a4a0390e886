"""A front of Freehold's tests that stands before an emulator of BigQuery, which asks nobody who they are.

It does what Google's token endpoints, and the doors of Google's services, do: it takes assertions that are signed right
(checked by PyJWT), exchanges tokens of a workload identity federation, and lets nobody through without a token that it gave
out, neither to the REST API nor to the Storage Write API (gRPC). What it lets through, the emulator answers.

It is no emulator of IAM: there is a writer, who may do all, and a reader, who may change nothing.

Usage: front.py REST_PORT GRPC_PORT FOLDER. Writes the keys of the two accounts into FOLDER, and prints one JSON line.
"""

import datetime
import http.client
import json
import os
import secrets
import sys
import threading
import time
import urllib.parse
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

PROJECT = "acme-analytics"
TOKEN_URL = "https://oauth2.googleapis.com/token"
BIGQUERY_SCOPE = "https://www.googleapis.com/auth/bigquery"
PLATFORM_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
POOL = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/acme/providers/acme"
ISSUER = "https://login.acme.example"

REST_PORT, GRPC_PORT, FOLDER = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
WRITER, READER = (f"{name}@{PROJECT}.iam.gserviceaccount.com" for name in ("writer", "reader"))


class Account:
    """A service account with one key."""

    def __init__(self, email):
        self.email, self.id = email, secrets.token_hex(20)
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.public = self.key.public_key()

    def file(self):
        """The key file, as Google's console gives it."""
        private = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": self.id,
            "private_key": private.decode(),
            "client_email": self.email,
            "client_id": "1",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": TOKEN_URL,
            "universe_domain": "googleapis.com",
        }


ACCOUNTS = {account.email: account for account in (Account(WRITER), Account(READER))}
# The last has the writer's address with a key that was never the writer's.
for name, account in (("writer", ACCOUNTS[WRITER]), ("reader", ACCOUNTS[READER]), ("stranger", Account(WRITER))):
    with open(os.path.join(FOLDER, f"{name}.json"), "w") as to:
        json.dump(account.file(), to)
# The customer's own identity provider, and what its endpoint wants to see.
PROVIDER = Account(ISSUER)
PROVIDER_WORD = secrets.token_hex(20)


class Tokens:
    """Who has which token, for what, and until when."""

    def __init__(self):
        self.given, self.counts, self.lock = {}, Counter(), threading.Lock()

    def give(self, principal, scope, seconds):
        token = "ya29." + secrets.token_urlsafe(32)
        with self.lock:
            self.given[token] = (principal, scope, time.time() + seconds)
            self.counts[principal] += 1
        return token

    def bearer(self, authorization, scopes):
        """Who shows this, or None."""
        principal, scope, ends = self.given.get((authorization or "")[len("Bearer ") :], (None, None, 0))
        return principal if ends > time.time() and scope in scopes else None

    def revoke(self, account):
        with self.lock:
            self.given = {token: given for token, given in self.given.items() if given[0] != account}
        return {}


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


def new_account():
    account = Account(f"writer-{secrets.token_hex(8)}@{PROJECT}.iam.gserviceaccount.com")
    ACCOUNTS[account.email] = account
    return account.file()


def dataset_in(path):
    """The dataset that a path or the name of a stream is about."""
    return path.split("/datasets/")[1].split("/")[0] if "/datasets/" in path else ""


TOKENS, MISHAPS = Tokens(), Mishaps()


class Refused(Exception):
    def __init__(self, status, body):
        self.status, self.body = status, body


def grant(form):
    """RFC 7523, as Google's token endpoint has it."""
    if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
        raise Refused(400, {"error": "unsupported_grant_type", "error_description": "Invalid grant_type"})
    try:
        email = jwt.decode(form["assertion"], options={"verify_signature": False})["iss"]
        account = ACCOUNTS[email]
        named = jwt.get_unverified_header(form["assertion"]).get("kid", account.id)
        claims = jwt.decode(
            form["assertion"],
            account.public,
            algorithms=["RS256"],
            audience=TOKEN_URL,
            issuer=email,
            options={"require": ["exp", "iat", "iss", "aud", "scope"]},
        )
    except KeyError:
        raise Refused(400, {"error": "invalid_grant", "error_description": "Invalid grant: account not found"})
    except jwt.InvalidTokenError:
        raise Refused(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
    if named != account.id:
        raise Refused(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
    if claims["exp"] - claims["iat"] > 3600:
        raise Refused(400, {"error": "invalid_grant", "error_description": "Invalid JWT: Token must be a short-lived"})
    # Google's own library asks for the broader one as well.
    scopes = claims["scope"].split()
    scope = next((scope for scope in (BIGQUERY_SCOPE, PLATFORM_SCOPE) if scope in scopes), None)
    if not scope:
        raise Refused(400, {"error": "invalid_scope", "error_description": f"{claims['scope']} is not a valid scope."})
    return {"access_token": TOKENS.give(email, scope, 3599), "expires_in": 3599, "token_type": "Bearer"}


def exchange(form):
    """RFC 8693, as Google's Security Token Service has it."""
    if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:token-exchange":
        raise Refused(400, {"error": "unsupported_grant_type", "error_description": "Invalid grant_type"})
    if form.get("audience") != POOL:
        raise Refused(400, {"error": "invalid_target", "error_description": "The target service is not valid."})
    if form.get("subject_token_type") != "urn:ietf:params:oauth:token-type:jwt":
        raise Refused(400, {"error": "invalid_request", "error_description": "Invalid subject_token_type"})
    try:
        jwt.decode(form["subject_token"], PROVIDER.public, algorithms=["RS256"], audience=POOL, issuer=ISSUER)
    except (KeyError, jwt.InvalidTokenError):
        raise Refused(400, {"error": "invalid_grant", "error_description": "The subject token is not valid."})
    token = TOKENS.give("federated", form.get("scope"), 3600)
    kind = "urn:ietf:params:oauth:token-type:access_token"
    return {"access_token": token, "issued_token_type": kind, "token_type": "Bearer", "expires_in": 3600}


def impersonate(authorization, path, body):
    """projects.serviceAccounts.generateAccessToken of the IAM Service Account Credentials API."""
    if TOKENS.bearer(authorization, [PLATFORM_SCOPE, "https://www.googleapis.com/auth/iam"]) is None:
        raise Refused(401, error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials."))
    email = urllib.parse.unquote(path.split("/serviceAccounts/")[1].split(":")[0])
    wanted = json.loads(body)
    if email not in ACCOUNTS or wanted.get("scope") != [BIGQUERY_SCOPE]:
        raise Refused(403, error(403, "PERMISSION_DENIED", "Permission 'iam.serviceAccounts.getAccessToken' denied"))
    seconds = int(wanted.get("lifetime", "3600s").rstrip("s"))
    ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    token = TOKENS.give(email, BIGQUERY_SCOPE, seconds)
    return {"accessToken": token, "expireTime": ends.strftime("%Y-%m-%dT%H:%M:%SZ")}


def subject_token(authorization):
    """What the customer's identity provider gives to those who know its word."""
    if authorization != f"Bearer {PROVIDER_WORD}":
        raise Refused(401, {"error": "who are you?"})
    now = int(time.time())
    claims = {"iss": ISSUER, "sub": "freehold", "aud": POOL, "iat": now, "exp": now + 300}
    return {"id_token": jwt.encode(claims, PROVIDER.key, algorithm="RS256")}


def error(code, status, message, reason=None):
    inner = {"code": code, "message": message, "status": status}
    if reason:
        inner["errors"] = [{"message": message, "domain": "global", "reason": reason}]
    return {"error": inner}


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
        form = lambda: dict(urllib.parse.parse_qsl(body.decode()))
        own = {
            "/token": lambda: grant(form()),
            "/v1/token": lambda: exchange(form()),
            "/subject-token": lambda: subject_token(authorization),
            # Of this front alone, for the tests.
            "/front/account": new_account,
            "/front/revoke": lambda: TOKENS.revoke(body.decode()),
            "/front/count": lambda: {"tokens": TOKENS.counts[body.decode()]},
            "/front/lose": lambda: MISHAPS.plan(*body.decode().split()),
        }.get(path)
        if own is None and path.startswith("/v1/projects/-/serviceAccounts/"):
            own = lambda: impersonate(authorization, path, body)
        if own is not None:
            return 200, {"content-type": "application/json"}, json.dumps(own()).encode()
        principal = TOKENS.bearer(authorization, [BIGQUERY_SCOPE, PLATFORM_SCOPE])
        if principal is None:
            raise Refused(401, error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials."))
        if principal == READER and self.command != "GET":
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
        principal = TOKENS.bearer(metadata.get("authorization"), [BIGQUERY_SCOPE, PLATFORM_SCOPE])

        def forward(requests, context):
            if principal is None:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "Request had invalid authentication credentials.")
            if principal == READER and not call.method.endswith("/GetWriteStream"):
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
    said = {"rest": door.server_port, "storage": storage, "audience": POOL, "word": PROVIDER_WORD, "writer": WRITER}
    print(json.dumps(said), flush=True)
    door.serve_forever()
