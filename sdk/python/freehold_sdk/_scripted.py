"""
What stands for the host's interfaces under plain Python? Modules of the names that components have them under, whose functions
ask the host that a test scripted.
"""

import base64
import hashlib
import hmac
import json
import sys
import urllib.parse
from dataclasses import dataclass
from enum import Enum
from types import ModuleType
from typing import Any, Optional

current: Any = None
"""The host that plugins talk to: the newest `freehold_sdk.testing.Host`."""

_ITERATIONS_MAX = 100_000
"""The most that a server may ask for."""
_FIELD_BYTES_MAX = 16 * 1024
"""Bytes of a field at most."""
_CLEAR_BYTES_MAX = 4 * 1024
"""Bytes that go each way before TLS on a stream that begins in the clear."""
_READ_BYTES_MAX = 64 * 1024
"""Bytes that one read gives at most, whatever is asked for."""
_EXACT_BYTES_MAX = 16 * 1024 * 1024
"""Bytes that can be waited for at once, unless the operator says otherwise."""


def install() -> None:
    """Makes the modules."""
    for name, members in {
        "componentize_py_types": {"Ok": Ok, "Err": Err},
        "wit_world": {"__path__": []},
        "wit_world.imports": {"__path__": []},
        "wit_world.imports.types": {"ErrorKind": ErrorKind, "Error": Error, "Event": Event, "Batch": Batch},
        "wit_world.imports.credential": {
            "Signature": Enum("Signature", ["RS256", "ES256", "ED25519"]),
            "Hash": Enum("Hash", ["SHA256", "SHA512"]),
            "field": lambda name: next(iter(_fields(name)), None),
            "fields": _fields,
            "text": lambda name: _host()._text(name),
            "seal": _seal,
        },
        "wit_world.imports.http": {
            "BodyEncoding": BodyEncoding,
            "SignedPart_Text": SignedText,
            "SignedPart_Value": SignedValue,
            "SignedPart_Body": SignedBody,
            "Request": Request,
            "send": _send,
            "send_all": lambda requests: [_exchange(request.finished) for request in requests],
            "send_alike": _send_alike,
        },
        "wit_world.imports.stream": {"Target": Target, "connect": _connect},
        "wit_world.imports.context": {
            "attempt": lambda: _host().attempt,
            "time_left_ms": lambda: round(_host().time_left * 1000),
            "now_ms": lambda: _host().now_ms,
            "wait": lambda ms: _host()._wait(ms),
            "customer": lambda: "cus_test",
            "destination": lambda: "dst_test",
        },
        "wit_world.imports.log": {
            "Level": Enum("Level", ["DEBUG", "INFO", "WARN", "ERROR"]),
            "log": lambda level, message: _host().logged.append((level.name.lower(), message)),
        },
        "wit_world.imports.random": {"bytes": lambda length: _host()._random(length)},
    }.items():
        module = ModuleType(name)
        vars(module).update(members)
        sys.modules[name] = module


def _host():
    if current is None:
        raise RuntimeError("there is no host: make a freehold_sdk.testing.Host before the plugin runs")
    return current


@dataclass
class Ok:
    value: Any


@dataclass(frozen=True)
class Err(Exception):
    value: Any


ErrorKind = Enum("ErrorKind", ["TRANSIENT", "THROTTLED", "AUTH", "CONFIG", "REJECTED", "EGRESS_DENIED", "OTHER"])


@dataclass
class Error:
    kind: Any
    code: str
    message: str
    retry_after_ms: Optional[int]
    request_sent: bool


@dataclass
class Event:
    id: str
    type: str
    time_ms: int
    data: bytes
    attributes: list
    idempotency_key: str


@dataclass
class Batch:
    id: str
    events: list


def _refused(kind, code: str, message: str, *, request_sent: bool = False) -> Err:
    return Err(Error(kind, code, message, None, request_sent))


