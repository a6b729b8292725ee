"""psd under test, through its public interface: the runtime's engine, and the ``psd`` command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.model import Answer, check
from psd.columns.sealing import Sealer
from psd.config import Settings
from psd.config_sources import load_settings
from psd.engine.events import Report
from psd.engine.plan import Range
from psd.runtime import Runtime, open_runtime


class PsdSystem:
    """An engine in this process on a Redis of its own."""

    name = "psd"

    def __init__(self, socket: Path, runtime: Runtime) -> None:
        self.socket = socket
        self._runtime = runtime

    @classmethod
    async def open(cls, socket: Path) -> PsdSystem:
        """Connect at durability ``fast``: these measures are about work, not about disks."""
        return cls(socket, await open_runtime(settings_for(socket)))

    async def book(self, reports: Sequence[Report]) -> None:
        """All reports in one call; each has to be booked."""
        outcomes = await self._runtime.engine.book(reports)
        statuses = {outcome.status for outcome in outcomes}
        check(self.name, f"outcomes of {len(reports)} bookings", statuses, {"booked"})

    async def sums(
        self, uids: Sequence[int], things: Sequence[int], range_: Range, *, activities: bool = False
    ) -> list[Answer]:
        """Sums (and activities) of each user, in one call."""
        ranges = [range_] * len(uids)
        found = await self._runtime.engine.sums(uids, things, ranges, activities=activities)
        return [Answer(owner.sums, owner.activities) for owner in found]

    async def top(self, count: int, thing: int, range_: Range) -> list[tuple[int, int]]:
        """The largest sums of everybody as (sum, user), in one call."""
        found = await self._runtime.engine.top(thing, range_, count)
        return sorted(((total, uid) for uid, total in found), reverse=True)[:count]

    async def seal(self) -> None:
        """Seal the logs of columns whose units are over."""
        sealer = Sealer(self._runtime.store.writes, self._runtime.clock.now_ms() / 1000)
        async for _ in sealer.run(await sealer.listed()):
            pass

    async def close(self) -> None:
        """Leave the server."""
        await self._runtime.close()


def settings_for(socket: Path) -> Settings:
    """Defaults, except for where Redis is."""
    return load_settings(environ=environ_for(socket)).settings


def environ_for(socket: Path, durability: str = "fast") -> dict[str, str]:
    """The environment of a psd process on this Redis; without an archive, which section h adds."""
    return {
        "PSD_ARCHIVE_ENABLED": "false",
        "PSD_REDIS_URL": f"unix://{socket}",
        "PSD_REDIS_DURABILITY": durability,
        "PSD_LOG_LEVEL": "warning",
        # Boards are measured past what a server allows.
        "PSD_SERVER_USER_SUMS_MAX": "1000000000",
    }
