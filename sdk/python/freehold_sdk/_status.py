"""What does a status other than 2xx mean for a delivery? The same as in the Rust SDK."""

from typing import Callable, Optional

from .failure import ErrorKind, Failure

_RETRY_AFTER_MAX = 24 * 60 * 60.0
"""A mistaken date must not stop a destination for a year."""

_MEANINGS = {
    401: (ErrorKind.AUTH, "it does not accept the credential"),
    403: (ErrorKind.AUTH, "the credential is not allowed to do this"),
    407: (ErrorKind.AUTH, "the credential is not allowed to do this"),
    404: (ErrorKind.TRANSIENT, "there is nothing at this address; it is tried again in case it comes back"),
    410: (ErrorKind.CONFIG, "what was at this address is gone for good; set another address"),
    413: (ErrorKind.REJECTED, "the request is larger than it accepts"),
    414: (ErrorKind.REJECTED, "the request is larger than it accepts"),
    431: (ErrorKind.REJECTED, "the request is larger than it accepts"),
    400: (ErrorKind.REJECTED, "it does not accept what was sent"),
    415: (ErrorKind.REJECTED, "it does not accept what was sent"),
    422: (ErrorKind.REJECTED, "it does not accept what was sent"),
    429: (ErrorKind.THROTTLED, "it asks for fewer requests; it is tried again later by itself"),
    502: (ErrorKind.THROTTLED, "a gateway could not reach it; it is tried again later by itself"),
    504: (ErrorKind.THROTTLED, "a gateway could not reach it; it is tried again later by itself"),
    503: (ErrorKind.TRANSIENT, "it is not available; it is tried again by itself"),
}

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def classify(status: int, wait: Optional[float]) -> Failure:
    """The failure that `status` stands for."""
    kind, advice = _meaning(status, wait is not None)
    message = f"the destination answered {status}: {advice}"
    return Failure(kind, f"http-{status}", message, retry_after=wait, request_sent=True)


def retry_after(value: str, now_ms: Callable[[], int]) -> Optional[float]:
    """Reads a `retry-after` header: seconds, or a date from which the time is subtracted."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value), _RETRY_AFTER_MAX)
    date = _http_date(value)
    return None if date is None else min(max(0.0, date - now_ms() / 1000), _RETRY_AFTER_MAX)


def _meaning(status: int, asks_to_wait: bool) -> tuple[ErrorKind, str]:
    if 300 <= status < 400:
        return ErrorKind.TRANSIENT, "redirects are not followed; set the address that it leads to"
    if status == 503 and asks_to_wait:
        return ErrorKind.THROTTLED, "it is not available and says when to try again"
    return _MEANINGS.get(status, (ErrorKind.TRANSIENT, "this is not a success; it is tried again by itself"))


def _http_date(value: str) -> Optional[int]:
    """Seconds since 1970 of a date such as `Sun, 06 Nov 1994 08:49:37 GMT`. `email.utils` would bring a MiB along."""
    try:
        _, day, month, year, time, zone = value.split(" ")
        hour, minute, second = (int(part) for part in time.split(":"))
        if zone != "GMT":
            return None
        # Days of the proleptic calendar whose years begin in March, so that the leap day is the last.
        months = _MONTHS.index(month) + 1
        years = int(year) - (months <= 2)
        in_year = (153 * ((months + 9) % 12) + 2) // 5 + int(day) - 1
        days = years * 365 + years // 4 - years // 100 + years // 400 + in_year - 719_468
        return days * 86_400 + hour * 3_600 + minute * 60 + second
    except ValueError:
        return None