class Secret:
    """A sealed value. Its bytes are for the scripted host alone."""

    def __init__(self, value: bytes, field: Optional[str] = None) -> None:
        self._value = value
        self._field = field

    def hmac_sha256(self, data: bytes) -> bytes:
        return hmac.digest(self._value, data, "sha256")

    def hmac_sha512(self, data: bytes) -> bytes:
        return hmac.digest(self._value, data, "sha512")

    def derive_hmac_sha256(self, data: bytes) -> "Secret":
        return Secret(self.hmac_sha256(data))

    def derive_pbkdf2(self, hash, salt: bytes, iterations: int) -> "Secret":
        if not 1 <= iterations <= _ITERATIONS_MAX:
            possible = f"1 to {_ITERATIONS_MAX} are possible: set fewer for this user on the server"
            message = f"deriving a key with {iterations} iterations was asked for, and {possible}"
            raise _refused(ErrorKind.CONFIG, "iterations-out-of-range", message)
        return Secret(hashlib.pbkdf2_hmac(hash.name.lower(), self._value, salt, iterations))

    def with_prefix(self, prefix: bytes) -> "Secret":
        return Secret(prefix + self._value)

    def sha256(self, before: bytes, after: bytes) -> bytes:
        return hashlib.sha256(before + self._value + after).digest()

    def without_prefix(self, prefix: bytes) -> "Secret":
        _host()._check_listed(self._field, "x-prefixes", prefix.decode())
        if not self._value.startswith(prefix):
            raise _refused(ErrorKind.AUTH, "credential-prefix", "the credential does not begin as it should")
        return Secret(self._value[len(prefix) :])

    def from_base64(self) -> "Secret":
        digits = self._value.rstrip(b"=")
        try:
            decoded = base64.b64decode(digits + b"=" * (-len(digits) % 4), validate=True)
        except ValueError:
            decoded = b""
        whole = base64.b64encode(decoded)
        # Padding may be left off, and nothing else is forgiven.
        if not whole.startswith(self._value) or whole.rstrip(b"=") != digits:
            raise _refused(ErrorKind.AUTH, "credential-base64", "the credential is not valid base64")
        return Secret(decoded)

    def json_member(self, name: str) -> "Secret":
        member = self._object().get(name)
        if not isinstance(member, str):
            message = f"the credential has no text `{name}` in its JSON object: paste the whole key file"
            raise _refused(ErrorKind.AUTH, "credential-member", message)
        return Secret(member.encode())

    def json_text(self, name: str) -> Optional[str]:
        _host()._check_listed(self._field, "x-public-members", name)
        member = self._object().get(name)
        return member if isinstance(member, str) else None

    def json_string(self) -> "Secret":
        cannot = "cannot be put into a JSON string"
        if len(self._value) > _FIELD_BYTES_MAX:
            raise _refused(ErrorKind.AUTH, "credential-too-long", f"a credential this long {cannot}")
        try:
            text = self._value.decode()
        except UnicodeDecodeError:
            message = f"a credential that is not text {cannot}"
            raise _refused(ErrorKind.AUTH, "credential-not-text", message) from None
        return Secret(json.dumps(text, ensure_ascii=False)[1:-1].encode())

    def length(self) -> int:
        return len(self._value)

    def sign(self, algorithm, data: bytes) -> bytes:
        return _host()._sign(algorithm.name.lower(), self._value, data)

    def _object(self) -> dict:
        try:
            value = json.loads(self._value)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            message = "the credential is not a JSON object: paste the whole key file, as it was downloaded"
            raise _refused(ErrorKind.AUTH, "credential-json", message)
        return value


def _fields(name: str) -> list[Secret]:
    return [Secret(value.encode(), name) for value in _host()._secrets(name)]


def _seal(value: bytes) -> Secret:
    assert len(value) <= _FIELD_BYTES_MAX, f"{len(value)} bytes were sealed at once: the host would end the instance"
    return Secret(value)


BodyEncoding = Enum("BodyEncoding", ["RAW", "JSON_STRING", "FORM"])


@dataclass
class SignedText:
    value: str


@dataclass
class SignedValue:
    value: int


@dataclass
class SignedBody:
    pass


