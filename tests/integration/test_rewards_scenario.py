"""Twelve weeks of a fleet through NSQ, a worker, Redis and the weekly job, against the oracle.

Late data, a correction in week 5, reruns, and a kill in each phase of the job: after each of them
every row, every share to the wei and the state of every week are those of the oracle
(tests/support/rewards/reward_model.py), or those of before.
"""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from psd.clock import ManualClock
from psd.config import RedisSettings
from psd.rewards.domain import FAILPOINTS
from psd.rewards.part import RewardsPart
from psd.rewards.publishing import KEPT_S
from psd.runtime import open_runtime
from psd.store.keys import kind_of
from tests.support.processes.rewards_process import rewards_running
from tests.support.processes.worker_process import worker_process
from tests.support.processes.worker_stack import WorkerStack
from tests.support.rewards.reward_fleet import WEEKS, message_of
from tests.support.rewards.reward_model import (
    Activity,
    Description,
    Earning,
    Overriding,
    Sent,
    bounds_of,
    owner_key,
)
from tests.support.rewards.reward_reads import commands_agree, grpc_agrees, http_agrees
from tests.support.rewards.reward_scenario import Scenario, Visible
from tests.support.servers.nsqd import Nsqd
from tests.support.servers.redis_server import RedisServer
from tests.support.waiting import wait_until

SEED = 20220131
FIRST_KILLS = {
    1: "rewards_begun",
    2: "rewards_staged:60",
    3: "rewards_totalled",
    4: "rewards_publish",
    8: "rewards_published",
}
"""Where the first computation of a week is killed."""

CASCADE_KILLS = (
    *("rewards_begun", "rewards_staged", "rewards_staged:350", "rewards_totalled:2"),
    *("rewards_publish", "rewards_published"),
)
"""Where that of weeks 5 to 9 is, one after the other, each of which continues the one before."""


