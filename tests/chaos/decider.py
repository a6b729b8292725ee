"""Decides about boards and rewards, one thing after the other, until it has done all or is killed.

::

    python -m tests.chaos.decider '{"url": "unix://...", "archive": "...", "deeds": [...]}'

Each decision that it is told has been kept is a line on stdout: the number of decisions done so
far. What the store is too busy or too dead for is asked again, as whoever decides does.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

import msgspec

from psd.config_sources import load_settings
from psd.errors import UnavailableError
from psd.runtime import Runtime, open_runtime
from tests.support.rewards.decisions import Deed, perform

AGAIN_AFTER_S = 0.05


class Orders(msgspec.Struct):
    """What to decide, and where it is kept."""

    url: str
    archive: str
    deeds: list[Deed]


async def decide(orders: Orders) -> None:
    """Make each decision until it is kept, and say so."""
    flags = {"redis.url": orders.url, "redis.timeout_s": 1.0, "archive.folder": orders.archive}
    psd = await open_runtime(load_settings(flags=flags).settings, archiving=True)
    try:
        for number, deed in enumerate(orders.deeds, start=1):
            await _until_kept(psd, deed)
            print(number, flush=True)
    finally:
        await psd.close()


async def _until_kept(psd: Runtime, deed: Deed) -> None:
    while True:
        with contextlib.suppress(UnavailableError):
            await perform(psd, deed)
            return
        await asyncio.sleep(AGAIN_AFTER_S)


if __name__ == "__main__":
    asyncio.run(decide(msgspec.json.decode(sys.argv[1], type=Orders)))
