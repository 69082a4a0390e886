"""
HTTP requests to this destination's endpoints, and to no others. The host does TLS, pooling, timeouts and size limits; it
follows no redirects and keeps no cookies. Secrets are attached without being read.
"""

import json as _json
from typing import Any, Iterable, Optional, Sequence, Union

from . import _host, context
from ._status import classify, retry_after
from .credential import Secret
from .failure import ErrorKind, Failure, calling, from_host

_wit = _host.interface("http")
_results = __import__("componentize_py_types")

Body = Union[str, bytes]


class Request:
    """A request to be sent. What the host cannot accept is reported when it is sent, as a `Failure` of kind `CONFIG`."""

    def __init__(self, method: str, url: str) -> None:
        self._handle = _wit.Request(method, url)
        self._headers: list[tuple[str, str]] = []

    def header(self, name: str, value: str) -> "Request":
        """Adds a header. `host`, `content-length` and their like are the host's own business."""
        self._headers.append((name, value))
        return self

    def secret_header(self, name: str, prefix: str, value: Secret) -> "Request":
        """Adds a header whose value is `prefix` and then the secret."""
        self._handle.secret_header(name, prefix, value._handle)
        return self

    def bearer(self, token: Secret) -> "Request":
        """Adds `authorization: Bearer …`."""
        return self.secret_header("authorization", "Bearer ", token)

    def basic_auth(self, user: str, password: Secret) -> "Request":
        """Adds `authorization: Basic …`."""
        self._handle.basic_auth(user, password._handle)
        return self

    def secret_query(self, name: str, value: Secret) -> "Request":
        """Adds a query parameter whose value is the secret."""
        self._handle.secret_query(name, value._handle)
        return self

    def body(self, value: Body) -> "Request":
        """Sets the body."""
        self._handle.body(value.encode() if isinstance(value, str) else value)
        return self

    def json(self, value: Any) -> "Request":
        """Sets the body to `value` as JSON, and the content type with it."""
        return self.header("content-type", "application/json").body(_json.dumps(value, separators=(",", ":")))

    def secret_body(self, before: str, value: Secret, encoding: str, after: str) -> "Request":
        """Sets the body to `before`, the secret, `after`. `encoding` is `raw`, `json-string` or `form`."""
        how = _wit.BodyEncoding[encoding.upper().replace("-", "_")]
        self._handle.secret_body(before.encode(), value._handle, how, after.encode())
        return self

    def http2(self) -> "Request":
        """Insists on HTTP/2, as gRPC does."""
        self._handle.http2()
        return self

    def timeout(self, seconds: float) -> "Request":
        """Limits the whole exchange. The host's own limit holds as well."""
        self._handle.timeout_ms(max(1, round(seconds * 1000)))
        return self

    def send(self) -> "Response":
        """Sends it and waits for the answer. Any status is an answer; a `Failure` is raised when there was none."""
        with calling():
            return Response(_wit.send(self._complete()))

    def alike(self, names: Sequence[str]) -> "Alike":
        """Makes this the request that many are sent like: `names` are the headers whose values each of them brings along."""
        handle = self._complete()
        handle.vary(list(names))
        return Alike(handle)

    def _complete(self):
        # In one call: each call to the host has its price.
        if self._headers:
            self._handle.headers(self._headers)
            self._headers = []
        return self._handle


def get(url: str) -> Request:
    return Request("GET", url)


def post(url: str) -> Request:
    return Request("POST", url)


def put(url: str) -> Request:
    return Request("PUT", url)


def delete(url: str) -> Request:
    return Request("DELETE", url)


def send_all(requests: Iterable[Request]) -> list[Union["Response", Failure]]:
    """Sends all requests, several at a time, and answers in their order. The host decides how many run at once."""
    answers = _wit.send_all([request._complete() for request in requests])
    return [_read(answer) for answer in answers]


class Alike:
    """
    A request that many are sent like: they differ in the values of some headers and in the body. What they have in common is
    handed to the host once, so this is the fastest way to send one request for each event.
    """

    def __init__(self, handle) -> None:
        self._handle = handle

    def signed(self, name: str, prefix: str, key: Secret, parts: Sequence[Union[str, int, None]]) -> "Alike":
        """
        Has the host sign each request: header `name` gets `prefix` and the base64 of HMAC-SHA256 under `key` of these parts: a
        text as it is, a number for the value of the header at that place of those that vary, `None` for the body.
        """
        self._handle.sign_each(name, prefix, key._handle, [_signed(part) for part in parts])
        return self

    def send(self, rows: Iterable[tuple[Sequence[str], Body]]) -> list[Union["Response", Failure, None]]:
        """Sends one request for each row, of values and a body, and answers in their order: `None` for a 2xx."""
        crossing = [(list(values), body.encode() if isinstance(body, str) else body) for values, body in rows]
        return [_read(answer) for answer in _wit.send_alike(self._handle, crossing)]


class Response:
    """An answer."""

    def __init__(self, handle) -> None:
        self._handle = handle

    @property
    def status(self) -> int:
        """The status code."""
        return self._handle.status()

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def header(self, name: str) -> Optional[str]:
        """The first header of that name, if it is there and is text."""
        return self._handle.header(name)

    def trailer(self, name: str) -> Optional[str]:
        """The first trailer of that name, if it is there and is text."""
        return self._handle.trailer(name)

    def body(self) -> bytes:
        """The body. What is longer than the host's limit (1 MiB by default) makes the exchange fail before this."""
        return self._handle.body()

    def text(self) -> str:
        """The body as text; what is not UTF-8 is replaced."""
        return self.body().decode(errors="replace")

    def json(self) -> Any:
        """The body as JSON; a `Failure` is raised when it is not. Check what it holds before you rely on it."""
        try:
            return _json.loads(self.body())
        except ValueError:
            raise Failure(ErrorKind.OTHER, "answer-unreadable", "the answer is not JSON", request_sent=True) from None

    def failure(self) -> Failure:
        """
        What an answer that is not a 2xx means for a delivery: 401 and 403 are `AUTH`, 410 `CONFIG`, 400, 413 and 422 `REJECTED`,
        429, 502 and 504 `THROTTLED`, a 503 too if it says when, the others `TRANSIENT`. `with_kind` corrects it.
        """
        header = self.header("retry-after")
        return classify(self.status, None if header is None else retry_after(header, context.now_ms))

    def or_raise(self) -> "Response":
        """The answer itself when it is a 2xx; otherwise `failure` is raised."""
        if self.ok:
            return self
        raise self.failure()


def _read(answer) -> Union[Response, Failure, None]:
    if isinstance(answer, _results.Err):
        return from_host(answer.value)
    return None if answer.value is None else Response(answer.value)


def _signed(part: Union[str, int, None]):
    if part is None:
        return _wit.SignedPart_Body()
    return _wit.SignedPart_Text(part) if isinstance(part, str) else _wit.SignedPart_Value(part)
