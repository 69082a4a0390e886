"""What is sent for a batch, and what the answer means for each of its events. Pure."""

import json
from typing import Any

from freehold_sdk import ErrorKind, Event, Failure, Outcome

_CONFLICT = 409
_MESSAGE_CHARACTERS_MAX = 300


def body(events: list[Event]) -> bytes:
    """The body of a bulk request: two lines for each event. The id makes a repetition a conflict instead of a second document."""
    lines = []
    for event in events:
        lines.append(json.dumps({"create": {"_id": event.id}}, separators=(",", ":")).encode())
        lines.append(_document(event))
    lines.append(b"")
    return b"\n".join(lines)


def outcomes(answer: Any, count: int) -> list[Outcome]:
    """One outcome for each event, in their order, as the answer lists them where it speaks of errors."""
    if isinstance(answer, dict) and answer.get("errors") is False:
        return [None] * count
    items = answer.get("items") if isinstance(answer, dict) else None
    if not isinstance(items, list) or len(items) != count:
        reason = "the answer does not list what became of each event"
        raise Failure(ErrorKind.OTHER, "answer-unreadable", reason, request_sent=True)
    return [_outcome(item.get("create", {})) for item in items]


def _document(event: Event) -> bytes:
    # A line break within JSON would end the line: outside of texts, where there may be one, a blank means the same.
    data = event.data.replace(b"\r", b" ").replace(b"\n", b" ")
    head = {"@timestamp": event.time_ms, "id": event.id, "type": event.type, "metadata": dict(event.attributes)}
    return json.dumps(head, separators=(",", ":")).encode()[:-1] + b',"data":' + data + b"}"


def _outcome(item: dict[str, Any]) -> Outcome:
    status = item.get("status")
    if status == _CONFLICT or (isinstance(status, int) and 200 <= status < 300):
        # A conflict: an earlier attempt has put it there.
        return None
    error = item.get("error")
    error = error if isinstance(error, dict) else {}
    code = str(error.get("type", f"status-{status}")).replace("_", "-")
    reason = str(error.get("reason", "without a reason"))[:_MESSAGE_CHARACTERS_MAX]
    kind = _kind(status)
    return Failure(kind, code, f"the index did not take the event: {reason}", request_sent=True)


def _kind(status: Any) -> ErrorKind:
    if status == 429:
        return ErrorKind.THROTTLED
    if status in (401, 403):
        return ErrorKind.AUTH
    if status == 404:
        return ErrorKind.CONFIG
    if isinstance(status, int) and 400 <= status < 500:
        return ErrorKind.REJECTED
    return ErrorKind.TRANSIENT
