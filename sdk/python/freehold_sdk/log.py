"""Lines for whoever looks into an attempt. The host bounds them, and blots out secrets of the credential."""

from . import _host

_wit = _host.interface("log")


def debug(message: str) -> None:
    """For the plugin's author."""
    _wit.log(_wit.Level.DEBUG, message)


def info(message: str) -> None:
    """Worth knowing."""
    _wit.log(_wit.Level.INFO, message)


def warn(message: str) -> None:
    """Worth a look."""
    _wit.log(_wit.Level.WARN, message)


def error(message: str) -> None:
    """Something did not work."""
    _wit.log(_wit.Level.ERROR, message)
