"""Readings of plugs as integers, and as they are kept: 18 bytes each, in order of time. Pure.

A reading is a millisecond, milliamperes, millivolts, and the device's register in mWh, 0 where it
has none. What stands in rings and logs is big-endian, so that it is in order of time as bytes are::

    pack(PlugReading(1723939202000, 6500, 240000))
    -> 019162c8a3d0 001964 03a980 000000000000
    energy_nj([...two of 10 A and 240 V, an hour apart])    -> 8_640_000_000_000_000

Energy is exact: mA times mV times ms are 10^-9 J, and 2.4 kWh are 8.64 * 10^15 of them, near what a
double holds, so it is computed here and never in a script. The power between two readings is the
later one's ("later", as the original has it), or a straight line ("trapezoid"); between readings
too far apart nothing is known but what the register says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import msgspec

from psd.charging.settings import EnergyRule

READING_BYTES = 18
MS_BYTES = 6
MILLI_MAX = (1 << 24) - 1
"""mA and mV that a packed reading holds: 16,777 A or V."""

REGISTER_MAX_MWH = (1 << 48) - 1

NJ_A_KWH = 3_600_000_000_000_000
NJ_A_MWH = 3_600_000_000


class PlugReading(msgspec.Struct, frozen=True, gc=False, order=True):
    """What a plug delivered at an instant."""

    ms: int
    ma: int
    mv: int
    mwh: int = 0

    @property
    def power_uw(self) -> int:
        """Apparent power in microwatts, exact."""
        return self.ma * self.mv


def pack(reading: PlugReading) -> bytes:
    """As it stands in rings and logs."""
    number = reading.ms << 96 | reading.ma << 72 | reading.mv << 48 | reading.mwh
    return number.to_bytes(READING_BYTES)


def unpack(packed: bytes) -> list[PlugReading]:
    """Readings of a ring or a log, in their order. 1 us each."""
    found = []
    for at in range(0, len(packed), READING_BYTES):
        number = int.from_bytes(packed[at : at + READING_BYTES])
        found.append(
            PlugReading(
                number >> 96,
                number >> 72 & MILLI_MAX,
                number >> 48 & MILLI_MAX,
                number & REGISTER_MAX_MWH,
            )
        )
    return found


def energy_nj(
    readings: Sequence[PlugReading], rule: EnergyRule = "later", gap_max_ms: int | None = None
) -> int:
    """Energy between the first and the last of readings in order, in nanojoules."""
    return sum(nj for _, _, nj in pieces(readings, rule, gap_max_ms))


def pieces(
    readings: Iterable[PlugReading], rule: EnergyRule = "later", gap_max_ms: int | None = None
) -> Iterator[tuple[PlugReading, PlugReading, int]]:
    """Neighbours, and the nanojoules between them; of a gap only what the registers tell."""
    for before, after in pairwise(readings):
        span_ms = after.ms - before.ms
        if gap_max_ms is not None and span_ms > gap_max_ms:
            if 0 < before.mwh <= after.mwh:
                yield before, after, (after.mwh - before.mwh) * NJ_A_MWH
        elif rule == "later":
            yield before, after, after.power_uw * span_ms
        else:
            # Twice the mean may be odd; the half of a nanojoule is cut.
            yield before, after, (before.power_uw + after.power_uw) * span_ms // 2


def cents_of(nj: int, cents_per_kwh: int) -> int:
    """The price of energy, cut to whole cents towards 0.

    >>> cents_of(2 * NJ_A_KWH + NJ_A_KWH * 4 // 10, 30), cents_of(-NJ_A_KWH // 30 - 1, 30)
    (72, -1)
    """
    cents = abs(nj) * cents_per_kwh // NJ_A_KWH
    return cents if nj >= 0 else -cents
