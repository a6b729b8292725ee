"""Holds what is booked of meters against their readings, and repairs it.

``psd verify`` asks for it. Readings are believed: of each channel that keeps them, some days at a
time, the energy that they make is computed and held against the reports that stand::

    i1 of meter 'm-3' 2016-04-12T00:00:00Z: 20000 mWh, should be 20833 mWh by its readings
    names of meter 'm-3': nothing, should be m-3 by the list of meters

Intervals that count are kept by the engine alone, whose own audit holds them against the archive.
While somebody keeps readings, what differs is looked at again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from psd.audit.examine import NOTHING, Discrepancy
from psd.audit.sweep import Audited
from psd.clock import utc_text
from psd.energy.channels import DELIVERED, QUALITY_NAMES, channel_of, counting_kind, meter_uid
from psd.energy.energy_booker import EnergyBooker, Within
from psd.energy.meter_reads import MeterReads
from psd.energy.store import KeptChannel, MeterStore
from psd.engine.engine import Engine
from psd.engine.windows import StandingReport, Window

METERS_AT_ONCE = 100
ATTEMPTS = 3
SOURCE = "its readings"


class EnergyAudit:
    """Audits all meters."""

    def __init__(
        self, store: MeterStore, reads: MeterReads, engine: Engine, booker: EnergyBooker
    ) -> None:
        self._store = store
        self._reads = reads
        self._engine = engine
        self._booker = booker

    async def every(self, *, repair: bool) -> AsyncIterator[Audited]:
        """All meters, in the order of their names."""
        after = ""
        while names := await self._reads.names(after, METERS_AT_ONCE):
            for name in names:
                async for audited in self._meter(name, repair=repair):
                    yield audited
            after = names[-1]

    async def _meter(self, name: str, *, repair: bool) -> AsyncIterator[Audited]:
        uid = meter_uid(name)
        yield await self._name(uid, name, repair=repair)
        for channel_name, kept in sorted((await self._store.kinds(uid)).items()):
            kind, counts = counting_kind(kept)
            if counts and kind != "intervals" and kept != DELIVERED:
                of = KeptChannel(uid, channel_of(channel_name), kind)
                for within in await self._booker.stretches(of):
                    yield await self._stretch(name, of, within, repair=repair)

    async def _name(self, uid: int, name: str, *, repair: bool) -> Audited:
        """Whether the registry of names knows the number of a meter as its own."""
        key, held = f"names of meter {name!r}", await self._store.name(uid)
        if held == name:
            return Audited(key, "clean")
        found = [Discrepancy(key, "", name, held or NOTHING, "the list of meters")]
        if repair and held is None:
            await self._store.register_again(uid, name)
            return Audited(key, "repaired", found)
        return Audited(key, "found", found)

    async def _stretch(
        self, name: str, of: KeptChannel, within: Within, *, repair: bool
    ) -> Audited:
        key = f"{of.channel.name} of meter {name!r}"
        for _ in range(ATTEMPTS):
            found = await self._differing(key, of, within)
            if not found:
                return Audited(key, "clean")
            if repair:
                await self._booker.again(of, within)
                left = await self._differing(key, of, within)
                return Audited(key, "found" if left else "repaired", found)
        return Audited(key, "found", found)

    async def _differing(self, key: str, of: KeptChannel, within: Within) -> list[Discrepancy]:
        """Cells whose report is not what their readings make."""
        wanted = [
            each
            for each in await self._booker.wanted(of, within)
            if each.ts1 >= self._engine.oldest_s(each.thing)
        ]
        windows = [Window(each.thing, each.uid, each.aid, each.ts1, each.ts2) for each in wanted]
        standing = await self._engine.reported(windows) if windows else []
        found = []
        for report, stands in zip(wanted, standing, strict=True):
            expected = _told(report.value, report.atid)
            held = _held(stands)
            if held != expected and (report.value or stands.counts):
                place = utc_text(report.ts1)
                found.append(Discrepancy(key, place, expected, held, SOURCE))
        return found


def _held(stands: StandingReport) -> str:
    return _told(stands.value, stands.atid) if stands.status == "booked" else NOTHING


def _told(mwh: int, quality: int) -> str:
    return f"{mwh} mWh {QUALITY_NAMES[quality]}"
