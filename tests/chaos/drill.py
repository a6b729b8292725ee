"""The drill of a backup: taken while everybody books, then the store is lost, restored, replayed.

>>> drill = Drill(stage)
>>> await drill.take()                     # ``psd backup``, beside whatever goes on
>>> ...                                    # which goes on
>>> await drill.lose()                     # everybody is killed, FLUSHALL
>>> await drill.restore()                  # ``psd restore``, ``psd verify``, ``psd replay --from``
'12,345 entries read: 312 booked, ...'
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.chaos.stage import Stage

RATE = "2000"
"""Keys a second: so a small store is copied for long enough that others write meanwhile."""


class Drill:
    """One backup of a stage and what is made of it; ``manifest`` is what it says of itself."""

    def __init__(self, stage: Stage) -> None:
        self.manifest: dict[str, Any] = {}
        self.folder = stage.folder / "backup"
        self._stage = stage

    async def take(self) -> None:
        """Take a backup; whoever books goes on."""
        told = await self._said("backup", str(self.folder), "--rate", RATE, "--json")
        self.manifest = json.loads(told)

    async def restore(self, *, has_domain: bool = False) -> str:
        """Bring all of it back; what the replay said.

        What was copied while everybody booked is of one moment, so it agrees with itself. A domain
        keeps facts in one call and books what follows from them in the next: a copy may be of the
        moment between, and the replay books it.
        """
        restored = json.loads(await self._said("restore", str(self.folder), "--json"))
        assert restored["keys"] == self.manifest["keys"]
        if not has_domain:
            await self._said("verify", "--rate", "0")
        return await self._said("replay", "--from", restored["replay_from"])

    async def lose(self) -> None:
        """Nobody works any more, and the store has nothing."""
        for process in [*self._stage.remaining(), *self._stage.servers]:
            await asyncio.to_thread(process.kill)
        await self._stage.client.flushall()

    async def _said(self, *words: str) -> str:
        return await asyncio.to_thread(self._stage.said, *words)
