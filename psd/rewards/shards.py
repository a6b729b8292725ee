"""Where a vehicle's rewards data lies: 4,096 shards, each with the vehicles of one hash slot.

A shard's registry, rows and payouts share the hash tag ``{s<shard>}``, so that one call reads a
whole shard, and a week of a million vehicles is 4,096 reads and writes of some 244 vehicles.

>>> shard_of(1), shard_of(2)
(2531, 966)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

SHARDS = 4096
"""Part of the stored shape: changing it needs a migration and a new ``psd:schema``."""

_MULTIPLIER = 0x9E3779B97F4A7C15
_MASK = 2**64 - 1


def shard_of(vehicle: int) -> int:
    """The shard of a vehicle: Fibonacci hashing, so that ids in steps spread out too."""
    return ((vehicle * _MULTIPLIER) & _MASK) >> 52


def by_shard(vehicles: Iterable[int]) -> dict[int, list[int]]:
    """Vehicles grouped by their shard, in the order in which they came."""
    groups: dict[int, list[int]] = defaultdict(list)
    for vehicle in vehicles:
        groups[shard_of(vehicle)].append(vehicle)
    return groups
