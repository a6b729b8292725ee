"""Series of everybody out of a vector of all sums, without a row for each.

::

    first_of(vector, 2)                  -> [(22484408, 3200), (1503960366, 2100)]
    all_together(vector)                 -> 13158, of however many they are
"""

from __future__ import annotations

from psd.columns.vector import Vector
from psd.engine.whole import checked_sum
from psd.queries.vector_ranking import Ordered
from psd.slices import beside_the_loop

LOW_BITS = 32


async def first_of(vector: Vector, count: int) -> list[tuple[int, int]]:
    """The largest by (uid, sum), of equal ones the lower uid first; no more than ``count``."""
    ordered = await beside_the_loop(vector.total, lambda: Ordered.of(vector, None, count))
    uids, negated = ordered.uids[:count].tolist(), ordered.negated[:count].tolist()
    return [(uid, -each) for uid, each in zip(uids, negated, strict=True)]


def all_together(vector: Vector) -> int:
    """The sum of all sums; 64 bits would not do for what a thousand owners may have."""
    values = vector.values
    high, low = int((values >> LOW_BITS).sum()), int((values & ((1 << LOW_BITS) - 1)).sum())
    return checked_sum((high << LOW_BITS) + low)
