"""What energy of a meter costs by plans: cells of each, one series for all of them, pure sums.

::

    20 plans, a year     -> 20 lists of cells, whose edges together are 2,200 seconds
    engine.series        -> energy between these, 10,000 buckets a call
    of each plan         -> its cells' energy, by what is added up before its edges

A version of a plan has the part of the range from its ``valid_from`` to that of the next one.
Before the first one there is no plan, and energy has no price. What is pure lives here; whose plans
and energy they are is in psd/energy/meter_costs.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from psd import arrays
from psd.engine.plan import Range
from psd.errors import TooLargeError
from psd.slices import give_way
from psd.tariffs.cells import PricedCell, price_cells
from psd.tariffs.cost import Bill, Cost, Taken
from psd.tariffs.plans import PricePlan
from psd.tariffs.prices import NO_PRICES, Price, Prices
from psd.tariffs.timetables import CellGroups, Timetable
from psd.zones import DATE_S, beginning_of

if TYPE_CHECKING:
    from psd.arrays import Int64s

PART_S = 366 * DATE_S
"""So much of a plan is cut into cells in one stretch: 1 ms of four rates a day, 0.7 of one whose
timetable is known. Parts end at whole multiples of it, where also intervals of meters end."""

CELLS_MAX = 400_000
"""Of all plans one by one: 200 plans of four rates over a year."""

EDGES_MAX = 60_000
"""Of all plans of a question together: half-hours of 3 years. More take a second of Redis."""


class PlanPeriod(msgspec.Struct, frozen=True):
    """A version of a plan, and the part of a range that it is for.

    It has groups of cells where its rates say the price, and cells where a series does.
    """

    plan: PricePlan
    start: int
    end: int
    cells: list[PricedCell]
    groups: list[CellGroups]
    export_groups: list[CellGroups]

    @property
    def count(self) -> int:
        """How many cells it has."""
        groups = (*self.groups, *self.export_groups)
        return len(self.cells) + sum(len(each.starts) for each in groups)

    def edges(self) -> list[Int64s]:
        """Every second at which something changes, and its end."""
        starts = arrays.numpy.array([*(cell.start for cell in self.cells), self.end])
        return [starts, *(each.starts for each in (*self.groups, *self.export_groups))]


class CutPlan(msgspec.Struct, frozen=True):
    """The versions of a plan over a range; [``start``, ``begins``) is before its first one."""

    periods: list[PlanPeriod]
    start: int
    begins: int

    def edges(self) -> Int64s:
        """Every second at which something changes, some of them more than once."""
        np = arrays.numpy
        own = [each for period in self.periods for each in period.edges()]
        found: Int64s = np.concatenate([np.array([self.start, self.begins]), *own])
        return found

    @property
    def count(self) -> int:
        """How many cells it has."""
        return sum(period.count for period in self.periods)

    @property
    def has_export(self) -> bool:
        """Whether it pays for what is delivered."""
        return any(period.export_groups for period in self.periods)


class EnergyAt(msgspec.Struct, frozen=True):
    """mWh from the beginning of a range up to each of some seconds, which are in order."""

    seconds: Int64s
    upto: Int64s

    @classmethod
    def of(cls, seconds: Int64s, sums: Sequence[int]) -> EnergyAt:
        """By the energy between the seconds."""
        np = arrays.numpy
        return cls(seconds, np.concatenate(([0], np.cumsum(np.array(sums, dtype="int64")))))

    def taken(self, cells: Sequence[PricedCell], groups: Sequence[CellGroups]) -> list[Taken]:
        """The energy of cells, and of groups of them."""
        edges = [second for cell in cells for second in (cell.start, cell.end)]
        upto = self._at(arrays.numpy.array(edges, dtype="int64")).tolist()
        found: list[Taken] = [
            (cell.rate, cell.price, cell.period, ends - starts)
            for cell, starts, ends in zip(cells, upto[::2], upto[1::2], strict=True)
        ]
        for each in groups:
            mwh = self._at(each.ends) - self._at(each.starts)
            sums = arrays.numpy.add.reduceat(mwh, each.firsts).tolist()
            found += [
                (rate, None, period, sum_mwh)
                for (rate, period), sum_mwh in zip(each.keys, sums, strict=True)
            ]
        return found

    def between(self, start: int, end: int) -> int:
        """The energy between two of the seconds."""
        first, last = self._at(arrays.numpy.array([start, end])).tolist()
        return int(last - first)

    def within(self, prices: Sequence[Price]) -> list[int]:
        """The energy between the seconds of each of many."""
        edges = [second for each in prices for second in (each.start, each.end)]
        upto = self._at(arrays.numpy.array(edges, dtype="int64"))
        found: list[int] = (upto[1::2] - upto[::2]).tolist()
        return found

    def _at(self, seconds: Int64s) -> Int64s:
        found: Int64s = self.upto[self.seconds.searchsorted(seconds)]
        return found


async def cut(
    versions: Sequence[PricePlan], range_: Range, prices: Mapping[str, Prices], most: int
) -> CutPlan:
    """A plan cut into cells over a range, at most so many, a year in one stretch."""
    periods: list[PlanPeriod] = []
    for plan, start, end in periods_of(versions, range_):
        period = PlanPeriod(plan, start, end, [], [], [])
        for opens, closes in _parts(start, end):
            if plan.series:
                listed = prices.get(plan.series, NO_PRICES)
                period.cells.extend(price_cells(plan, opens, closes, listed))
            else:
                period.groups.append(Timetable.of(plan, plan.rates).groups(opens, closes))
            if plan.export:
                period.export_groups.append(Timetable.of(plan, plan.export).groups(opens, closes))
            check_number(sum(each.count for each in (*periods, period)), most)
            await give_way()
        periods.append(period)
    begins = periods[0].start if periods else range_.end
    return CutPlan(periods, range_.start, begins)


def _parts(start: int, end: int) -> Iterator[tuple[int, int]]:
    """A range cut at whole multiples of PART_S."""
    opens = start
    while opens < end:
        closes = min(opens // PART_S * PART_S + PART_S, end)
        yield opens, closes
        opens = closes


def periods_of(versions: Sequence[PricePlan], range_: Range) -> list[tuple[PricePlan, int, int]]:
    """Versions and the parts of a range that they are for, in order."""
    opens = [
        range_.start
        if each.valid_from is None
        else max(beginning_of(each.valid_from, each.zone), range_.start)
        for each in versions
    ]
    closes = [min(second, range_.end) for second in [*opens[1:], range_.end]]
    return [
        (plan, start, end)
        for plan, start, end in zip(versions, opens, closes, strict=True)
        if start < end
    ]


def cost_of_cut(
    newest: PricePlan, cut_plan: CutPlan, taken: EnergyAt, delivered: EnergyAt | None
) -> Cost:
    """The bill of a plan over a range, in the money of its newest version, as all have it."""
    bill = Bill()
    for period in cut_plan.periods:
        energy = taken.taken(period.cells, period.groups)
        bill.add_taken(period.plan, period.start, period.end, energy)
        if period.export_groups and delivered is not None:
            bill.add_delivered(period.plan, delivered.taken((), period.export_groups))
    if cut_plan.start < cut_plan.begins:
        bill.unpriced_mwh += taken.between(cut_plan.start, cut_plan.begins)
    return bill.rounded(newest)


def check_number(cells: int, most: int) -> None:
    """Refuse a question about more changes of price than are worked on at once."""
    if cells > most:
        raise TooLargeError(
            f"range: prices of the plans change over {EDGES_MAX} times together, or {CELLS_MAX} "
            "one by one; ask for less time or fewer plans"
        )
