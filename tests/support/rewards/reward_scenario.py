"""A fleet on real servers with the oracle beside it: what was sent to both, and what each says.

>>> await scenario.publish(scenario.fleet.week(0))     # NSQ, worker, Redis; and the oracle
>>> await scenario.calculate(0, 0)                     # the job; and the oracle
>>> await scenario.agrees()                            # every row, every share, every state
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from psd.clock import ManualClock
from psd.rewards.part import RewardsPart
from psd.rewards.rows import Row, Why
from psd.rewards.settings import RewardsSettings
from psd.rewards.sources.choice import open_sources
from psd.rewards.week_results import WeekResult
from psd.runtime import Runtime
from tests.support.processes.rewards_process import killed_at, rewards
from tests.support.processes.worker_stack import WorkerStack
from tests.support.rewards.reward_fleet import Fleet, messages_of
from tests.support.rewards.reward_model import (
    ModelRow,
    Overriding,
    RewardModel,
    Sent,
    pool_of_week,
)
from tests.support.waiting import wait_until

BITS = {1: "Smartcar", 2: "Tesla", 3: "AutoPi"}

Visible = dict[int, dict[int, tuple[ModelRow, int]]]
"""By week and vehicle: the row and its wei."""


@dataclass
class Scenario:
    """The servers with what was sent to them, and the oracle that knows nothing but that."""

    stack: WorkerStack
    folder: Path
    clock: ManualClock
    seed: int
    model: RewardModel = field(default_factory=RewardModel)

    paid: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.fleet = Fleet(self.seed)
        self._draw = random.Random(self.seed)
        self.heir = self.fleet.owners[0]
        self.barred = self.fleet.owners[-1]

    def special(self, name: str) -> int:
        """The number of one of the fleet's special vehicles."""
        return self.fleet.special[name]

    def owner_of(self) -> dict[int, str]:
        """By vehicle."""
        owners = self.model.owners()
        return {vehicle: owner for owner, vehicles in owners.items() for vehicle in vehicles}

    @property
    def runtime(self) -> Runtime:
        return self.stack.runtime

    @property
    def vehicles(self) -> list[int]:
        """Every vehicle of which anything was ever sent."""
        return sorted({each.vehicle for each in self.model.sent})

    async def publish(self, events: Iterable[Sent]) -> None:
        """Send events through NSQ; returns when the worker has booked them."""
        sent = list(events)
        self.model.send(sent)
        await self.publish_bytes(messages_of(sent, self._draw))

    async def publish_bytes(self, messages: list[bytes]) -> None:
        assert self.stack.nsqd is not None
        self.stack.nsqd.publish(self.stack.settings.queue.topic, messages)
        await wait_until("everything is booked", self.stack.drained)

    async def override(self, made: Overriding) -> None:
        self.model.send([made])
        where = ("--week", str(made.week), "--streak", str(made.streak))
        await self.run("override", "set", str(made.vehicle), *where, "--note", "case 981")

    async def calculate(self, first: int, last: int, *, week: int | None = None) -> bool:
        """Compute in this process; the weeks must be these. Whether it continued another run."""
        runtime = self.runtime
        signals = runtime.settings.things["signals"].id
        settings, tables = runtime.settings.of(RewardsSettings), runtime.part(RewardsPart).tables
        sources = open_sources((), settings, runtime.engine, signals, tables)
        report = await runtime.part(RewardsPart).job.calculate(tables, sources, week)
        assert [each.week for each in report.results] == list(range(first, last + 1))
        self.model.calculate(first, last)
        return report.continued

    async def run(self, *arguments: str) -> str:
        return (await rewards(self.stack, self.folder, *arguments)).stdout

    async def visible(self) -> Visible:
        """What readers see."""
        results, rows = await self.runtime.part(RewardsPart).results.rows_of(self.vehicles)
        found: Visible = {week: {} for week in results}
        for vehicle, weeks in rows.items():
            for week, row in weeks.items():
                found[week][vehicle] = model_row(row), results[week].tokens(row)
        return found

    def expected(self) -> Visible:
        """What the oracle says that they must see."""
        found: Visible = {}
        for week, rows in self.model.weeks.items():
            shares = self.model.shares(week)
            found[week] = {vehicle: (row, shares[vehicle]) for vehicle, row in rows.items()}
        return found

    async def agrees(self) -> None:
        """Every row, share and week is as the oracle has it."""
        assert await self.visible() == self.expected()
        results = await self.runtime.part(RewardsPart).results.results()
        statuses = await self.runtime.part(RewardsPart).results.statuses()
        shards = await self.runtime.part(RewardsPart).registry.shards()
        for week, rows in self.model.weeks.items():
            assert statuses[week].status == "Finished"
            assert_totals(results[week], list(rows.values()))
            stored = [
                row
                async for page in self.runtime.part(RewardsPart).results.rows(results[week], shards)
                for row in page
            ]
            assert sorted(row.vehicle for row in stored) == sorted(rows)

    async def survives_a_kill(self, place: str, week: int, *, is_visible: bool = False) -> None:
        """Kill the computation of a week there; readers see all of the old, or all of the new."""
        before = await self.visible()
        await killed_at(place, self.stack, self.folder, "calculate", str(week))
        statuses = await self.runtime.part(RewardsPart).results.statuses()
        if is_visible:
            last = max(week, *self.model.weeks)
            self.model.calculate(week, last)
            await self.agrees()
        else:
            assert await self.visible() == before
            assert statuses[week].status == "Started"


def model_row(row: Row) -> ModelRow:
    """A row of psd in the words of the oracle."""
    why = Why(row.why)
    return ModelRow(
        vehicle=row.vehicle,
        streak=row.connection_streak,
        off=row.disconnection_streak,
        integrations=frozenset(name for bit, name in BITS.items() if row.active >> bit & 1),
        integration_points=row.integration_points,
        streak_points=row.streak_points,
        earned_points=row.earned_points,
        connected=Why.CONNECTED in why,
        in_streak=Why.STREAK in why,
        vin_taken=Why.VIN_TAKEN in why,
        forbidden=Why.FORBIDDEN in why,
        unpaired=Why.UNPAIRED in why,
        overridden=Why.OVERRIDDEN in why,
    )


def assert_totals(result: WeekResult, rows: list[ModelRow]) -> None:
    connected = [row for row in rows if row.connected]
    levels = [sum(row.level == level for row in connected) for level in (1, 2, 3, 4)]
    assert (result.rows, result.connected) == (len(rows), len(connected))
    assert (result.points, result.levels) == (sum(row.points for row in rows), levels)
    assert result.distributed == pool_of_week(result.week)
