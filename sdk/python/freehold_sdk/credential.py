"""The customer's credential, sealed: its secret fields can be used, but never read."""

from typing import Optional, Union

from . import _host
from .failure import Failure, auth, calling

_wit = _host.interface("credential")

Text = Union[str, bytes]


class Secret:
    """A secret field, or one derived from it. What its methods return is either public (a signature) or sealed again."""

    __slots__ = ("_handle",)

    def __init__(self, handle) -> None:
        self._handle = handle

    def hmac_sha256(self, data: Text) -> bytes:
        """HMAC-SHA256 under this secret: 32 bytes."""
        return self._handle.hmac_sha256(_bytes(data))

    def hmac_sha512(self, data: Text) -> bytes:
        """HMAC-SHA512 under this secret: 64 bytes."""
        return self._handle.hmac_sha512(_bytes(data))

    def derive_hmac_sha256(self, data: Text) -> "Secret":
        """The same as `hmac_sha256`, but sealed, to be a key itself: a step of AWS Signature Version 4."""
        return Secret(self._handle.derive_hmac_sha256(_bytes(data)))

    def derive_pbkdf2(self, hash: str, salt: bytes, iterations: int) -> "Secret":
        """PBKDF2 under HMAC with `sha256` or `sha512`, sealed: the salted password of SCRAM."""
        with calling():
            return Secret(self._handle.derive_pbkdf2(_wit.Hash[hash.upper()], salt, iterations))

    def sha256(self, before: Text, after: Text) -> bytes:
        """SHA-256 of `before`, the secret and `after`: 32 bytes."""
        return self._handle.sha256(_bytes(before), _bytes(after))

    def with_prefix(self, prefix: str) -> "Secret":
        """The secret with `prefix` in front of it."""
        return Secret(self._handle.with_prefix(prefix.encode()))

    def without_prefix(self, prefix: str) -> "Secret":
        """The secret without `prefix`, which the manifest must list in `x-prefixes`; any other ends the instance."""
        with calling():
            return Secret(self._handle.without_prefix(prefix.encode()))

    def from_base64(self) -> "Secret":
        """The bytes that the secret encodes in base64."""
        with calling():
            return Secret(self._handle.from_base64())

    def json_member(self, name: str) -> "Secret":
        """The text member of this name of the JSON object that the secret is, itself sealed."""
        with calling():
            return Secret(self._handle.json_member(name))

    def json_text(self, name: str) -> Optional[str]:
        """The same, readable. Only what the manifest lists in `x-public-members`; anything else ends the instance."""
        with calling():
            return self._handle.json_text(name)

    def json_string(self) -> "Secret":
        """As it stands inside a JSON string, escaped and without the quotes, sealed."""
        with calling():
            return Secret(self._handle.json_string())

    def __len__(self) -> int:
        return self._handle.length()

    def __bool__(self) -> bool:
        return True

    def sign(self, algorithm: str, data: Text) -> bytes:
        """Signs with the private key that the secret is: `rs256`, `es256` or `ed25519`."""
        with calling():
            return self._handle.sign(_wit.Signature[algorithm.upper()], _bytes(data))


def field(name: str) -> Secret:
    """
    The secret field of this name. Raises a `Failure` of kind `AUTH` when the customer did not give it. A name that the
    manifest does not know ends the instance.
    """
    return optional_field(name) or _missing(name)


def optional_field(name: str) -> Optional[Secret]:
    """The secret field of this name, if the customer gave it."""
    handle = _wit.field(name)
    return None if handle is None else Secret(handle)


def fields(name: str) -> list[Secret]:
    """
    The secret field of this name in every version of the credential that counts now, the newest first: more than one only for
    fields with `"x-overlap": true`. Sign with each of them.
    """
    return [Secret(handle) for handle in _wit.fields(name)] or _missing(name)


def text(name: str) -> str:
    """The field of this name as text: only one that the manifest does not mark as secret."""
    value = optional_text(name)
    return _missing(name) if value is None else value


def optional_text(name: str) -> Optional[str]:
    """The same, if the customer gave it."""
    return _wit.text(name)


def seal(value: Text) -> Secret:
    """Seals what the plugin came by on its own, such as an access token: it can then be attached like any other secret."""
    return Secret(_wit.seal(_bytes(value)))


def _missing(name: str):
    raise auth("credential-missing", f"the credential has no field `{name}`: save it again, with this field")


def _bytes(value: Text) -> bytes:
    return value.encode() if isinstance(value, str) else value
