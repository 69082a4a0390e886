"""Who is the host? In a component the real one; under plain Python, where tests run, one that a test scripts."""

import importlib
from types import ModuleType

try:
    import wit_world  # noqa: F401
except ModuleNotFoundError:
    from . import _scripted

    _scripted.install()


def interface(name: str) -> ModuleType:
    """The functions of an interface that the plugin's world imports."""
    try:
        return importlib.import_module(f"wit_world.imports.{name}")
    except ModuleNotFoundError as missing:
        reason = f"the world in wit/ does not import freehold:destination/{name}@0.1.0, which the plugin uses"
        raise ModuleNotFoundError(reason) from missing
