"""A driver's days, from sums of the buckets: empty days and cumulative values included. Pure.

::

    edges 1 Sep 00:00, 2 Sep, 3 Sep      distances 40, 0      before 100
    -> 2020-09-01: 40, cumulative 140    2020-09-02: 0, cumulative 140
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import accumulate, pairwise
from zoneinfo import ZoneInfo

import msgspec

from psd.swaps.answers import DriverDay
from psd.swaps.derived import efficiency_of


class DaySums(msgspec.Struct, frozen=True):
    """Sums by day, and of everything before the first."""

    distances: Sequence[int]
    energies: Sequence[int]
    swaps: Sequence[int]
    distance_before: int
    energy_before: int


def day_rows(edges: Sequence[int], tz: ZoneInfo, sums: DaySums) -> list[DriverDay]:
    """A row a day between the edges; the last transactions are looked up by the ledger."""
    distances = accumulate(sums.distances, initial=sums.distance_before)
    energies = accumulate(sums.energies, initial=sums.energy_before)
    next(distances), next(energies)
    rows = zip(
        pairwise(edges), sums.distances, sums.energies, sums.swaps, distances, energies, strict=True
    )
    return [
        DriverDay(
            day=dt.datetime.fromtimestamp(start, tz).date().isoformat(),
            start=start,
            end=end,
            distance=distance,
            energy=energy,
            efficiency=efficiency_of(distance, energy),
            cumulative_distance=distance_so_far,
            cumulative_energy=energy_so_far,
            transactions=swaps,
            last_transaction=None,
        )
        for (start, end), distance, energy, swaps, distance_so_far, energy_so_far in rows
    ]
