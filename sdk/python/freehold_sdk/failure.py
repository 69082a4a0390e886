"""Why did something not work, and what shall Freehold do about it? Its kind alone decides."""

from contextlib import contextmanager
from enum import Enum
from typing import Iterator, Optional

from . import _host

_types = _host.interface("types")
_results = __import__("componentize_py_types")


class ErrorKind(Enum):
    """What Freehold does about a failure."""

    TRANSIENT = "transient"
    """May pass by itself (a timeout, a 503): tried again later."""
    THROTTLED = "throttled"
    """The destination asks for less: tried again, not before `retry_after`."""
    AUTH = "auth"
    """The credential is refused: the destination pauses until there is a new one."""
    CONFIG = "config"
    """The config cannot work: the destination pauses until it is changed."""
    REJECTED = "rejected"
    """This event will never be accepted: it becomes a dead letter."""
    EGRESS_DENIED = "egress-denied"
    """Freehold refused the address. Only the host makes this one; pass it on as it came."""
    OTHER = "other"
    """None of these: treated as `TRANSIENT`."""


class Failure(Exception):
    """
    Why an event, a batch or a check did not work. Raised, it stands for the whole call; in the list that `deliver` answers
    with, for one event.

    `code` is a short stable word for machines (`a-z 0-9 -`), `message` a sentence for the customer: what went wrong, and what
    to do next. `retry_after` is in seconds. `request_sent` says whether the request may have arrived all the same.
    """

    def __init__(
        self,
        kind: ErrorKind,
        code: str,
        message: str,
        *,
        retry_after: Optional[float] = None,
        request_sent: bool = False,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.request_sent = request_sent

    def with_kind(self, kind: ErrorKind) -> "Failure":
        """The same failure with another kind, for a plugin that knows better what an answer means."""
        same = {"retry_after": self.retry_after, "request_sent": self.request_sent}
        return Failure(kind, self.code, self.message, **same)

    def __repr__(self) -> str:
        return f"Failure({self.kind.value}, {self.code!r}, {self.message!r})"


def transient(code: str, message: str, *, request_sent: bool = False) -> Failure:
    """May pass by itself: tried again later."""
    return Failure(ErrorKind.TRANSIENT, code, message, request_sent=request_sent)


def throttled(code: str, message: str, retry_after: Optional[float] = None) -> Failure:
    """The destination asks for less. `retry_after` is its own wish for when, in seconds, if it has one."""
    return Failure(ErrorKind.THROTTLED, code, message, retry_after=retry_after, request_sent=True)


def auth(code: str, message: str) -> Failure:
    """The credential is refused: the destination pauses until the customer gives a new one."""
    return Failure(ErrorKind.AUTH, code, message)


def config(code: str, message: str) -> Failure:
    """The config cannot work: the destination pauses until the customer changes it."""
    return Failure(ErrorKind.CONFIG, code, message)


def rejected(code: str, message: str) -> Failure:
    """This event will never be accepted: it becomes a dead letter."""
    return Failure(ErrorKind.REJECTED, code, message)


def from_host(error) -> Failure:
    """A failure of the host's, as this package's own."""
    kind = ErrorKind[error.kind.name]
    wait = None if error.retry_after_ms is None else error.retry_after_ms / 1000
    return Failure(kind, error.code, error.message, retry_after=wait, request_sent=error.request_sent)


def to_host(failure: Failure):
    """The failure as the host wants it."""
    wait = None if failure.retry_after is None else max(0, round(failure.retry_after * 1000))
    kind = _types.ErrorKind[failure.kind.name]
    return _types.Error(kind, failure.code, failure.message, wait, failure.request_sent)


@contextmanager
def calling() -> Iterator[None]:
    """Around a call to the host: its refusal is raised as a `Failure`."""
    try:
        yield
    except _results.Err as refused:
        raise from_host(refused.value) from None
