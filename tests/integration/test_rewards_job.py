"""The weekly job: cascades, reruns, trials; what people decide survives all of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from psd.engine.plan import Range
from psd.errors import (
    OrderError,
)
from psd.rewards.decisions import Payout
from psd.rewards.part import RewardsPart
from psd.rewards.participants import RunSources
from psd.rewards.payouts import payout_rows, record_receipts
from psd.rewards.receipts import read_receipts
from psd.rewards.rows import Why
from psd.rewards.shards import shard_of
from psd.rewards.tables import load_tables
from psd.rewards.weeks import bounds
from tests.support.rewards.reward_job import Fleet, fleet_on, three_weeks
from tests.support.servers.redis_server import RedisServer


@pytest.fixture
async def fleet(redis_server: RedisServer) -> AsyncIterator[Fleet]:
    redis_server.empty()
    async with fleet_on(redis_server.url) as fleet:
        yield fleet


async def test_a_week_is_computed_from_the_buckets(fleet: Fleet) -> None:
    await three_weeks(fleet)
    first, second = await fleet.row(2, 1), await fleet.row(2, 2)
    assert (first.connection_streak, first.points) == (3, 1000)
    assert (second.connection_streak, second.disconnection_streak, second.points) == (2, 0, 4000)
    assert (await fleet.row(1, 2)).disconnection_streak == 1
    result = await fleet.psd.part(RewardsPart).results.result(2)
    assert result is not None
    assert (result.rows, result.connected, result.points, result.levels) == (
        2,
        2,
        5000,
        [2, 0, 0, 0],
    )
    assert sum((await fleet.tokens(2)).values()) == 1_105_000 * 10**18
    assert [
        (await fleet.psd.part(RewardsPart).results.statuses())[week].status for week in range(3)
    ] == ["Finished"] * 3


async def test_a_second_run_changes_nothing_but_the_generation(fleet: Fleet) -> None:
    await three_weeks(fleet)
    before = [await fleet.rows(week) for week in range(3)]
    tokens = await fleet.tokens(1)
    report = await fleet.calculate(0)
    assert [result.week for result in report.results] == [0, 1, 2]
    assert [await fleet.rows(week) for week in range(3)] == before
    assert await fleet.tokens(1) == tokens


async def test_late_activity_marks_its_week_and_the_next_run_cascades(fleet: Fleet) -> None:
    await three_weeks(fleet)
    await fleet.drive(1, 2, "Tesla")
    assert await fleet.psd.part(RewardsPart).results.dirty() == {1: 1}
    assert (await fleet.row(2, 2)).connection_streak == 2
    await fleet.drive(3, 1, "Smartcar")
    report = await fleet.calculate(3)
    assert [result.week for result in report.results] == [1, 2, 3]
    assert (await fleet.row(2, 2)).connection_streak == 3
    assert await fleet.psd.part(RewardsPart).results.dirty() == {}


async def test_activity_of_a_week_that_nobody_has_read_marks_nothing(fleet: Fleet) -> None:
    await three_weeks(fleet)
    await fleet.drive(3, 1, "Smartcar")
    assert await fleet.psd.part(RewardsPart).results.dirty() == {}


async def test_what_comes_while_a_week_is_computed_stays_marked(fleet: Fleet) -> None:
    await fleet.drive(0, 1, "Smartcar")

    class LateSource:
        """Psd's buckets, and an event that comes right after they were read."""

        name = "redis"

        def __init__(self) -> None:
            self.begin = fleet.sources.activity.begin
            self.shards = fleet.sources.activity.shards
            self.close = fleet.sources.activity.close

        async def active(self, shard: int, vehicles: list[int]) -> dict[int, int]:
            found = await fleet.sources.activity.active(shard, vehicles)
            await fleet.drive(0, 1, "AutoPi")
            return found

    job = fleet.psd.part(RewardsPart).job
    await job.calculate(fleet.psd.part(RewardsPart).tables, RunSources(LateSource()), 0)
    assert (await fleet.row(0, 1)).integration_points == 1000
    assert await fleet.psd.part(RewardsPart).results.dirty() == {0: 1}
    await fleet.calculate(0)
    assert (await fleet.row(0, 1)).integration_points == 7000
    assert await fleet.psd.part(RewardsPart).results.dirty() == {}


async def test_an_override_sets_the_streak_and_what_follows_from_it(fleet: Fleet) -> None:
    await three_weeks(fleet)
    await fleet.psd.part(RewardsPart).ledger.override(1, 1, 19, "support case", "ann")
    assert await fleet.psd.part(RewardsPart).results.dirty() == {1: 1}
    await fleet.calculate(2)
    assert (await fleet.row(1, 1)).connection_streak == 19
    assert (await fleet.row(1, 1)).why & Why.OVERRIDDEN
    assert (await fleet.row(2, 1)).streak_points == 2000
    await fleet.psd.part(RewardsPart).ledger.drop_override(1, 1)
    await fleet.calculate(2)
    assert (await fleet.row(2, 1)).connection_streak == 3


