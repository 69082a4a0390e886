"""Byte streams to this destination's endpoints, and to no others, for protocols that are not HTTP. TLS ends in the host."""

from typing import Optional, Union

from . import _host
from .credential import Secret
from .failure import calling

_wit = _host.interface("stream")

Bytes = Union[str, bytes]


class Stream:
    """An open stream. After any `Failure` it is closed: connect anew."""

    def __init__(self, handle) -> None:
        self._handle = handle

    def write(self, value: Bytes) -> None:
        """Writes all of it."""
        with calling():
            self._handle.write(_bytes(value))

    def write_secret(self, before: Bytes, value: Secret, after: Bytes) -> None:
        """Writes `before`, the secret and `after` as one write: the secret goes over the wire without being read."""
        with calling():
            self._handle.write_secret(_bytes(before), value._handle, _bytes(after))

    def read(self, max: int) -> bytes:
        """Waits for bytes and gives at most `max` of them; none when the other side has closed the stream in order."""
        with calling():
            return self._handle.read(max)

    def read_exact(self, length: int) -> bytes:
        """Waits for exactly that many bytes."""
        with calling():
            return self._handle.read_exact(length)

    def start_tls(self) -> None:
        """Goes over to TLS, on a `starttls` stream."""
        with calling():
            self._handle.start_tls()

    def is_open(self) -> bool:
        """Whether it can still be used, as far as is known without waiting."""
        return self._handle.is_open()


def connect(
    endpoint: str,
    *,
    roots: Optional[str] = None,
    client_certificate: Optional[tuple[str, Secret]] = None,
    timeout: Optional[float] = None,
) -> Stream:
    """
    Opens a stream to `tls://host:port`, `starttls://host:port` or `tcp://host:port`, one of the destination's endpoints. With
    `roots` (PEM) only certificates that lead to them are trusted; `client_certificate` is a chain in PEM, leaf first, and its
    private key; `timeout` limits connecting, and each read and write after it.
    """
    target = _wit.Target(endpoint)
    if roots is not None:
        target.roots(roots)
    if client_certificate is not None:
        chain, key = client_certificate
        target.client_certificate(chain, key._handle)
    if timeout is not None:
        target.timeout_ms(max(1, round(timeout * 1000)))
    with calling():
        return Stream(_wit.connect(target))


def _bytes(value: Bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
