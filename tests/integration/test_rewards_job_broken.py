"""The weekly job when something breaks: sources, the store, a kill, a second run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from psd.errors import (
    DetailExpiredError,
    OutOfBoundsError,
    RunInProgressError,
    ShapeError,
    SourceUnavailableError,
    StoreError,
    StoreUnavailableError,
)
from psd.rewards import computation
from psd.rewards.domain import FAILPOINTS
from psd.rewards.keys import rewards_key, rows_key
from psd.rewards.lock import JobLock
from psd.rewards.part import RewardsPart
from psd.rewards.participants import RunSources
from psd.rewards.shards import shard_of
from psd.store.keys import kind_of
from tests.support.engine import forget
from tests.support.processes.forked import psd_ended
from tests.support.rewards.reward_job import Fleet, fleet_on, three_weeks
from tests.support.servers.redis_server import RedisServer

SIGKILLED = -9


@pytest.fixture
async def fleet(redis_server: RedisServer) -> AsyncIterator[Fleet]:
    redis_server.empty()
    async with fleet_on(redis_server.url) as fleet:
        yield fleet


def calculate_process(
    redis_url: str, *arguments: str, failpoint: str = ""
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PSD_REDIS_URL": redis_url, "PSD_REDIS_DURABILITY": "fast"}
    if failpoint:
        environment["PSD_FAILPOINT"] = failpoint
    return psd_ended(["rewards", "calculate", *arguments], Path.cwd(), environment)


async def test_a_source_that_fails_leaves_the_week_failed_and_the_old_result_visible(
    fleet: Fleet,
) -> None:
    await three_weeks(fleet)

    class AwaySource:
        """Answers nothing."""

        name = "away"
        shards = fleet.sources.activity.shards
        close = fleet.sources.activity.close
        begin = fleet.sources.activity.begin

        async def active(self, _shard: int, _vehicles: list[int]) -> dict[int, int]:
            raise SourceUnavailableError("elasticsearch: no answer")

    before = await fleet.rows(2)
    job = fleet.psd.part(RewardsPart).job
    with pytest.raises(SourceUnavailableError):
        await job.calculate(fleet.psd.part(RewardsPart).tables, RunSources(AwaySource()), 2)
    status = (await fleet.psd.part(RewardsPart).results.statuses())[2]
    assert (status.status, status.reason) == ("Failed", "elasticsearch: no answer")
    assert await fleet.rows(2) == before
    await fleet.calculate(2)
    assert (await fleet.psd.part(RewardsPart).results.statuses())[2].status == "Finished"


async def test_a_shard_is_tried_again_when_the_store_stalls(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(computation, "WAITS_S", (0.0, 0.0))
    await fleet.drive(0, 1, "Smartcar")
    failures = 2

    class Stalling:
        """Psd's buckets, which do not answer at first."""

        name = "redis"
        shards = fleet.sources.activity.shards
        close = fleet.sources.activity.close
        begin = fleet.sources.activity.begin

        async def active(self, shard: int, vehicles: list[int]) -> dict[int, int]:
            nonlocal failures
            if failures:
                failures -= 1
                raise StoreUnavailableError("redis: no answer within 1.5 s")
            return await fleet.sources.activity.active(shard, vehicles)

    await fleet.psd.part(RewardsPart).job.calculate(
        fleet.psd.part(RewardsPart).tables, RunSources(Stalling()), 0
    )
    assert (await fleet.row(0, 1)).points == 1000
    failures = 3
    with pytest.raises(StoreUnavailableError):
        await fleet.psd.part(RewardsPart).job.calculate(
            fleet.psd.part(RewardsPart).tables, RunSources(Stalling()), 0
        )


async def test_points_past_what_a_row_holds_fail_the_week_and_name_the_vehicle(
    fleet: Fleet,
) -> None:
    for number in range(3):
        await fleet.earn(0, 1, 2**31 - 2 - number)
    with pytest.raises(OutOfBoundsError, match="vehicle 1"):
        await fleet.calculate(0)
    assert (await fleet.psd.part(RewardsPart).results.statuses())[0].status == "Failed"


async def test_rows_that_the_store_has_lost_are_noticed(fleet: Fleet) -> None:
    await three_weeks(fleet)
    result = await fleet.psd.part(RewardsPart).results.result(2)
    assert result is not None
    await fleet.psd.store.client.delete(rows_key(shard_of(1), 2, result.generation))
    with pytest.raises(ShapeError, match="1 of its 2 rows"):
        await fleet.rows(2)
    with pytest.raises(ShapeError, match="compute it again"):
        await fleet.calculate(3)
    await fleet.calculate(2)
    await fleet.calculate(3)


async def test_two_runs_cannot_collide(fleet: Fleet, redis_server: RedisServer) -> None:
    await fleet.drive(0, 1, "Smartcar")
    async with JobLock(fleet.psd.store).held():
        with pytest.raises(RunInProgressError, match=f"process {os.getpid()}"):
            await fleet.calculate(0)
        done = calculate_process(redis_server.url, "0")
        assert done.returncode == 75, done.stderr
        assert "computes just now" in done.stderr
    await fleet.calculate(0)