async def test_earnings_are_points_of_their_week_and_corrections_take_some_back(
    fleet: Fleet,
) -> None:
    await fleet.drive(0, 1, "Smartcar")
    await fleet.earn(0, 1, 500)
    await fleet.earn(0, 2, 300)
    await fleet.calculate(0)
    assert (await fleet.row(0, 1)).points == 1500
    assert (await fleet.row(0, 2)).points == 300
    await fleet.earn(0, 1, -1200, "corrections")
    assert await fleet.psd.part(RewardsPart).results.dirty() == {0: 1}
    await fleet.calculate(0)
    assert (await fleet.row(0, 1)).points == 300
    assert sum((await fleet.tokens(0)).values()) == 1_105_000 * 10**18


async def test_one_vin_earns_once_and_the_other_vehicle_is_not_punished(fleet: Fleet) -> None:
    for vehicle, minted_at in ((1, 1_600_000_000), (2, 1_620_000_000)):
        await fleet.send("vehicle", vehicle=vehicle, vin="WVW1", minted_at=minted_at)
    await fleet.drive(0, 1, "Tesla")
    await fleet.calculate(0)
    for vehicle in (1, 2):
        await fleet.drive(1, vehicle, "Tesla")
    await fleet.calculate(1)
    loser = await fleet.row(1, 1)
    assert (loser.points, loser.connection_streak, loser.disconnection_streak) == (0, 1, 0)
    assert loser.why & Why.VIN_TAKEN
    assert (await fleet.row(1, 2)).points == 4000
    await fleet.drive(2, 1, "Tesla")
    await fleet.calculate(2)
    assert (await fleet.row(2, 1)).connection_streak == 2


class OwnSource:
    """A source that knows vehicles which psd's registry does not; active in week 0 alone."""

    name = "elsewhere"

    def __init__(self, vehicles: list[int]) -> None:
        self._vehicles = vehicles
        self._week = bounds(0)

    async def begin(self, week: Range) -> None:
        self._week = week

    def shards(self) -> frozenset[int]:
        active = self._vehicles if self._week == bounds(0) else []
        return frozenset(shard_of(vehicle) for vehicle in active)

    async def active(self, shard: int, _vehicles: Sequence[int]) -> dict[int, int]:
        if shard not in self.shards():
            return {}
        return {vehicle: 4 for vehicle in self._vehicles if shard_of(vehicle) == shard}

    async def close(self) -> None:
        """Nothing is open."""


async def test_a_vehicle_that_only_a_source_knows_keeps_its_streak_and_is_exported(
    fleet: Fleet,
) -> None:
    job, sources = fleet.psd.part(RewardsPart).job, RunSources(OwnSource([7]))
    trial = await job.trial(fleet.psd.part(RewardsPart).tables, sources, range(2))
    assert [each.after.rows for each in trial] == [1, 1]
    assert await fleet.psd.part(RewardsPart).registry.shards() == []
    for week in range(2):
        await job.calculate(fleet.psd.part(RewardsPart).tables, sources, week)
    assert (await fleet.row(1, 7)).disconnection_streak == 1
    result = await fleet.psd.part(RewardsPart).results.result(0)
    assert result is not None
    rows = payout_rows(
        fleet.psd.part(RewardsPart).results,
        fleet.psd.part(RewardsPart).ledger,
        fleet.psd.part(RewardsPart).registry,
        result,
    )
    assert [row.vehicle async for row in rows] == [7]


async def test_an_override_counts_for_a_vehicle_that_nobody_knows(fleet: Fleet) -> None:
    await fleet.psd.part(RewardsPart).ledger.override(0, 9, 5, "moved from elsewhere", "ann")
    await fleet.calculate(0)
    assert (await fleet.row(0, 9)).connection_streak == 5


async def test_only_paired_integrations_of_vehicles_that_may_earn_count(fleet: Fleet) -> None:
    await fleet.send("vehicle", vehicle=1, integrations=["Smartcar"])
    await fleet.send("vehicle", vehicle=2, opted_in=False)
    await fleet.drive(0, 1, "Smartcar")
    await fleet.drive(0, 1, "AutoPi")
    await fleet.drive(0, 2, "AutoPi")
    await fleet.drive(0, 3, "AutoPi")
    await fleet.calculate(0)
    assert {vehicle: row.points for vehicle, row in (await fleet.rows(0)).items()} == {
        1: 1000,
        3: 6000,
    }


