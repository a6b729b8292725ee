"""What a session that goes on has come to, read of what has come since it was asked for last.

A car that stays plugged in for months has 0.8 MB of readings for each of its days, and what they
come to is asked for each minute. Readings lie in logs of ten minutes; what those came to that are
full is remembered, and only what is behind them is read again::

    12:01   the session is of 3 days: 433 logs, and all before 11:50 is remembered
    12:02   two logs, from 11:50 on
    12:03   a reading of yesterday has come late: 433 logs again

It is exact whatever comes late. A number a plug counts every reading that was ever kept of it, so
that what is kept *before* a log is that number less the readings from the log on. While this stays
as it is, nothing was put there. What is remembered is of one process, and of no state: whoever does
not have it reads all.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from psd.charging.plugs.plug_readings import READING_BYTES, PlugReading
from psd.charging.sessions.price_plans import ChargingPrices
from psd.charging.sessions.session_energy import STRIP_MS, Area, log_sums
from psd.charging.sessions.session_store import NewestLogs, SessionStore
from psd.charging.settings import ChargingSettings
from psd.slices import Stretch

SESSIONS_MAX = 4_096
"""Of which a process remembers what they came to; whose turn is longest ago is forgotten."""

OPEN_LOGS = 1
"""Logs before the one of now that are read each time: readings may be ten minutes late for free."""


class SoFar(msgspec.Struct, frozen=True):
    """What a session that goes on has come to."""

    nj: int = 0
    cents: int = 0


class SumBefore(msgspec.Struct, frozen=True):
    """What all logs of a session before ``strip`` came to, and the last reading in them.

    ``product`` is their price, exact, where it changes with time. ``kept`` are the readings that
    were kept of the plug when there were as many as it was made of, but for those from there on.
    """

    strip: int
    nj: int = 0
    product: Area = 0
    last: PlugReading | None = None
    kept: int = -1


class _Session(NamedTuple):
    """Which session it is: that of a plug from a millisecond on."""

    site: str
    plug: str
    first_ms: int


class RunningSums:
    """Sums of sessions that go on; raises StoreUnavailableError when Redis is away."""

    def __init__(
        self, store: SessionStore, settings: ChargingSettings, prices: ChargingPrices
    ) -> None:
        self._store = store
        self._settings = settings
        self._prices = prices
        self._before: OrderedDict[_Session, SumBefore] = OrderedDict()

    async def so_far(self, site: str, plug: str, first_ms: int, last_ms: int) -> SoFar:
        """What a plug delivered between two milliseconds, both included, and its price. 1 trip.

        Where readings have come late all is read again: 2 trips. Of a plug without a session, whose
        first millisecond is 0, nothing is.
        """
        if not first_ms:
            return SoFar()
        session, last_ms = _Session(site, plug, first_ms), max(first_ms, last_ms)
        before = self._before.pop(session, None)
        if before is not None and before.strip * STRIP_MS <= last_ms:
            read = await self._store.newest_logs(site, plug, before.strip * STRIP_MS, last_ms)
            if read.taken - _count(read.logs) == before.kept:
                return await self._summed(session, before, read, last_ms)
        read = await self._store.newest_logs(site, plug, first_ms, last_ms)
        return await self._summed(session, SumBefore(first_ms // STRIP_MS), read, last_ms)

    async def _summed(
        self, session: _Session, before: SumBefore, read: NewestLogs, last_ms: int
    ) -> SoFar:
        """The sum of what is remembered and what was read; of that what is full is remembered."""
        full = max(0, last_ms // STRIP_MS - OPEN_LOGS - before.strip)
        logs = read.logs[: last_ms // STRIP_MS - before.strip + 1]
        moved = await self._added(session, before, logs[:full], last_ms)
        if read.is_whole:
            kept = read.taken - _count(read.logs[full:])
            self._remember(session, msgspec.structs.replace(moved, kept=kept))
        total = await self._added(session, moved, logs[full:], last_ms)
        price = self._prices.between(session.first_ms, session.first_ms)
        return SoFar(total.nj, price.cents_of(total.nj, total.product))

    async def _added(
        self, session: _Session, before: SumBefore, logs: Sequence[bytes], last_ms: int
    ) -> SumBefore:
        """What a sum is with the logs behind it; of many the others have turns between."""
        stretch = Stretch()
        rule, gap_max_ms = self._settings.energy_rule, self._settings.gap_max_ms
        last, nj, product = before.last, before.nj, before.product
        price = self._prices.between(session.first_ms if last is None else last.ms, last_ms)
        for part in log_sums(logs, session.first_ms, last_ms, rule, gap_max_ms, last):
            nj, product = nj + part.nj, product + price.product(part.areas)
            last = part.last or last
            await stretch.after(part.readings)
        return SumBefore(before.strip + len(logs), nj, product, last)

    def _remember(self, session: _Session, before: SumBefore) -> None:
        self._before[session] = before
        if len(self._before) > SESSIONS_MAX:
            self._before.popitem(last=False)


def _count(logs: Sequence[bytes]) -> int:
    return sum(map(len, logs)) // READING_BYTES