async def test_a_run_that_was_overtaken_publishes_nothing(fleet: Fleet) -> None:
    await three_weeks(fleet)
    await fleet.drive(2, 2, "AutoPi")

    class Overtaken:
        """Psd's buckets; while they are read, the lock goes to another run."""

        name = "redis"
        shards = fleet.sources.activity.shards
        close = fleet.sources.activity.close
        begin = fleet.sources.activity.begin

        async def active(self, shard: int, vehicles: list[int]) -> dict[int, int]:
            await fleet.psd.store.client.set(rewards_key("lock"), '{"host":"b","pid":1,"mark":"x"}')
            return await fleet.sources.activity.active(shard, vehicles)

    before = await fleet.rows(2)
    job = fleet.psd.part(RewardsPart).job
    with pytest.raises(RunInProgressError, match="nothing of this one is visible"):
        await job.calculate(fleet.psd.part(RewardsPart).tables, RunSources(Overtaken()), 2)
    assert await fleet.rows(2) == before
    assert await fleet.psd.store.client.get(rewards_key("lock")) is not None


@pytest.mark.parametrize("place", [*FAILPOINTS, "rewards_staged:2"])
async def test_a_run_killed_anywhere_is_continued_and_readers_see_whole_weeks(
    fleet: Fleet, redis_server: RedisServer, place: str
) -> None:
    await three_weeks(fleet)
    await fleet.drive(1, 2, "Tesla")
    await fleet.drive(3, 1, "AutoPi")
    old = [await fleet.rows(week) for week in range(3)]
    killed = calculate_process(redis_server.url, "3", failpoint=place)
    assert killed.returncode == SIGKILLED, killed.stderr
    seen = [await fleet.rows(week) for week in range(4)]
    if place == "rewards_published":
        assert seen[1] != old[1]
        assert seen[3]
    else:
        assert seen == [*old, {}]
        assert (await fleet.psd.part(RewardsPart).results.statuses())[3].status == "Started"
    done = calculate_process(redis_server.url, "3")
    assert done.returncode == 0, done.stderr
    assert ("was continued" in done.stdout) == (place != "rewards_published")
    assert (await fleet.row(2, 2)).connection_streak == 3
    assert (await fleet.row(3, 1)).points == 6000 + 1000
    assert await fleet.psd.part(RewardsPart).results.dirty() == {}
    await check_that_nothing_is_left(fleet)


async def check_that_nothing_is_left(fleet: Fleet) -> None:
    """Rows that no visible week names have an end, and every key is one that psd knows."""
    visible = {
        f":{week}:{result.generation}"
        for week, result in (await fleet.psd.part(RewardsPart).results.results()).items()
    }
    client = fleet.psd.store.client
    async for key in client.scan_iter():
        name = key.decode()
        kind = kind_of(name)
        assert kind is not None, name
        if kind.name in {"reward rows", "longest streaks"}:
            is_visible = any(name.endswith(each) for each in visible)
            assert is_visible == (await client.ttl(key) == -1), name
        assert kind.name not in {"run", "job lock", "garbage"}, name


async def test_a_killed_run_begins_anew_when_activity_has_come_since(
    fleet: Fleet, redis_server: RedisServer
) -> None:
    await three_weeks(fleet)
    killed = calculate_process(redis_server.url, "2", failpoint="rewards_publish")
    assert killed.returncode == SIGKILLED
    await fleet.drive(2, 1, "AutoPi")
    done = calculate_process(redis_server.url, "2")
    assert "continued" not in done.stdout
    assert (await fleet.row(2, 1)).integration_points == 7000
    await check_that_nothing_is_left(fleet)


async def test_a_store_that_loses_a_script_or_holds_a_foreign_key_says_so(fleet: Fleet) -> None:
    await fleet.drive(0, 1, "Smartcar")
    await fleet.psd.store.client.set(rewards_key("weeks"), "foreign")
    with pytest.raises(StoreError, match="WRONGTYPE"):
        await fleet.calculate(0)


@pytest.mark.parametrize(
    "gone",
    [
        ("week",),
        ("second", "activity"),
        ("second", "activity", "day"),
        ("week", "second", "activity"),
        ("week", "second", "activity", "day"),
        ("week", "second", "activity", "day", "month"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("thing", ["activity", "earnings"])
async def test_a_week_whose_detail_has_expired_is_exact_or_fails_and_is_never_less(
    redis_server: RedisServer, gone: tuple[str, ...], thing: str
) -> None:
    redis_server.empty()
    levels = ("year", "month", "week", "day", "second", "activity")
    flags = {f"retention.{level}_s": 30 * 366 * 86_400 for level in levels}
    async with fleet_on(redis_server.url, flags) as fleet:
        if thing == "activity":
            await fleet.drive(1, 7, "Tesla")
        else:
            await fleet.earn(1, 7, 500)
        await forget(fleet.psd.store.client, *gone)
        try:
            await fleet.calculate(1, start=0)
        except DetailExpiredError:
            assert await fleet.rows(1) == {}
            status = (await fleet.psd.part(RewardsPart).results.statuses())[1]
            assert status.status == "Failed"
            return
        row = await fleet.row(1, 7)
        assert (row.points, row.earned_points) == ((4000, 0) if thing == "activity" else (500, 500))
