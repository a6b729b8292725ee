"""The energy of a session: its sum, and cells of a minute that are booked. Pure.

A session's readings lie in logs of ten minutes. Cells of an hour add up to the rounded hour: each
is ``R(cum(b)) - R(cum(a))``, cum the exact energy since the beginning of the clock hour, R half to
even (as psd/measures/curve.py does). 2.4 kW from 00:00:00 on, a reading each 2 s::

    session_sum(...an hour of it).nj       -> 8_640_000_000_000_000
    session_sum(...an hour of it).cells    -> {0: 40_000, 60: 40_000, ...}      60 of 40 Wh
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from hashlib import blake2b
from typing import cast

import msgspec

from psd.charging.plugs.plug_readings import NJ_A_MWH, PlugReading, energy_nj, pieces, unpack
from psd.charging.settings import EnergyRule
from psd.measures.curve import HOUR_S

CELL_S = 60
STRIP_MS = 600_000
"""Readings of ten minutes share a log."""

REMEMBERED = 2_048
"""Logs whose energy is known; a log has at most some 5 kB."""

MS = 1_000

Area = int | Fraction
"""Nanojoules; a fraction where a straight line is cut."""


def strips(first_ms: int, last_ms: int) -> range:
    """The logs that readings of a time lie in."""
    return range(first_ms // STRIP_MS, last_ms // STRIP_MS + 1)


class SessionSum(msgspec.Struct, frozen=True):
    """What readings come to: how many they are, nanojoules, mWh and exact nanojoules by cells."""

    readings: int
    nj: int
    cells: dict[int, int]
    areas: dict[int, Area]

    @property
    def mwh(self) -> int:
        """What is booked of them."""
        return sum(self.cells.values())


def session_sum(
    logs: Sequence[bytes], first_ms: int, last_ms: int, rule: EnergyRule, gap_max_ms: int
) -> SessionSum:
    """The energy of readings from a millisecond to another, both included, and its cells.

    Of an hour's cells all before must be among them.
    """
    return sum_of(log_sums(logs, first_ms, last_ms, rule, gap_max_ms))


def sum_of(parts: Iterable[LogSum]) -> SessionSum:
    """What the sums of a session's logs come to."""
    areas: dict[int, Area] = {}
    readings = nj = 0
    for part in parts:
        readings, nj = readings + part.readings, nj + part.nj
        for cell, area in part.areas.items():
            areas[cell] = areas.get(cell, 0) + area
    return SessionSum(readings, nj, _rounded(areas), areas)


def _areas(readings: Sequence[PlugReading], rule: EnergyRule, gap_max_ms: int) -> dict[int, Area]:
    """Nanojoules by the first second of each cell."""
    found: dict[int, Area] = {}
    width_ms = CELL_S * MS
    for before, after, nj in pieces(readings, rule, gap_max_ms):
        cell = before.ms // width_ms
        if cell == (after.ms - 1) // width_ms:
            found[cell * CELL_S] = found.get(cell * CELL_S, 0) + nj
            continue
        for second, share in _shares(before, after, nj, rule):
            found[second] = found.get(second, 0) + share
    return found


def _rounded(areas: Mapping[int, Area]) -> dict[int, int]:
    """Whole mWh, such that those of an hour add up to the rounded hour."""
    found: dict[int, int] = {}
    hour, cum, rounded = None, cast("Area", 0), 0
    for cell in sorted(areas):
        if cell // HOUR_S != hour:
            hour, cum, rounded = cell // HOUR_S, 0, 0
        cum += areas[cell]
        after_mwh = round(Fraction(cum, NJ_A_MWH))
        found[cell], rounded = after_mwh - rounded, after_mwh
    return found


def _shares(
    before: PlugReading, after: PlugReading, nj: int, rule: EnergyRule
) -> Iterator[tuple[int, Area]]:
    """The energy between two readings, by the cells that it lies in."""
    span_ms, width_ms = after.ms - before.ms, CELL_S * MS
    done: Area = 0
    for cell_ms in range(before.ms // width_ms * width_ms, after.ms, width_ms):
        end_ms = min(cell_ms + width_ms, after.ms)
        part = Fraction(end_ms - before.ms, span_ms)
        until = nj * (_bent(before, after, part) if rule == "trapezoid" else part)
        yield cell_ms // MS, until - done
        done = until


def _bent(before: PlugReading, after: PlugReading, part: Fraction) -> Fraction:
    """How much of a line's energy lies in the first part of its time."""
    total = before.power_uw + after.power_uw
    if not total:
        return part
    rise = after.power_uw - before.power_uw
    return (2 * before.power_uw * part + rise * part * part) / total


class LogSum(msgspec.Struct, frozen=True):
    """What readings of a log come to, or two that are neighbours in different ones."""

    readings: int = 0
    nj: int = 0
    areas: dict[int, Area] = {}
    first: PlugReading | None = None
    last: PlugReading | None = None


def log_sums(
    logs: Sequence[bytes],
    first_ms: int,
    last_ms: int,
    rule: EnergyRule,
    gap_max_ms: int,
    before: PlugReading | None = None,
) -> Iterator[LogSum]:
    """Each log, and what lies between it and the one before; ``before`` is the last before all."""
    for at, log in enumerate(logs):
        if at in (0, len(logs) - 1):
            part = _summed(_within(log, first_ms, last_ms), rule, gap_max_ms)
        else:
            part = _summed_log(log, rule, gap_max_ms)
        if part.first is None:
            continue
        if before is not None:
            both = (before, part.first)
            yield LogSum(0, energy_nj(both, rule, gap_max_ms), _areas(both, rule, gap_max_ms))
        yield part
        before = part.last


def _within(log: bytes, first_ms: int, last_ms: int) -> list[PlugReading]:
    return [each for each in unpack(log) if first_ms <= each.ms <= last_ms]


def _summed(readings: Sequence[PlugReading], rule: EnergyRule, gap_max_ms: int) -> LogSum:
    if not readings:
        return LogSum()
    return LogSum(
        len(readings),
        energy_nj(readings, rule, gap_max_ms),
        _areas(readings, rule, gap_max_ms),
        readings[0],
        readings[-1],
    )


@lru_cache(maxsize=REMEMBERED)
def _summed_log(log: bytes, rule: EnergyRule, gap_max_ms: int) -> LogSum:
    """Of a whole log: one that is full may be read again each minute for an hour, to be booked."""
    return _summed(unpack(log), rule, gap_max_ms)


def session_number(session_id: str) -> int:
    """The activity of a session: 62 bits of a hash of its id."""
    return int.from_bytes(blake2b(session_id.encode(), digest_size=8).digest()) >> 2


def fuse_number(fuse: str) -> int:
    """The type of activity of a fuse, 0 for none."""
    return int.from_bytes(blake2b(fuse.encode(), digest_size=4).digest()) if fuse else 0