class Request:
    """A request under construction."""

    def __init__(self, method: str, url: str) -> None:
        from .testing import SentRequest

        self.finished = SentRequest(method, url)
        self._varied: list[str] = []
        self._signatures: list[tuple[str, str, bytes, list]] = []

    def headers(self, headers: list[tuple[str, str]]) -> None:
        self.finished.headers.extend(headers)

    def secret_header(self, name: str, prefix: str, value: Secret) -> None:
        self.finished.headers.append((name, prefix + value._value.decode()))

    def basic_auth(self, user: str, password: Secret) -> None:
        pair = base64.b64encode(user.encode() + b":" + password._value).decode()
        self.finished.headers.append(("authorization", f"Basic {pair}"))

    def secret_query(self, name: str, value: Secret) -> None:
        mark = "&" if "?" in self.finished.url else "?"
        self.finished.url += f"{mark}{name}={urllib.parse.quote(value._value, safe='')}"

    def body(self, value: bytes) -> None:
        self.finished.body = value

    def secret_body(self, before: bytes, value: Secret, encoding, after: bytes) -> None:
        written = value._value
        if encoding is BodyEncoding.JSON_STRING:
            written = json.dumps(written.decode())[1:-1].encode()
        elif encoding is BodyEncoding.FORM:
            written = urllib.parse.quote(written, safe="").encode()
        self.finished.body = before + written + after

    def http2(self) -> None:
        self.finished.http2 = True

    def timeout_ms(self, ms: int) -> None:
        self.finished.timeout = ms / 1000

    def vary(self, names: list[str]) -> None:
        self._varied = names

    def sign_each(self, name: str, prefix: str, key: Secret, parts: list) -> None:
        self._signatures.append((name, prefix, key._value, parts))

    def row(self, values: list[str], body: bytes):
        """One of many alike."""
        from .testing import SentRequest

        common = self.finished
        row = SentRequest(common.method, common.url, [*common.headers], body, common.http2, common.timeout)
        row.headers.extend(zip(self._varied, values))
        signed: dict[str, list[str]] = {}
        for name, prefix, key, parts in self._signatures:
            covered = b"".join(_covered(part, values, body) for part in parts)
            tag = base64.b64encode(hmac.digest(key, covered, "sha256")).decode()
            signed.setdefault(name, []).append(prefix + tag)
        row.headers.extend((name, " ".join(entries)) for name, entries in signed.items())
        return row


def _covered(part, values: list[str], body: bytes) -> bytes:
    if isinstance(part, SignedBody):
        return body
    return (part.value if isinstance(part, SignedText) else values[part.value]).encode()


class Response:
    """An answer that the test gave."""

    def __init__(self, answer) -> None:
        self._answer = answer

    def status(self) -> int:
        return self._answer.status

    def header(self, name: str) -> Optional[str]:
        return self._answer.headers.get(name.lower())

    def trailer(self, name: str) -> Optional[str]:
        return self._answer.trailers.get(name.lower())

    def body(self) -> bytes:
        return self._answer.bytes()


def _send(request: Request) -> Response:
    result = _exchange(request.finished)
    if isinstance(result, Err):
        raise result
    return result.value


def _send_alike(pattern: Request, rows: list[tuple[list[str], bytes]]) -> list:
    results = (_exchange(pattern.row(values, body)) for values, body in rows)
    return [Ok(None) if isinstance(r, Ok) and 200 <= r.value.status() < 300 else r for r in results]


def _exchange(request):
    from .failure import Failure, to_host

    reply = _host()._exchange(request)
    return Err(to_host(reply)) if isinstance(reply, Failure) else Ok(Response(reply))


class Target:
    """Where a stream leads."""

    def __init__(self, endpoint: str) -> None:
        from .testing import SentStream

        self.stream = SentStream(endpoint, is_tls=endpoint.startswith("tls://"))

    def roots(self, pem: str) -> None:
        self.stream.roots = pem

    def client_certificate(self, chain: str, key: Secret) -> None:
        self.stream.client_certificate = chain

    def timeout_ms(self, ms: int) -> None:
        pass


