"""The energy of a session: its sum, and cells of a minute that are booked. Pure.

A session's readings lie in logs of ten minutes. Cells of an hour add up to the rounded hour: each
is ``R(cum(b)) - R(cum(a))``, cum the exact energy since the beginning of the clock hour, R half to
even (as psd/measures/curve.py does). 2.4 kW from 00:00:00 on, a reading each 2 s::

    session_nj(...an hour of it)  -> 8_640_000_000_000_000
    cells(...)                    -> {0: 40_000, 60: 40_000, ...}      60 of 40 Wh
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from hashlib import blake2b

from psd.charging.plug_readings import NJ_A_MWH, PlugReading, energy_nj, pieces, unpack
from psd.charging.settings import EnergyRule
from psd.measures.curve import HOUR_S

CELL_S = 60
STRIP_MS = 600_000
"""Readings of ten minutes share a log."""

REMEMBERED = 2_048
"""Logs whose energy is known; a log has at most some 5 kB."""

MS = 1_000


def strips(first_ms: int, last_ms: int) -> range:
    """The logs that readings of a time lie in."""
    return range(first_ms // STRIP_MS, last_ms // STRIP_MS + 1)


def session_nj(
    logs: Sequence[bytes], first_ms: int, last_ms: int, rule: EnergyRule, gap_max_ms: int
) -> int:
    """The energy of readings from a millisecond to another, both included."""
    total, before = 0, None
    for at, log in enumerate(logs):
        is_edge = at in (0, len(logs) - 1)
        inside = _within(log, first_ms, last_ms) if is_edge else None
        nj, first, last = (
            _energy(log, rule, gap_max_ms) if inside is None else _sum(inside, rule, gap_max_ms)
        )
        if first is None:
            continue
        if before is not None:
            total += energy_nj((before, first), rule, gap_max_ms)
        total, before = total + nj, last
    return total


def readings_of(logs: Iterable[bytes], first_ms: int, last_ms: int) -> list[PlugReading]:
    """Readings of a time, in order."""
    return [each for log in logs for each in _within(log, first_ms, last_ms)]


def cells(readings: Sequence[PlugReading], rule: EnergyRule, gap_max_ms: int) -> dict[int, int]:
    """MWh by the first second of each cell; of an hour's cells all before must be among them."""
    areas: dict[int, Fraction] = {}
    for before, after, nj in pieces(readings, rule, gap_max_ms):
        for cell, share in _shares(before, after, nj, rule):
            areas[cell] = areas.get(cell, Fraction(0)) + share
    found: dict[int, int] = {}
    hour, cum, rounded = None, Fraction(0), 0
    for cell in sorted(areas):
        if cell // HOUR_S != hour:
            hour, cum, rounded = cell // HOUR_S, Fraction(0), 0
        cum += areas[cell]
        after_mwh = round(cum / NJ_A_MWH)
        found[cell], rounded = after_mwh - rounded, after_mwh
    return found


def _shares(
    before: PlugReading, after: PlugReading, nj: int, rule: EnergyRule
) -> Iterable[tuple[int, Fraction]]:
    """The energy between two readings, by the cells that it lies in."""
    span_ms, width_ms = after.ms - before.ms, CELL_S * MS
    done = Fraction(0)
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


def _within(log: bytes, first_ms: int, last_ms: int) -> list[PlugReading]:
    return [each for each in unpack(log) if first_ms <= each.ms <= last_ms]


Summed = tuple[int, PlugReading | None, PlugReading | None]


def _sum(readings: Sequence[PlugReading], rule: EnergyRule, gap_max_ms: int) -> Summed:
    if not readings:
        return 0, None, None
    return energy_nj(readings, rule, gap_max_ms), readings[0], readings[-1]


@lru_cache(maxsize=REMEMBERED)
def _energy(log: bytes, rule: EnergyRule, gap_max_ms: int) -> Summed:
    """Of a whole log: one that is full is asked for again each minute of a long session."""
    return _sum(unpack(log), rule, gap_max_ms)


def session_number(session_id: str) -> int:
    """The activity of a session: 62 bits of a hash of its id."""
    return int.from_bytes(blake2b(session_id.encode(), digest_size=8).digest()) >> 2


def fuse_number(fuse: str) -> int:
    """The type of activity of a fuse, 0 for none."""
    return int.from_bytes(blake2b(fuse.encode(), digest_size=4).digest()) if fuse else 0
