"""
What tests of a plugin are written with: a host that says what the test told it to, and remembers what it was asked. They run
under plain Python, by `python -m unittest` or whatever else.
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Callable, Optional, Union

from . import Outcome, _host, _scripted
from .failure import Failure, from_host

__all__ = ["Answer", "Host", "SentRequest", "SentStream", "event"]

if not hasattr(_host, "_scripted"):
    raise ImportError("freehold_sdk.testing is for tests under plain Python, and this is a component")


@dataclass
class SentRequest:
    """A request as the endpoint would see it: secrets and all."""

    method: str
    url: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    http2: bool = False
    timeout: Optional[float] = None

    def header(self, name: str) -> Optional[str]:
        """The value of the first header of this name."""
        return next((value for found, value in self.headers if found.lower() == name.lower()), None)

    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Answer:
    """What an endpoint answers. Names of headers are in lower case; `json` in the place of `body` is written as JSON."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Union[str, bytes] = b""
    json: Any = None
    trailers: dict[str, str] = field(default_factory=dict)

    def bytes(self) -> bytes:
        """The body."""
        if self.json is not None:
            return json.dumps(self.json).encode()
        return self.body.encode() if isinstance(self.body, str) else self.body


@dataclass
class SentStream:
    """A byte stream as the other side would see it."""

    endpoint: str
    written: bytes = b""
    is_tls: bool = False
    roots: Optional[str] = None
    client_certificate: Optional[str] = None


Reply = Union[Answer, Failure]
"""An answer, or a failure in its place: no connection, a timeout."""


def event(data: Any, /, **more: Any) -> _scripted.Event:
    """An event of the type `test.made`, with this payload, and whatever else is said of it."""
    id = more.get("id", "evt-1")
    key = "msg_" + hashlib.sha256(id.encode()).hexdigest()[:32]
    usual = {"id": id, "type": "test.made", "time_ms": 1_767_225_600_000, "attributes": [], "idempotency_key": key}
    return _scripted.Event(**{**usual, "data": json.dumps(data).encode(), **more})


class Host:
    """
    The scripted host. The newest one is what plugins talk to. With the plugin's manifest, asking for what it does not declare
    is an error, as in the real host. `sign` takes the place of the host's signing: algorithm, key, data.
    """

    def __init__(
        self,
        *,
        manifest: Optional[dict[str, Any]] = None,
        credential: Optional[dict[str, Union[str, list[str]]]] = None,
        now_ms: int = 1_767_225_600_000,
        sign: Optional[Callable[[str, bytes, bytes], bytes]] = None,
    ) -> None:
        self.requests: list[SentRequest] = []
        """Every request, in the order of sending."""
        self.streams: list[SentStream] = []
        """Every byte stream, in the order of opening."""
        self.logged: list[tuple[str, str]] = []
        """Every line of the plugin's log: level and message."""
        self.now_ms = now_ms
        self.attempt = 1
        self.time_left = 60.0
        self._manifest = manifest
        self._credential = credential or {}
        self._signer = sign
        self._script: list[Reply] = []
        self._otherwise: Optional[Callable[[SentRequest], Reply]] = None
        self._peers: dict[str, Callable[[bytes], Optional[bytes]]] = {}
        self._drawn = 0
        _scripted.current = self

    def answer(self, *replies: Reply) -> "Host":
        """Answers the next requests with these, one each."""
        self._script.extend(replies)
        return self

    def answer_by(self, reply: Callable[[SentRequest], Reply]) -> "Host":
        """Answers every request for which no `answer` is left."""
        self._otherwise = reply
        return self

    def listen(self, endpoint: str, peer: Callable[[bytes], Optional[bytes]]) -> "Host":
        """
        Is the other side of every byte stream to this endpoint, such as `tls://redis.example.com:6380`. `peer` is asked what it
        says with nothing at first, and then with what each write brings; `None` closes the stream. A stream ends and fails as
        one of the real host does, by the same codes.
        """
        self._peers[endpoint] = peer
        return self

    def open(self, sink_type: type, config: dict[str, Any]) -> type:
        """
        Opens the plugin, and gives it back: its class, since each call is made to another object of it, as in the real host. A
        refusal is raised as the `Failure` that it is.
        """
        self._outside_batches(lambda: sink_type().open(json.dumps(config)))
        return sink_type

    def deliver(self, sink: type, events: list[_scripted.Event], id: str = "bat_" + "0" * 26) -> list[Outcome]:
        """Has the plugin deliver these events as one batch: one outcome for each, `None` where it was delivered."""
        outcomes = _as_failure(lambda: sink().deliver(_scripted.Batch(id, events)))
        assert len(outcomes) == len(events), f"the plugin gave {len(outcomes)} outcomes for {len(events)} events"
        return [from_host(outcome.value) if isinstance(outcome, _scripted.Err) else None for outcome in outcomes]

    def verify(self, sink: type) -> None:
        """Has the plugin check itself. What it finds wrong is raised as the `Failure` that it is."""
        self._outside_batches(lambda: sink().verify())

    def _outside_batches(self, call: Callable[[], None]) -> None:
        """A call that is no attempt at a batch, and does not change which one the next delivery is."""
        attempt, self.attempt = self.attempt, 0
        try:
            _as_failure(call)
        finally:
            self.attempt = attempt

    def _exchange(self, request: SentRequest) -> Reply:
        self.requests.append(request)
        if self._script:
            return self._script.pop(0)
        if self._otherwise is None:
            raise AssertionError(f"nothing was scripted as the answer to {request.method} {request.url}")
        return self._otherwise(request)

    def _secrets(self, name: str) -> list[str]:
        schema = self._declared(name)
        value = self._credential.get(name, [])
        # A secret that was given again signs once.
        values = [value] if isinstance(value, str) else [*dict.fromkeys(value)]
        return values[:1] if schema is not None and not schema.get("x-overlap") else values

    def _text(self, name: str) -> Optional[str]:
        schema = self._declared(name)
        if schema is not None and schema.get("writeOnly"):
            return None
        value = self._credential.get(name)
        return value if value is None or isinstance(value, str) else value[0]

    def _check_listed(self, name: Optional[str], keyword: str, wanted: str) -> None:
        if self._manifest is None:
            return
        listed = [] if name is None else (self._declared(name) or {}).get(keyword, [])
        ends = "of the field: the host would end the instance"
        assert wanted in listed, f"the manifest does not list `{wanted}` in `{keyword}` {ends}"

    def _declared(self, name: str) -> Optional[dict[str, Any]]:
        if self._manifest is None:
            return None
        properties = self._manifest["credential"].get("properties", {})
        ends = "the host would end the instance"
        assert name in properties, f"the manifest declares no credential field `{name}`: {ends}"
        return properties[name]

    def _sign(self, algorithm: str, key: bytes, data: bytes) -> bytes:
        reason = "Python's own library cannot sign: give Host(sign=…), which takes algorithm, key and data"
        assert self._signer is not None, reason
        return self._signer(algorithm, key, data)

    def _wait(self, ms: int) -> None:
        self.now_ms += ms
        self.time_left = max(0.0, self.time_left - ms / 1000)

    def _random(self, length: int) -> bytes:
        self._drawn += 1
        return hashlib.shake_256(str(self._drawn).encode()).digest(length)


def _as_failure(call: Callable[[], Any]) -> Any:
    """What crosses to the host as an error is a `Failure` again."""
    try:
        return call()
    except _scripted.Err as refused:
        raise from_host(refused.value) from None
