"""Series that an expression came to, and what is made of several: sums, and the largest.

::

    added([{uid: 7, atid: 1} 10, {uid: 7, atid: 2} 5], ["uid"])     -> [{uid: 7} 15]
    largest([{uid: 7} 15, {uid: 8} 20, {uid: 9} 1], 2)              -> [{uid: 8} 20, {uid: 7} 15]
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import msgspec

from psd.queries.ids import asked_id
from psd.slices import Stretch


class EvaluatedSeries(msgspec.Struct, frozen=True):
    """One series: a value for each instant, None where it has none."""

    labels: dict[str, str]
    values: list[int | None]


async def added(rows: Sequence[EvaluatedSeries], by: Sequence[str]) -> list[EvaluatedSeries]:
    """Rows added up by the labels that are kept; a value that is missing adds nothing."""
    found: dict[tuple[str, ...], EvaluatedSeries] = {}
    stretch = Stretch()
    for row in rows:
        await stretch.after(len(row.values))
        key = tuple(row.labels.get(label, "") for label in by)
        total = found.get(key)
        if total is None:
            labels = {label: row.labels[label] for label in by if label in row.labels}
            found[key] = EvaluatedSeries(labels, list(row.values))
            continue
        for place, value in enumerate(row.values):
            before = total.values[place]
            if value is not None:
                total.values[place] = value if before is None else before + value
    return list(found.values())


async def largest(rows: Sequence[EvaluatedSeries], count: int) -> list[EvaluatedSeries]:
    """At each instant the values of the ``count`` largest; of equal ones the lower uid is ahead.

    The rows come in the order of their largest value, the largest first.
    """
    instants = len(rows[0].values) if rows else 0
    kept = [EvaluatedSeries(row.labels, [None] * instants) for row in rows]
    orders = [_order(row) for row in rows]
    stretch = Stretch()
    for place in range(instants):
        await stretch.after(2 * len(rows))
        ranked: list[tuple[int, tuple[int, str], int]] = [
            (-value, orders[number], number)
            for number, row in enumerate(rows)
            if (value := row.values[place]) is not None
        ]
        for value, _, number in heapq.nsmallest(count, ranked):
            kept[number].values[place] = -value
    shown = [number for number, row in enumerate(kept) if any(v is not None for v in row.values)]
    shown.sort(key=lambda number: (-_peak(kept[number]), orders[number]))
    return [kept[number] for number in shown]


def _peak(row: EvaluatedSeries) -> int:
    return max(value for value in row.values if value is not None)


def _order(row: EvaluatedSeries) -> tuple[int, str]:
    uid = row.labels.get("uid")
    return (0 if uid is None else asked_id(uid, "uid"), repr(sorted(row.labels.items())))