class Connection:
    """An open stream. It ends, and fails, as one of the real host does."""

    def __init__(self, stream, peer) -> None:
        self._stream = stream
        self._peer = peer
        self._life = "open"
        """`ended`: the other side closed it in order, and what it said before is there to be read. `closed`: it failed."""
        self._unread = b""
        self._clear: Optional[int] = 0 if stream.endpoint.startswith("starttls://") else None
        """How many bytes were read before TLS, on a `starttls` stream that has none yet."""
        self._unanswered = False
        """Whether anything was written since the last whole read."""
        self._in_doubt = False
        """Whether what was written last may have arrived."""
        self._hear(b"")

    def write(self, value: bytes) -> None:
        self._send(value, is_secret=False)

    def write_secret(self, before: bytes, value: Secret, after: bytes) -> None:
        self._send(before + value._value + after, is_secret=True)

    def read(self, max: int) -> bytes:
        if max == 0:
            raise self._fail("stream-read-empty", "was to be read from, but no bytes were asked for")
        read = self._fill(max, "sent nothing in time")
        self._unanswered = False
        return read

    def read_exact(self, length: int) -> bytes:
        if length > _EXACT_BYTES_MAX:
            what = f"announced {length} bytes at once, and {_EXACT_BYTES_MAX} are the most that is read"
            raise self._fail("stream-read-too-large", what)
        read = b""
        while len(read) < length:
            what = "did not send the rest of its answer in time" if read else "sent nothing in time"
            more = self._fill(length - len(read), what)
            if not more:
                raise self._fail("stream-closed", "closed the connection before its answer was whole")
            read += more
        self._unanswered = False
        return read

    def start_tls(self) -> None:
        self._check_open()
        if self._clear is None:
            what = "cannot go over to TLS: only a starttls stream does, and once"
            raise self._fail("stream-not-starttls", what)
        if self._unread:
            raise self._fail("stream-starttls-injected", "sent more than it was asked before TLS began")
        self._clear = None
        self._stream.is_tls = True

    def is_open(self) -> bool:
        return self._life == "open"

    def _send(self, value: bytes, *, is_secret: bool) -> None:
        self._in_doubt = self._unanswered
        self._check_open()
        if self._clear is not None and is_secret:
            raise self._fail("stream-secret-in-clear", "was to be sent a secret before TLS; nothing was sent")
        if self._clear is not None and len(self._stream.written) + len(value) > _CLEAR_BYTES_MAX:
            what = "was to be sent more than 4 KiB before TLS; nothing was sent"
            raise self._fail("stream-clear-limit", what)
        if value:
            self._unanswered = self._in_doubt = True
        self._stream.written += value
        self._hear(value)

    def _fill(self, max: int, silence: str) -> bytes:
        """At most `max` of the bytes that are there; none at the end. `silence` says what it means if none come."""
        room = _READ_BYTES_MAX if self._clear is None else _CLEAR_BYTES_MAX - self._clear
        if self._life == "closed":
            raise self._closed()
        if self._life == "ended" and not self._unread:
            return b""
        if room == 0:
            raise self._fail("stream-clear-limit", "sent more than 4 KiB before TLS")
        if not self._unread:
            raise self._fail("timeout", silence)
        count = min(max, room)
        taken, self._unread = self._unread[:count], self._unread[count:]
        if self._clear is not None:
            self._clear += len(taken)
        return taken

    def _hear(self, value: bytes) -> None:
        said = self._peer(value)
        if said is None:
            self._life = "ended"
        else:
            self._unread += said

    def _check_open(self) -> None:
        if self._life != "open":
            raise self._closed()

    def _closed(self) -> Err:
        return self._failure("stream-closed", "is not connected any more")

    def _fail(self, code: str, what: str) -> Err:
        """Ends the stream with a failure. `what` reads on from host and port."""
        self._life, self._unread = "closed", b""
        return self._failure(code, what)

    def _failure(self, code: str, what: str) -> Err:
        message = f"{_authority(self._stream.endpoint)} {what}"
        return _refused(ErrorKind.TRANSIENT, code, message, request_sent=self._in_doubt)


def _connect(target: Target) -> Connection:
    host, stream = _host(), target.stream
    if stream.endpoint not in host._peers:
        why = "was refused; check that the port is right and the service is running"
        message = f"connection to {_authority(stream.endpoint)} {why}"
        raise _refused(ErrorKind.TRANSIENT, "connection-refused", message)
    host.streams.append(stream)
    return Connection(stream, host._peers[stream.endpoint])


def _authority(endpoint: str) -> str:
    """Host and port, for people."""
    return endpoint.rpartition("://")[2]
