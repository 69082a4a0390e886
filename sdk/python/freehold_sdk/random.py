"""
Randomness from a cryptographically secure source. Python's own `random` and `secrets` have none in a component: their seed was
fixed when it was built.
"""

from . import _host

_wit = _host.interface("random")

_AT_ONCE = 4096
"""The most that the host gives at once."""


def token_bytes(length: int) -> bytes:
    """That many random bytes."""
    return b"".join(_wit.bytes(min(_AT_ONCE, length - at)) for at in range(0, length, _AT_ONCE))
