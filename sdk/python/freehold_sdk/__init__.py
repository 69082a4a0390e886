"""
What a Freehold destination type is written with in Python.

A destination type is one class: made with the config of one customer's destination, it delivers batches and checks itself.

    from freehold_sdk import destination_type

    class Collector:
        def __init__(self, config): ...
        def deliver(self, batch): ...
        def verify(self): ...

    Sink = destination_type(Collector)
"""

import json
from dataclasses import dataclass
from typing import Any, Callable, Optional, Protocol

from . import _host, log
from .failure import ErrorKind, Failure, to_host

__all__ = ["Batch", "Destination", "ErrorKind", "Event", "Failure", "Outcome", "destination_type", "log"]

_types = _host.interface("types")
_results = __import__("componentize_py_types")

Outcome = Optional[Failure]
"""What became of one event: nothing to say, or why it failed."""


@dataclass(slots=True)
class Event:
    """One event, as the vendor published it."""

    id: str
    """The vendor's id of the event."""
    type: str
    """What kind of thing happened, such as `invoice.paid`."""
    time_ms: int
    """When it happened: milliseconds since 1970-01-01T00:00:00Z."""
    data: bytes
    """The payload, as the vendor sent it: one JSON value in UTF-8."""
    attributes: list[tuple[str, str]]
    """The vendor's metadata: names and values."""
    idempotency_key: str
    """The same on every attempt to bring this event to this destination, and different for any other."""

    def json(self) -> Any:
        """The payload, read."""
        try:
            return json.loads(self.data)
        except ValueError:
            reason = f"the data of event {self.id} is not JSON"
            raise Failure(ErrorKind.REJECTED, "data-not-json", reason) from None


@dataclass(slots=True)
class Batch:
    """Events that travel together: the same members in the same order under the same id on every attempt."""

    id: str
    """`bat_` and 26 characters of `a-z 0-9`."""
    events: list[Event]


class Destination(Protocol):
    """A destination of one customer, opened. The host calls one function at a time, and may drop it at any time between."""

    def deliver(self, batch: Batch) -> list[Outcome]:
        """Brings the batch to the destination. One outcome for each event, in their order. A `Failure` raised stands for all."""
        ...

    def verify(self) -> None:
        """Checks that deliveries would work, by a harmless write that is marked as a test. A `Failure` raised says why not."""
        ...


def destination_type(open_with: Callable[[dict[str, Any]], Destination]) -> type:
    """
    Makes a destination type, to be called `Sink` in the module that is built. `open_with` is called once, with the config that
    the host has checked against the manifest's schema; nothing may be sent yet.
    """

    # Kept here, since each call of the host is made to another object of the class.
    opened: Optional[Destination] = None

    def destination() -> Destination:
        if opened is None:
            raise Failure(ErrorKind.OTHER, "not-open", "the host called the plugin before it opened it")
        return opened

    class Sink:
        def open(self, config: str) -> None:
            nonlocal opened
            opened = _crossing(lambda: open_with(json.loads(config)))

        def deliver(self, batch) -> list:
            # Within the crossing, for a `deliver` that yields its outcomes runs only while they are taken.
            return _crossing(lambda: [_result(outcome) for outcome in destination().deliver(_batch(batch))])

        def verify(self) -> None:
            _crossing(lambda: destination().verify())

    return Sink


def _batch(batch) -> Batch:
    events = [
        Event(event.id, event.type, event.time_ms, event.data, event.attributes, event.idempotency_key)
        for event in batch.events
    ]
    return Batch(batch.id, events)


def _result(outcome: Outcome):
    return _results.Ok(None) if outcome is None else _results.Err(to_host(outcome))


def _crossing(call: Callable[[], Any]) -> Any:
    """A failure crosses to the host; anything else that is raised is a fault of the plugin, and ends the instance."""
    try:
        return call()
    except Failure as failure:
        raise _results.Err(to_host(failure)) from None
    except Exception as fault:
        # What ends an instance leaves no message behind but this.
        log.error(f"{type(fault).__name__}: {fault}")
        for place in _places(fault):
            log.error(place)
        raise


def _places(fault: BaseException) -> list[str]:
    """Where it was raised, innermost last. The module `traceback` would bring a MiB along."""
    places, trace = [], fault.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"  {code.co_filename}:{trace.tb_lineno} in {code.co_name}")
        trace = trace.tb_next
    return places[-8:]
