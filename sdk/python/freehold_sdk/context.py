"""What may a plugin want to know about the call that it is in?"""

from . import _host

_wit = _host.interface("context")


def attempt() -> int:
    """Which try of this batch this is, from 1. 0 while it is opened and verified."""
    return _wit.attempt()


def time_left() -> float:
    """How many seconds are left for this call. When it is over, the instance ends."""
    return _wit.time_left_ms() / 1000


def now_ms() -> int:
    """The time, in milliseconds since 1970. `time.time()` does not work in a component: there is no other clock."""
    return _wit.now_ms()


def wait(seconds: float) -> None:
    """Waits, but not for longer than is left for this call. It costs no CPU time."""
    _wit.wait(max(0, min(round(seconds * 1000), 0xFFFF_FFFF)))


def customer() -> str:
    """The customer's id, `cus_…`."""
    return _wit.customer()


def destination() -> str:
    """The destination's id, `dst_…`."""
    return _wit.destination()