@pytest.fixture
async def scenario(redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[Scenario]:
    redis_server.empty()
    with Nsqd(tmp_path) as nsqd:
        stack = WorkerStack("nsq", redis_server, nsqd)
        # A suspended job counts the time for which it was suspended.
        patient = RedisSettings(url=redis_server.url, timeout_s=20)
        stack.settings = msgspec.structs.replace(stack.settings, redis=patient)
        nsqd.create_channel(stack.settings.queue.topic, stack.settings.queue.channel)
        clock = ManualClock(bounds_of(0)[0])
        stack.runtime = await open_runtime(stack.settings, clock)
        with worker_process(stack, tmp_path):
            yield Scenario(stack, tmp_path, clock, SEED)
        await stack.runtime.close()


async def test_twelve_weeks_of_a_fleet_come_to_what_the_oracle_says(scenario: Scenario) -> None:
    places = {place.partition(":")[0] for place in (*FIRST_KILLS.values(), *CASCADE_KILLS)}
    assert places == set(FAILPOINTS)
    await the_fleet_is_registered(scenario)
    for week in range(WEEKS):
        await a_week_passes(scenario, week)
        if week == 5:
            await week_5_is_paid(scenario)
        if week == 6:
            await late_data_of_computed_weeks_makes_them_dirty(scenario)
        if week == 9:
            await week_5_is_corrected_though_the_job_is_killed_again_and_again(scenario)
    await a_second_run_is_refused_and_readers_never_see_half_of_the_first(scenario)
    await a_rerun_changes_no_byte_and_forgets_no_payout(scenario)
    await every_key_is_catalogued_and_what_was_replaced_ends(scenario)
    await every_message_but_the_bad_one_was_booked(scenario)
    await some_vehicles_drive_in_the_open_week(scenario)
    await http_agrees(scenario)
    await grpc_agrees(scenario)
    await commands_agree(scenario)


async def the_fleet_is_registered(scenario: Scenario) -> None:
    await scenario.publish(scenario.fleet.registration())
    too_early = Activity(scenario.special("always"), "Smartcar", bounds_of(0)[0] - 1)
    await scenario.publish_bytes([message_of(too_early)])
    await scenario.override(Overriding(2, scenario.special("set by hand"), 19))
    await scenario.run("blacklist", "add", str(scenario.barred), "--note", "stolen")


async def a_week_passes(scenario: Scenario, week: int) -> None:
    """Publish what the fleet did; compute at its end, where the job is killed at first."""
    await scenario.publish([*scenario.fleet.week(week), *changes_of(week, scenario)])
    scenario.clock.advance(bounds_of(week)[1] - scenario.clock.now_s())
    place = FIRST_KILLS.get(week, "")
    if place:
        await scenario.survives_a_kill(place, week, is_visible=place == "rewards_published")
    if week == 2:
        # The killed run had not seen this, so it is begun anew and its rows are abandoned.
        late = Activity(scenario.special("never active"), "AutoPi", bounds_of(2)[0] + 7)
        await scenario.publish([late])
    # Late data was sent after week 6: without a number the job begins at the first dirty week.
    first = 3 if week == 7 else week
    continued = await scenario.calculate(first, week)
    assert continued == (week in (1, 3, 4))
    assert await scenario.runtime.part(RewardsPart).results.dirty() == {}
    await scenario.agrees()


def changes_of(week: int, scenario: Scenario) -> list[Sent]:
    """What becomes of single vehicles."""
    start = bounds_of(week)[0]
    special = scenario.special
    changes: dict[int, list[Sent]] = {
        4: [
            Description(special("not opted in"), start, {"opted_in": True}),
            Description(special("nothing paired"), start, {"integrations": ["Tesla"]}),
        ],
        6: [Description(special("transferred"), start, {"owner": scenario.heir})],
        8: [Description(special("always"), start, {"opted_in": False})],
    }
    return changes.get(week, [])


async def week_5_is_paid(scenario: Scenario) -> None:
    """Everybody gets what the week then says."""
    paid = scenario.model.shares(5)
    receipts = scenario.folder / "receipts.csv"
    lines = [f"{vehicle},{wei},tx-{vehicle}" for vehicle, wei in paid.items()]
    receipts.write_text("\n".join(["vehicle,tokens,request", *lines]))
    said = await scenario.run("paid", "5", str(receipts))
    assert said == f"{len(paid)} payouts recorded\n"
    scenario.paid = paid
    due = await scenario.run("export", "5", "--due")
    assert due.splitlines()[1:] == []


async def late_data_of_computed_weeks_makes_them_dirty(scenario: Scenario) -> None:
    """Of weeks 3 and 5, and of a vehicle that nobody knew; what is visible stays for now."""
    before = await scenario.visible()
    special = scenario.special
    await scenario.publish(
        [
            Activity(special("asleep for three weeks"), "Tesla", bounds_of(5)[0]),
            Activity(special("never active"), "AutoPi", bounds_of(3)[1] - 1),
            Activity(10**15, "Smartcar", bounds_of(3)[0], ("odometer",), "late"),
            # Repeated, or of the week that is still open, or of nothing that changes.
            Activity(special("first second"), "Tesla", bounds_of(7)[0]),
            Activity(special("retired with a streak"), "Tesla", bounds_of(6)[0], ("vin",)),
        ]
    )
    told = map(msgspec.json.decode, (await scenario.run("weeks", "--json")).splitlines())
    assert {each["week"] for each in told if each["dirty"]} == {3, 5}
    assert await scenario.visible() == before


async def week_5_is_corrected_though_the_job_is_killed_again_and_again(scenario: Scenario) -> None:
    """A streak set by hand and points taken back reach weeks 5 to 9, all at once."""
    before = scenario.expected()
    late_in_5 = bounds_of(5)[1] - 1
    special = scenario.special
    await scenario.override(Overriding(5, special("set by hand later"), 36))
    assert await scenario.runtime.part(RewardsPart).results.dirty() == {5: 1}
    await scenario.publish(
        [
            Earning(special("always"), "corrections", -20_000, late_in_5, "c-1", "case 982"),
            Earning(special("last second"), "promotions", 123, late_in_5, "c-2"),
        ]
    )
    assert set(await scenario.runtime.part(RewardsPart).results.dirty()) == {5}
    tried = await scenario.run("calculate", "5", "--dry-run", "--json")
    for place in CASCADE_KILLS:
        if place == "rewards_totalled:2":
            lately = Activity(special("retired with a streak"), "Tesla", bounds_of(9)[1] - 1)
            await scenario.publish([lately])
        is_visible = place == "rewards_published"
        await scenario.survives_a_kill(place, 5, is_visible=is_visible)
    assert_difference(tried, before, scenario.expected())
    assert await scenario.runtime.part(RewardsPart).results.dirty() == {}
    said = await scenario.run("calculate", "5")
    assert [line.split()[1] for line in said.splitlines()] == list("56789")
    await scenario.agrees()


def assert_difference(tried: str, before: Visible, after: Visible) -> None:
    """A trial told each week's difference, before the last late event, which was of week 9."""
    told = [msgspec.json.decode(line) for line in tried.splitlines()]
    assert [each["after"]["week"] for each in told] == [5, 6, 7, 8, 9]
    for each in told[:-1]:
        old, new = before[each["after"]["week"]], after[each["after"]["week"]]
        assert old.keys() == new.keys()
        changed = [vehicle for vehicle, (row, _) in new.items() if row != old[vehicle][0]]
        moved = [wei - old[vehicle][1] for vehicle, (_, wei) in new.items()]
        assert each["rows_changed"] == len(changed) > 0
        assert each["tokens_gained"] == sum(wei for wei in moved if wei > 0)
        assert each["tokens_lost"] == -sum(wei for wei in moved if wei < 0)


async def a_second_run_is_refused_and_readers_never_see_half_of_the_first(
    scenario: Scenario,
) -> None:
    """The first is suspended when it has done week 0, and more of week 0 comes meanwhile."""
    vehicle, second = scenario.special("last second"), bounds_of(0)[0]
    await scenario.publish([Earning(vehicle, "promotions", 1, second, "before")])
    old = await scenario.visible()
    scenario.model.calculate(0, WEEKS - 1)
    new = scenario.expected()
    async with rewards_running(scenario.stack, scenario.folder, "calculate", "0") as first:
        await wait_until("it has done week 0", lambda: has_done_week_0(scenario))
        first.pause()
        async with rewards_running(scenario.stack, scenario.folder, "calculate", "11") as process:
            refused = await process.end()
        assert refused.code == 75
        assert "computes just now" in refused.stderr
        await scenario.publish([Earning(vehicle, "promotions", 2, second, "meanwhile")])
        assert await scenario.visible() == old
        first.resume()
        ending = asyncio.create_task(first.end())
        while not ending.done():
            assert await scenario.visible() in (old, new)
        assert (await ending).code == 0
    await scenario.agrees()
    assert set(await scenario.runtime.part(RewardsPart).results.dirty()) == {0}
    await scenario.run("calculate", "0")
    scenario.model.calculate(0, WEEKS - 1)
    assert await scenario.runtime.part(RewardsPart).results.dirty() == {}
    await scenario.agrees()


async def has_done_week_0(scenario: Scenario) -> bool:
    client = scenario.runtime.store.client
    run = await client.get("psd:rewards:{rewards}:run")
    if run is None:
        return False
    generation = msgspec.json.decode(run)["generation"]
    return bool(await client.exists(f"psd:rewards:{{rewards}}:board:0:{generation}"))


async def a_rerun_changes_no_byte_and_forgets_no_payout(scenario: Scenario) -> None:
    before = await stored_rows(scenario)
    generations = {
        each.generation
        for each in (await scenario.runtime.part(RewardsPart).results.results()).values()
    }
    await scenario.run("calculate", "--from", "0", str(WEEKS - 1))
    after = await stored_rows(scenario)
    assert before == after
    results = await scenario.runtime.part(RewardsPart).results.results()
    assert not generations & {each.generation for each in results.values()}
    exported = await scenario.run("export", "5")
    rows = {int(row["vehicle"]): row for row in csv.DictReader(exported.splitlines())}
    shares, owners = scenario.model.shares(5), scenario.owner_of()
    assert rows.keys() == shares.keys()
    for vehicle, row in rows.items():
        paid, owner = scenario.paid.get(vehicle, 0), owners.get(vehicle, "")
        may = owner and owner != owner_key(scenario.barred)
        assert (int(row["tokens"]), int(row["paid"])) == (shares[vehicle], paid)
        assert int(row["due"]) == (max(shares[vehicle] - paid, 0) if may else 0)
        assert (row["owner"], bool(row["barred"])) == (owner, owner == owner_key(scenario.barred))


async def stored_rows(scenario: Scenario) -> dict[tuple[str, int], bytes]:
    """The bytes of every visible row and board, by key and week; generations left out."""
    client = scenario.runtime.store.client
    generations = {
        week: each.generation
        for week, each in (await scenario.runtime.part(RewardsPart).results.results()).items()
    }
    found = {}
    async for name in client.scan_iter(match="psd:rewards:*:[rb]o*:*", count=10_000):
        root, week, generation = name.decode().rsplit(":", 2)
        if generations[int(week)] == int(generation):
            found[root, int(week)] = await client.get(name)
    assert len(found) > WEEKS * 100
    return found


async def every_key_is_catalogued_and_what_was_replaced_ends(scenario: Scenario) -> None:
    """Rows of the visible generations live for ever; all others end within ten minutes."""
    client = scenario.runtime.store.client
    visible = {
        f"{week}:{each.generation}"
        for week, each in (await scenario.runtime.part(RewardsPart).results.results()).items()
    }
    replaced = 0
    names = [name.decode() async for name in client.scan_iter(count=10_000)]
    for name in names:
        kind = kind_of(name)
        assert kind is not None, name
        if kind.name in ("reward rows", "longest streaks"):
            lifetime_s = await client.ttl(name)
            is_visible = ":".join(name.split(":")[-2:]) in visible
            assert lifetime_s == -1 if is_visible else 0 <= lifetime_s <= KEPT_S, name
            replaced += not is_visible
    assert replaced > 0
    assert not {f"psd:rewards:{{rewards}}:{name}" for name in ("run", "lock", "garbage")} & {*names}


async def some_vehicles_drive_in_the_open_week(scenario: Scenario) -> None:
    scenario.clock.advance(3 * 86_400)
    now_s, week = scenario.clock.now_s(), scenario.fleet.week(WEEKS)
    await scenario.publish(
        each for each in week[::3] if isinstance(each, Activity) and each.second < now_s
    )


async def every_message_but_the_bad_one_was_booked(scenario: Scenario) -> None:
    (letter,) = await scenario.stack.letters()
    assert letter.code == "invalid_time"
