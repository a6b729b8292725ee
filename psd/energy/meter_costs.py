"""What a meter's energy costs by plans that are kept: reads plans, prices and energy, and bills.

::

    await costs.bill(uid, [eco, agile], Range(2026-01-01, 2027-01-01), region="GB")
    -> MeterBill(costs=[Cost("eco", ...), Cost("agile", ...)], coverage=0.998, carbon_g=412345)

Energy is read once for all plans, by as many buckets as their edges make. Money and energy are
exact until each line is rounded (psd/tariffs/cost.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from psd import arrays
from psd.energy.billing import (
    CELLS_MAX,
    EDGES_MAX,
    CutPlan,
    EnergyAt,
    check_number,
    cost_of_cut,
    cut,
)
from psd.energy.channels import MEASURED, THINGS, Flow, channel_of
from psd.energy.energy_metrics import EnergyMetrics
from psd.energy.known_meters import KnownMeter
from psd.energy.plan_store import KeptPlan
from psd.energy.price_store import PriceStore
from psd.energy.resettling import merged
from psd.energy.settings import EnergySettings
from psd.energy.store import MeterStore
from psd.energy.usage import gaps_between, metered_by
from psd.engine.engine import Engine
from psd.engine.plan import Range
from psd.engine.series import BUCKETS_MAX, BucketQuestion
from psd.errors import UnknownThingError
from psd.measures.money import amount_of
from psd.slices import give_way
from psd.tariffs.cost import Cost
from psd.tariffs.prices import Price, Prices

if TYPE_CHECKING:
    from psd.arrays import Int64s


THREAD_CELLS = 10_000
"""More cells of a plan are billed beside the loop: 10 ms."""


class MeterBill(msgspec.Struct, frozen=True):
    """The costs of plans by position, and of what they are.

    ``mwh`` was taken, ``estimated_mwh`` of it is none that the meter has measured. ``aligned`` says
    of each plan whether its prices change where the meter's intervals end. Of a region carbon is
    grams; ``carbon_unknown_mwh`` has none there.
    """

    costs: list[Cost]
    aligned: list[bool]
    mwh: int
    export_mwh: int
    estimated_mwh: int
    covered_s: int
    carbon_g: int = 0
    carbon_unknown_mwh: int = 0


class Costs:
    """Bills energy of meters; ``things`` are the numbers of those of energy."""

    def __init__(
        self,
        store: MeterStore,
        prices: PriceStore,
        engine: Engine,
        things: dict[str, int],
        settings: EnergySettings,
        metrics: EnergyMetrics,
    ) -> None:
        self._store = store
        self._prices = prices
        self._engine = engine
        self._things = things
        self._cell_s = settings.cell_s
        self._metrics = metrics

    async def bill(
        self,
        uid: int,
        known: KnownMeter,
        plans: Sequence[KeptPlan],
        range_: Range,
        region: str = "",
    ) -> MeterBill:
        """What a meter's energy of a range costs by each plan, by position.

        Raises TooLargeError for more changes of price than are worked on at once, and
        DetailExpiredError where the energy between them is no longer known. 4 trips, one more each
        10,000 changes.
        """
        with self._metrics.cost_seconds.time():
            return await self._bill(uid, known, plans, range_, region)

    async def _bill(
        self, uid: int, known: KnownMeter, plans: Sequence[KeptPlan], range_: Range, region: str
    ) -> MeterBill:
        cut_plans = await self._cut(plans, range_)
        carbon = await self._carbon(region, range_)
        np = arrays.numpy
        whole = [range_.start, range_.end]
        of_carbon = [edge for each in carbon for edge in (each.start, each.end)]
        changes = [each.edges() for each in cut_plans]
        edges = np.unique(np.concatenate([np.array(whole + of_carbon), *changes]))
        check_number(len(edges), EDGES_MAX)
        pays = any(each.has_export for each in cut_plans)
        taken, delivered, estimated_mwh, covered_s = await asyncio.gather(
            self._energy(uid, "import", edges),
            self._energy(uid, "export", edges if pays else np.unique(whole)),
            self._estimated(uid, range_),
            self._covered(uid, known, range_),
        )
        window_s = self._window_s(known)
        costs = []
        for kept, each in zip(plans, cut_plans, strict=True):
            of_cut = partial(
                cost_of_cut, kept.versions[-1], each, taken, delivered if pays else None
            )
            costs.append(await asyncio.to_thread(of_cut) if each.count > THREAD_CELLS else of_cut())
            await give_way()
        emitting = taken.within(carbon)
        grams = sum(each.rate * mwh for each, mwh in zip(carbon, emitting, strict=True))
        mwh = taken.between(range_.start, range_.end)
        return MeterBill(
            costs=costs,
            aligned=[_is_aligned(each, range_, window_s) for each in changes],
            mwh=mwh,
            export_mwh=delivered.between(range_.start, range_.end),
            estimated_mwh=estimated_mwh,
            covered_s=covered_s,
            carbon_g=round(amount_of(grams)),
            carbon_unknown_mwh=mwh - sum(emitting),
        )

    async def _cut(self, plans: Sequence[KeptPlan], range_: Range) -> list[CutPlan]:
        names = {version.series for kept in plans for version in kept.versions} - {""}
        prices: dict[str, Prices] = {}
        for name in sorted(names):
            prices[name] = await self._prices.prices("p", name, range_.start, range_.end)
        found: list[CutPlan] = []
        left = CELLS_MAX
        for kept in plans:
            found.append(await cut(kept.versions, range_, prices, min(left, EDGES_MAX)))
            left -= found[-1].count
        return found

    async def _carbon(self, region: str, range_: Range) -> list[Price]:
        if not region:
            return []
        found = await self._prices.prices("c", region, range_.start, range_.end)
        return found.within(range_.start, range_.end)

    async def _energy(self, uid: int, flow: Flow, edges: Int64s) -> EnergyAt:
        """Energy up to each of some seconds; a trip each 10,000 of them."""
        thing = self._things.get(THINGS[flow])
        if thing is None:
            if flow == "import":
                raise UnknownThingError(f"flow: {THINGS[flow]} is no configured thing")
            return EnergyAt.of(edges, [0] * (len(edges) - 1))
        sums: list[int] = []
        for first in range(0, len(edges) - 1, BUCKETS_MAX):
            bounds = edges[first : first + BUCKETS_MAX + 1].tolist()
            [found] = await self._engine.series([uid], BucketQuestion(thing, bounds))
            sums += found[None].sums
        return EnergyAt.of(edges, sums)

    async def _estimated(self, uid: int, range_: Range) -> int:
        thing = self._things.get(THINGS["import"])
        if thing is None:
            return 0
        question = BucketQuestion(thing, [range_.start, range_.end], by_atid=True)
        [found] = await self._engine.series([uid], question)
        return sum(sum(each.sums) for quality, each in found.items() if quality != MEASURED)

    async def _covered(self, uid: int, known: KnownMeter, range_: Range) -> int:
        channels = metered_by(known, "import")
        runs = await self._store.runs(uid, channels, range_.start, range_.end)
        _, covered_s = gaps_between(merged(runs), range_)
        return covered_s

    def _window_s(self, known: KnownMeter) -> int:
        """The longest window in which energy that is taken was ever booked."""
        own = [name for name in known.kinds if channel_of(name).flow == "import"]
        return max([known.longest_s.get(name, self._cell_s) for name in own], default=1)


def _is_aligned(changes: Int64s, range_: Range, window_s: int) -> bool:
    """Whether prices change where windows of so many seconds end."""
    is_edge = (changes == range_.start) | (changes == range_.end)
    return not (changes[~is_edge] % window_s).any()
