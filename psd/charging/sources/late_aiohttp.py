"""aiohttp, imported when the first request is made with it: nobody else pays for it.

A command that shows plugs or a ledger asks neither Stripe nor a relay, and starts 0.1 s sooner::

    from psd.charging.sources import late_aiohttp

    late_aiohttp.aiohttp.ClientSession()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import aiohttp as aiohttp  # noqa: PLC0414  (that it is there for others)


def __getattr__(name: str) -> Any:
    """Called for what is not there yet, so once for ``aiohttp``."""
    if name != "aiohttp":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = import_module(name)
    return globals()[name]
