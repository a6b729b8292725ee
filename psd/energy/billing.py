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

from collections.abc import Mapping, Sequence

import msgspec

from psd.engine.plan import Range
from psd.errors import TooLargeError
from psd.slices import give_way
from psd.tariffs.cells import CellGroup, PricedCell, price_cells, rated_groups
from psd.tariffs.cost import Bill, Cost, Taken
from psd.tariffs.plans import PricePlan
from psd.tariffs.prices import NO_PRICES, Prices
from psd.zones import DATE_S, beginning_of

PART_S = 183 * DATE_S
"""So much of a plan is cut into cells in one stretch: 2 ms of four rates a day."""

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
    groups: list[CellGroup]
    export_groups: list[CellGroup]

    @property
    def count(self) -> int:
        """How many cells it has."""
        groups = (*self.groups, *self.export_groups)
        return len(self.cells) + sum(len(group.starts) for group in groups)


class CutPlan(msgspec.Struct, frozen=True):
    """The versions of a plan over a range; [``start``, ``begins``) is before its first one."""

    periods: list[PlanPeriod]
    start: int
    begins: int

    def edges(self) -> set[int]:
        """Every second at which something changes."""
        found = {self.start, self.begins}
        for period in self.periods:
            found.update([cell.start for cell in period.cells])
            for group in (*period.groups, *period.export_groups):
                found.update(group.starts)
            found.add(period.end)
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
    """mWh from the beginning of a range up to each of some seconds."""

    upto: Mapping[int, int]

    def taken(self, cells: Sequence[PricedCell], groups: Sequence[CellGroup]) -> list[Taken]:
        """The energy of cells, and of groups of them."""
        upto = self.upto
        at = upto.__getitem__
        return [
            *(
                (cell.rate, cell.price, cell.period, upto[cell.end] - upto[cell.start])
                for cell in cells
            ),
            *(
                (
                    group.rate,
                    None,
                    group.period,
                    sum(map(at, group.ends)) - sum(map(at, group.starts)),
                )
                for group in groups
            ),
        ]

    def between(self, start: int, end: int) -> int:
        """The energy between two of the seconds."""
        return self.upto[end] - self.upto[start]


async def cut(
    versions: Sequence[PricePlan], range_: Range, prices: Mapping[str, Prices], most: int
) -> CutPlan:
    """A plan cut into cells over a range, at most so many, a half-year in one stretch."""
    periods: list[PlanPeriod] = []
    for plan, start, end in periods_of(versions, range_):
        period = PlanPeriod(plan, start, end, [], [], [])
        for opens in range(start, end, PART_S):
            closes = min(opens + PART_S, end)
            if plan.series:
                listed = prices.get(plan.series, NO_PRICES)
                period.cells.extend(price_cells(plan, opens, closes, listed))
            else:
                period.groups.extend(rated_groups(plan, plan.rates, opens, closes))
            if plan.export:
                period.export_groups.extend(rated_groups(plan, plan.export, opens, closes))
            check_number(sum(each.count for each in (*periods, period)), most)
            await give_way()
        periods.append(period)
    begins = periods[0].start if periods else range_.end
    return CutPlan(periods, range_.start, begins)


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


def cost_of_cut(plan: str, cut_plan: CutPlan, taken: EnergyAt, delivered: EnergyAt | None) -> Cost:
    """The bill of a plan over a range."""
    bill = Bill()
    for period in cut_plan.periods:
        energy = taken.taken(period.cells, period.groups)
        bill.add_taken(period.plan, period.start, period.end, energy)
        if period.export_groups and delivered is not None:
            bill.add_delivered(period.plan, delivered.taken((), period.export_groups))
    if cut_plan.start < cut_plan.begins:
        bill.unpriced_mwh += taken.between(cut_plan.start, cut_plan.begins)
    if not cut_plan.periods:
        return Cost(plan, "", 0, (), 0, bill.unpriced_mwh)
    return bill.rounded(cut_plan.periods[-1].plan)


def check_number(cells: int, most: int) -> None:
    """Refuse a question about more changes of price than are worked on at once."""
    if cells > most:
        raise TooLargeError(
            f"range: prices of the plans change over {EDGES_MAX} times together, or {CELLS_MAX} "
            "one by one; ask for less time or fewer plans"
        )
