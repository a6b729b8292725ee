"""The series that an expression comes to at some instants.

::

    evaluation = Evaluation(engine, finder, {"steps": 1}, [1_460_505_600_000])
    await evaluation.rows(parsed('increase(steps{uid="7"}[1d])'))
    -> [EvaluatedSeries({"uid": "7"}, [13158])]

What everybody has at one instant is told by columns where there are any (psd/engine/everybody.py).
Else where owners are only added up, they are in Redis, page by page; where only the largest of one
instant are asked for, only they come from there. An instant for which any detail has expired is
left out of all rows, with a warning: a part of a sum would look like a smaller one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from psd.columns.vector import Vector
from psd.engine.plan import Range
from psd.engine.reads import Reads
from psd.errors import BadQueryError, DetailExpiredError, TooLargeError
from psd.prometheus.evaluated import EvaluatedSeries, added, largest
from psd.prometheus.instants import windows
from psd.prometheus.of_everybody import all_together, first_of
from psd.prometheus.owners import Owners, OwnersFinder
from psd.prometheus.reading import Counted, Key, edges_of, exact_sums, sums
from psd.prometheus.selection import Metric, Selection, selected
from psd.prometheus.tree import Expression, Increase, Operand, Selector, Sum, Top
from psd.queries.user_sums import sums_of, sums_of_series
from psd.slices import ROWS_AT_ONCE, in_slices

SERIES_MAX = 1000
"""Series of one answer."""

CELLS_MAX = 250_000
"""Points of one answer: 6 MB of JSON."""

WORK_MAX = 500_000
"""Owners times the ends of windows of one request: numbers that are held at once."""

NAME = "__name__"


class Evaluation:
    """One request's reading; afterwards ``expired`` and ``warnings`` say what was missing."""

    def __init__(
        self,
        engine: Reads,
        owners: OwnersFinder,
        things: Mapping[str, int],
        instants_ms: Sequence[int],
    ) -> None:
        self._engine = engine
        self._owners = owners
        self._things = things
        self._instants_ms = instants_ms
        self._spent = 0
        self.names: dict[int, str] = {}
        self.expired: set[int] = set()
        self._resolutions: set[str] = set()

    @property
    def warnings(self) -> list[str]:
        """What is not as it was asked for."""
        found = list(self._owners.warnings)
        if self.expired:
            left, count = len(self.expired), len(self._instants_ms)
            units = ", ".join(f"{each}s" for each in sorted(self._resolutions))
            found.append(
                f"detail has expired: {left} of {count} instants are left out; "
                f"windows of whole {units} (UTC) are still exact"
            )
        return found

    async def rows(self, of: Expression) -> list[EvaluatedSeries]:
        """The series of an expression; raises BadQueryError, TooLargeError."""
        found = await self._rows(of)
        _check_answer(found, len(self._instants_ms))
        for row in found:
            for place in self.expired:
                row.values[place] = None
        return [row for row in found if any(value is not None for value in row.values)]

    async def _rows(self, of: Expression) -> list[EvaluatedSeries]:
        if isinstance(of, Selector | Increase):
            return await self._leaf(of)
        if isinstance(of, Sum):
            return await self._sum(of)
        assert isinstance(of, Top), "the parser lets no number come here"
        return await self._top(of)

    async def _sum(self, sum_: Sum) -> list[EvaluatedSeries]:
        if isinstance(sum_.of, Selector | Increase):
            merged, split = "uid" not in sum_.by, "atid" in sum_.by
            return await added(await self._leaf(sum_.of, merged=merged, split=split), sum_.by)
        return await added(await self._rows(sum_.of), sum_.by)

    async def _top(self, top: Top) -> list[EvaluatedSeries]:
        if len(self._instants_ms) == 1:
            rows = await self._largest(top)
            if rows is not None:
                return await largest(rows, top.count)
        return await largest(await self._rows(top.of), top.count)

    async def _largest(self, top: Top) -> list[EvaluatedSeries] | None:
        """The candidates for the largest of one instant, from each group of owners its largest.

        None where groups may have to be added up first.
        """
        by_uid = isinstance(top.of, Sum) and top.of.by == ("uid",)
        leaf = top.of.of if isinstance(top.of, Sum) and by_uid else top.of
        if not isinstance(leaf, Selector | Increase):
            return None
        selection = self._selected(leaf)
        if selection.is_split:
            return None
        told = await self._of_everybody(selection, leaf)
        if told is not None:
            return await _first_rows(told, selection.metrics[0], leaf, top.count)
        pairs = await self._pairs(selection)
        if by_uid and len(pairs) != 1:
            return None
        [window] = self._windows(leaf)
        parts = await asyncio.gather(
            *(self._largest_of(metric, owners, window, top.count) for metric, owners in pairs)
        )
        rows = [row for part in parts for row in part]
        if by_uid:
            return await added(rows, ("uid",))
        return [EvaluatedSeries(_shown(row.labels, leaf), row.values) for row in rows]

    async def _largest_of(
        self, metric: Metric, owners: Owners, window: Range, count: int
    ) -> list[EvaluatedSeries]:
        self._owners.budget.spend("query", len(owners.uids), sums_of(window))
        found = [(uid, 0) for uid in owners.hidden]
        try:
            if owners.uids:
                found += await self._engine.top(metric.number, window, count, uids=owners.uids)
        except DetailExpiredError as error:
            self._miss({0}, error.resolution)
            found += [(uid, 0) for uid in owners.uids[:count]]
        labels = {**metric.labels, **owners.labels}
        return [EvaluatedSeries({**labels, "uid": str(uid)}, [value]) for uid, value in found]

    async def _leaf(
        self, leaf: Operand, *, merged: bool = False, split: bool = False
    ) -> list[EvaluatedSeries]:
        """The series of a selector: of each owner, or of all of a group; by atid where asked."""
        selection = self._selected(leaf)
        asked = self._windows(leaf)
        told = None if split else await self._of_everybody(selection, leaf)
        if told is not None:
            metric = selection.metrics[0]
            if merged:
                return [EvaluatedSeries(_shown(metric.labels, leaf), [all_together(told)])]
            _check_series(told.total)
            return await _first_rows(told, metric, leaf, told.total)
        pairs = await self._pairs(selection)
        edges = len(edges_of(asked))
        is_series = len(asked) > 1 or split or selection.is_split
        each = sums_of_series(edges) if is_series else sums_of(asked[0])
        for _, owners in pairs:
            self._spend(len(owners.uids) * edges)
            self._owners.budget.spend("query", len(owners.uids), each)
        parts = await asyncio.gather(
            *(
                self._group(metric, owners, selection, asked, merged=merged, split=split)
                for metric, owners in pairs
            )
        )
        rows = [
            EvaluatedSeries(_shown(row.labels, leaf), row.values) for part in parts for row in part
        ]
        if len({frozenset(row.labels.items()) for row in rows}) != len(rows):
            raise BadQueryError(
                "query: two series have the same labels; ask for psd_sum, whose label is the thing"
            )
        return rows

    async def _group(
        self,
        metric: Metric,
        owners: Owners,
        selection: Selection,
        asked: Sequence[Range],
        *,
        merged: bool,
        split: bool,
    ) -> list[EvaluatedSeries]:
        by_atid = split or selection.is_split
        labels = {**metric.labels, **owners.labels}
        uids, count = owners.uids, len(asked)
        counted = Counted(uids, metric.number, selection.atids, by_atid, merged)
        found = await exact_sums(lambda each: sums(self._engine, counted, each), asked)
        self._miss(found.expired, found.resolution)
        columns = dict(found.columns)
        hidden = [] if merged else owners.hidden
        places = 1 if merged else len(uids) + len(hidden)
        # Atids that were named have a series, as users have; others where they have bookings.
        named: Sequence[int | None] = sorted(selection.atids or ()) if by_atid else [None]
        for place in range(places):
            for atid in named:
                columns.setdefault((place, atid), [0] * count)
        everyone = [*uids, *hidden]

        def made(some: Sequence[tuple[Key, list[int]]]) -> list[EvaluatedSeries]:
            return [
                EvaluatedSeries(
                    {
                        **labels,
                        **({} if merged else {"uid": str(everyone[place])}),
                        **({} if atid is None else {"atid": str(atid)}),
                    },
                    list(column),
                )
                for (place, atid), column in some
            ]

        return await in_slices([*columns.items()], made, max(1, ROWS_AT_ONCE // count))

    async def _of_everybody(self, selection: Selection, leaf: Operand) -> Vector | None:
        """The sums of everybody at the one instant, None where columns do not tell them."""
        if len(self._instants_ms) != 1 or not self._owners.is_everybody(selection):
            return None
        if len(selection.metrics) != 1:
            return None
        [metric], [window] = selection.metrics, self._windows(leaf)
        spend = self._owners.budget.spend_bytes
        return await self._engine.everybody(metric.number, window, spend)

    async def _pairs(self, selection: Selection) -> list[tuple[Metric, Owners]]:
        return [
            (metric, owners)
            for metric in selection.metrics
            for owners in await self._owners.of(selection, metric)
        ]

    def _selected(self, leaf: Operand) -> Selection:
        selection = selected(_selector(leaf), self._things)
        self.names.update(selection.names)
        return selection

    def _windows(self, leaf: Operand) -> list[Range]:
        return windows(self._instants_ms, leaf.window_ms if isinstance(leaf, Increase) else None)

    def _miss(self, expired: set[int] | frozenset[int], resolution: str | None) -> None:
        self.expired |= expired
        if expired and resolution is not None:
            self._resolutions.add(resolution)

    def _spend(self, work: int) -> None:
        self._spent += work
        if self._spent > WORK_MAX:
            raise TooLargeError(
                "query: too many users times instants; name uid or board, widen the step, "
                "or ask for the topk of one instant"
            )


async def _first_rows(
    vector: Vector, metric: Metric, leaf: Operand, count: int
) -> list[EvaluatedSeries]:
    """A row for each of the first of everybody, no more than show that they are too many."""
    found = await first_of(vector, min(count, SERIES_MAX + 1))
    labels = _shown(metric.labels, leaf)
    return [EvaluatedSeries({**labels, "uid": str(uid)}, [value]) for uid, value in found]


def _selector(leaf: Operand) -> Selector:
    return leaf.selector if isinstance(leaf, Increase) else leaf


def _shown(labels: Mapping[str, str], leaf: Operand) -> dict[str, str]:
    """What comes out of a function is no longer the metric that went in."""
    is_metric = isinstance(leaf, Selector)
    return {label: value for label, value in labels.items() if is_metric or label != NAME}


def _check_answer(rows: Sequence[EvaluatedSeries], instants: int) -> None:
    _check_series(len(rows))
    if len(rows) * instants > CELLS_MAX:
        raise TooLargeError(
            f"query: {len(rows)} series of {instants} points, at most {CELLS_MAX} points in all "
            "are allowed; widen the step"
        )


def _check_series(number: int) -> None:
    if number > SERIES_MAX:
        raise TooLargeError(
            f"query: {number} series, at most {SERIES_MAX} are allowed; "
            "name uid or board, or ask for topk or sum"
        )