async def test_a_missing_week_is_never_assumed_empty(fleet: Fleet) -> None:
    with pytest.raises(OrderError, match="--from 0"):
        await fleet.calculate(3)
    await three_weeks(fleet)
    with pytest.raises(OrderError, match="--from 3"):
        await fleet.calculate(5)
    report = await fleet.calculate(5, start=3)
    assert [result.week for result in report.results] == [3, 4, 5]
    assert (await fleet.row(5, 1)).disconnection_streak == 3


async def test_a_week_without_anybody_is_computed_too(fleet: Fleet) -> None:
    report = await fleet.calculate(0)
    assert (report.results[0].rows, report.results[0].distributed) == (0, 0)


async def test_a_trial_shows_the_difference_and_writes_nothing(fleet: Fleet) -> None:
    await three_weeks(fleet)
    await fleet.drive(1, 2, "Tesla")
    client = fleet.psd.store.client
    before = {key: await client.dump(key) async for key in client.scan_iter()}
    weeks = await fleet.psd.part(RewardsPart).job.weeks_of_calculate(2, None)
    first, second = await fleet.psd.part(RewardsPart).job.trial(
        fleet.psd.part(RewardsPart).tables, fleet.sources, weeks
    )
    assert first.before is not None
    assert (first.rows_changed, first.after.points - first.before.points) == (1, 4000)
    assert first.tokens_gained == first.tokens_lost == 884_000 * 10**18
    change = second.examples[0]
    assert change.before is not None
    assert change.after is not None
    assert (change.before.connection_streak, change.after.connection_streak) == (2, 3)
    assert {key: await client.dump(key) async for key in client.scan_iter()} == before
    await fleet.calculate(2)
    again = await fleet.psd.part(RewardsPart).job.trial(
        fleet.psd.part(RewardsPart).tables, fleet.sources, weeks
    )
    assert all(each.is_empty for each in again)


async def test_other_tables_are_tried_on_real_weeks(fleet: Fleet, tmp_path: Path) -> None:
    await three_weeks(fleet)
    tables = load_tables()
    generous = msgspec.structs.replace(
        tables,
        version="generous",
        integrations=tuple(
            msgspec.structs.replace(each, points=each.points * 2) for each in tables.integrations
        ),
    )
    weeks = await fleet.psd.part(RewardsPart).job.weeks_of_what_if(1, 2)
    found = await fleet.psd.part(RewardsPart).job.trial(generous, fleet.sources, weeks)
    assert [each.after.points for each in found] == [2000, 10_000]
    assert [each.after.version for each in found] == ["generous"] * 2
    assert (await fleet.row(2, 2)).points == 4000


async def test_payouts_survive_a_computation_and_the_rest_stays_due(fleet: Fleet) -> None:
    await three_weeks(fleet)
    await fleet.send("vehicle", vehicle=1, owner="0x" + "Ab" * 20)
    await fleet.send("vehicle", vehicle=2, owner="bob")
    result = await fleet.psd.part(RewardsPart).results.result(2)
    assert result is not None
    paid = (await fleet.tokens(2))[1]
    receipts = read_receipts([f"vehicle,tokens,request\n1,{paid},r-1".encode()], 2)
    held = (
        fleet.psd.part(RewardsPart).results,
        fleet.psd.part(RewardsPart).ledger,
        fleet.psd.part(RewardsPart).registry,
    )
    assert await record_receipts(*held, 2, receipts, 1_700_000_000) == 1
    await fleet.psd.part(RewardsPart).ledger.bar("bob", "stolen", "ann")
    await fleet.earn(2, 1, 5000)
    await fleet.calculate(2)
    result = await fleet.psd.part(RewardsPart).results.result(2)
    assert result is not None
    rewards, ledger, registry = (
        fleet.psd.part(RewardsPart).results,
        fleet.psd.part(RewardsPart).ledger,
        fleet.psd.part(RewardsPart).registry,
    )
    rows = {row.vehicle: row async for row in payout_rows(rewards, ledger, registry, result)}
    share = (await fleet.tokens(2))[1]
    assert share > paid
    assert (rows[1].paid, rows[1].due, rows[1].request) == (str(paid), str(share - paid), "r-1")
    assert (rows[2].due, rows[2].barred, rows[2].tokens) == (
        "0",
        "stolen",
        str((await fleet.tokens(2))[2]),
    )
    assert await ledger.payouts([1, 2], 2) == {1: Payout(2, 1, str(paid), "r-1", 1_700_000_000)}


async def test_the_time_of_every_script_that_ran_is_measured(fleet: Fleet) -> None:
    await three_weeks(fleet)
    await fleet.psd.part(RewardsPart).results.rows_of([1])
    counted = {
        sample.labels["script"]
        for family in fleet.psd.metrics.script_seconds.collect()
        for sample in family.samples
        if sample.name.endswith("_count") and sample.value
    }
    assert {"engine.book", "engine.sum", "rewards.publish", "rewards.hold_lock"} <= counted
    assert "rewards.rows" in counted
