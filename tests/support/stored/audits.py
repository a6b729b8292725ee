"""An audit of a test's store, and the small limits that go with small_leaves.

>>> async with audit_of(runtime, SMALL_LIMITS) as audits:
...     [found.outcome for found in await audits.run(repair=True)]
['repaired', 'clean']
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from click.testing import CliRunner, Result

from psd.archive.reader import read_entries
from psd.audit.archived import ArchivedReports
from psd.audit.index_check import IndexAudit
from psd.audit.layout import Limits
from psd.audit.sweep import Audited, Auditor, OwnerRate, Scope, Sweep, lifetimes_of
from psd.cli.main import psd as command
from psd.engine.events import TIME_END_S, Report
from psd.runtime import Runtime
from tests.support.engine import NOON_S, report

SMALL_LIMITS = Limits(
    month_bookings=5,
    day_bookings=5,
    hour_bookings=5,
    minute_bookings=5,
    second_bookings=3,
    shard_activities=3,
    short_records=2,
    listed_hours=3,
)
"""What tests/support/scripts/small_leaves.py sets in the scripts."""

ARCHIVE_END_MS = TIME_END_S * 1000


class Audits:
    """Audits of one store."""

    def __init__(self, runtime: Runtime, sweep: Sweep) -> None:
        self._runtime = runtime
        self._sweep = sweep

    async def run(self, repair: bool = False, archive: Path | None = None) -> list[Audited]:
        """Every owner and thing with what became of it; with the archive where it is asked."""
        done = {
            each.prefix: each
            async for each in self._sweep.run(repair, archive is not None, lambda _: None)
        }
        wanted = {prefix: each for prefix, each in done.items() if each.wants_archive}
        if archive is not None and wanted:
            reports = ArchivedReports(self._runtime.rules, wanted, self._runtime.store.partitions)
            for entry in read_entries(archive, 0, ARCHIVE_END_MS):
                reports.take(entry)
            async for each in self._sweep.complete(wanted, reports):
                done[each.prefix] = each
        return list(done.values())

    async def differences(self, repair: bool = False) -> list[str]:
        """All differences of all owners, as they are printed."""
        return [str(each) for owner in await self.run(repair) for each in owner.differences]


@asynccontextmanager
async def audit_of(
    runtime: Runtime, limits: Limits | None = None, scope: Scope | None = None, rate: float = 0
) -> AsyncIterator[Audits]:
    """An audit with a lane of its own; ``limits`` are those that the scripts have."""
    lane = runtime.store.new_lane()
    try:
        lifetimes = await lifetimes_of(lane, runtime.settings)
        auditor = Auditor(lane, runtime.settings, lifetimes, limits or Limits())
        index = IndexAudit(runtime.store.writes)
        yield Audits(runtime, Sweep(auditor, lane, scope or Scope(), OwnerRate(rate), index))
    finally:
        await lane.close()


def verify(redis_url: str, *arguments: str) -> Result:
    """The psd command over one store."""
    return CliRunner().invoke(command, ["--set", f"redis.url={redis_url}", "verify", *arguments])


async def verified(redis_url: str, *arguments: str) -> Result:
    """The same beside a running loop."""
    return await asyncio.to_thread(verify, redis_url, *arguments)


def few() -> list[Report]:
    """Three bookings of two activities on one day."""
    return [report(10, NOON_S), report(25, NOON_S + 60, NOON_S), report(5, NOON_S + 90, aid=4)]
