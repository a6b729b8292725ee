"""What HTTP, gRPC and the commands say of the weekly rewards, against the oracle of a scenario.

Every answer is taken apart by hand: bodies with the standard library's JSON, because an owner's
tokens are numbers of 25 digits.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty

from psd.rewards.grpc_reader import StoreReader
from psd.rewards.grpc_server import GrpcServer
from psd.rewards.part import RewardsPart
from psd.rewards.proto import rewards_pb2, rewards_pb2_grpc
from psd.rewards.sources.buckets import BucketSource
from tests.support.clients.http import HttpClient, serving
from tests.support.rewards.reward_model import TOKEN, ModelRow, bounds_of, level_of, owner_key
from tests.support.rewards.reward_scenario import Scenario

STRANGER = 404
"""A vehicle of which nothing was ever sent."""


class Known:
    """What the oracle says, worked out once for all that is asked before anything changes."""

    def __init__(self, scenario: Scenario) -> None:
        model = scenario.model
        self.expected = scenario.expected()
        self.owners = model.owners()
        self.active = model.counted(max(model.weeks) + 1)


async def http_agrees(scenario: Scenario) -> None:
    """Histories and summaries of every owner, statements of two weeks, streaks, who is at risk."""
    known = Known(scenario)
    async with serving(scenario.runtime) as client:
        for owner in [*scenario.fleet.owners, "nobody"]:
            await _history_agrees(known, client, str(owner))
            await _summary_agrees(known, client, str(owner))
        for week in (5, max(scenario.model.weeks)):
            for vehicle in [*scenario.vehicles, STRANGER]:
                await _statement_agrees(scenario, known, client, vehicle, week)
        for week in scenario.model.weeks:
            await _board_agrees(scenario, client, week)
        await _at_risk_agrees(scenario, client)


async def grpc_agrees(scenario: Scenario) -> None:
    """All points, and every vehicle's weeks."""
    runtime = scenario.runtime
    signals = runtime.settings.things["signals"].id
    activity = BucketSource(runtime.engine, signals, runtime.part(RewardsPart).tables)
    stores = (
        runtime.store,
        runtime.part(RewardsPart).results,
        runtime.part(RewardsPart).ledger,
        runtime.part(RewardsPart).registry,
    )
    server = GrpcServer(
        runtime.settings,
        StoreReader(*stores, activity, runtime.part(RewardsPart).tables),
        runtime.clock,
    )
    port = await server.start("127.0.0.1", 0)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = rewards_pb2_grpc.RewardsServiceStub(channel)
            total = await stub.GetTotalPoints(Empty())
            weeks = scenario.model.weeks.values()
            assert total.totalPoints == sum(row.points for rows in weeks for row in rows.values())
            known = Known(scenario)
            for vehicle in [*scenario.vehicles, STRANGER]:
                await _device_rewards_agree(known, stub, vehicle)
    finally:
        await server.stop(1)


async def commands_agree(scenario: Scenario) -> None:
    """``psd rewards weeks``, and ``history`` and ``statement`` of one owner and vehicle."""
    lines = (await scenario.run("weeks", "--json")).splitlines()
    weeks = scenario.model.weeks
    assert [
        (told["week"], told["status"], told["vehicles"], told["points"], told["dirty"])
        for told in map(json.loads, lines)
    ] == [
        (week, "Finished", len(weeks[week]), sum(row.points for row in weeks[week].values()), 0)
        for week in sorted(weeks, reverse=True)
    ]
    owner = str(scenario.heir)
    lines = (await scenario.run("history", owner, "--json")).splitlines()
    known = Known(scenario)
    sums = _sums(known, owner)
    assert {
        told["week"]: (told["points"], int(told["tokens"])) for told in map(json.loads, lines)
    } == {week: sums.get(week, (0, 0)) for week in range(min(sums), max(sums) + 1)}
    vehicle = scenario.special("set by hand later")
    told = json.loads(await scenario.run("statement", str(vehicle), "--week", "5", "--json"))
    wanted = _statement_numbers(*known.expected[5][vehicle])
    assert {name: told[name] for name in wanted} == wanted


async def _history_agrees(known: Known, client: HttpClient, owner: str) -> None:
    sums = _sums(known, owner)
    weeks = range(max(sums), min(sums) - 1, -1) if sums else []
    answer = await client.get(f"/v1/user/history?owner={owner}")
    assert answer.status == 200
    assert json.loads(answer.text) == {
        "weeks": [
            {
                "start": _time(bounds_of(week)[0]),
                "end": _time(bounds_of(week)[1]),
                "points": sums.get(week, (0, 0))[0],
                "tokens": sums.get(week, (0, 0))[1],
            }
            for week in weeks
        ]
    }


def _sums(known: Known, owner: str) -> dict[int, tuple[int, int]]:
    """Points and wei by week of the vehicles that are an owner's now."""
    vehicles = known.owners.get(owner_key(owner), set())
    sums = {}
    for week, rows in known.expected.items():
        own = [rows[vehicle] for vehicle in vehicles if vehicle in rows]
        if own:
            sums[week] = sum(row.points for row, _ in own), sum(wei for _, wei in own)
    return sums


async def _summary_agrees(known: Known, client: HttpClient, owner: str) -> None:
    vehicles = known.owners.get(owner_key(owner), set())
    answer = await client.get(f"/v1/user?owner={owner}")
    if not vehicles:
        assert answer.status == 404
        return
    page = json.loads(answer.text)
    total = [0, 0]
    assert {int(device["id"]) for device in page["devices"]} == vehicles
    for device in page["devices"]:
        vehicle = int(device["id"])
        own = [rows[vehicle] for rows in known.expected.values() if vehicle in rows]
        points, wei = sum(row.points for row, _ in own), sum(each for _, each in own)
        streaks = [(row.streak, row.off) for row, _ in own if row.in_streak]
        streak, off = streaks[-1] if streaks else (0, 0)
        assert (device["points"], device["tokens"]) == (points, wei)
        assert (device["connectionStreak"], device.get("disconnectionStreak", 0)) == (streak, off)
        assert device["level"]["number"] == level_of(streak)
        assert device["connectedThisWeek"] == bool(known.active.get(vehicle))
        total = [total[0] + points, total[1] + wei]
    assert [page["points"], page["tokens"]] == total


async def _statement_agrees(
    scenario: Scenario, known: Known, client: HttpClient, vehicle: int, week: int
) -> None:
    answer = await client.get(f"/v3/vehicles/{vehicle}/statement?week={week}")
    row, wei = known.expected[week].get(vehicle, (None, 0))
    if row is None:
        assert answer.status == 404, vehicle
        return
    assert answer.status == 200, answer
    said = json.loads(answer.text)
    wanted = _statement_numbers(row, wei)
    assert {name: said[name] for name in wanted} == wanted
    assert (said["vehicle"], said["week"], said["dirty"]) == (str(vehicle), week, False)
    before = scenario.model.weeks[week - 1].get(vehicle)
    old = (before.streak, before.off) if before is not None and before.in_streak else (0, 0)
    told = said["streak_before"]
    assert (told["connection"], told["disconnection"], told["level"]) == (*old, level_of(old[0]))
    counted = {each["integration"] for each in said["integrations"] if each["counted"]}
    assert counted == (row.integrations if row.connected else set())
    assert sum(each["points"] for each in said["earnings"]) == row.earned_points
    paid = scenario.paid.get(vehicle) if week == 5 else None
    assert (said["paid"] and int(said["paid"]["tokens"])) == paid
    for reason in said["explanation"]:
        if reason["number"] != "paid":
            assert reason["value"] == said[reason["number"]]
        assert reason["rule"]


def _statement_numbers(row: ModelRow, wei: int) -> dict[str, Any]:
    return {
        "connection_streak": row.streak,
        "disconnection_streak": row.off,
        "level": row.level,
        "integration_points": row.integration_points,
        "streak_points": row.streak_points,
        "earned_points": row.earned_points,
        "points": row.points,
        "tokens": str(wei),
    }


async def _board_agrees(scenario: Scenario, client: HttpClient, week: int) -> None:
    pages = [page async for page in _pages(client, f"/v3/streaks?week={week}&limit=60")]
    assert {page["week"] for page in pages} == {week}
    found = [each for page in pages for each in page["data"]]
    rows = [row for row in scenario.model.weeks[week].values() if row.connected]
    rows.sort(key=lambda row: (-row.streak, row.vehicle))
    assert found == [
        {
            "rank": 1 + sum(other.streak > row.streak for other in rows),
            "vehicle": str(row.vehicle),
            "connection_streak": row.streak,
            "level": row.level,
            "points": row.points,
        }
        for row in rows
    ]


async def _at_risk_agrees(scenario: Scenario, client: HttpClient) -> None:
    """Who was active in the last week, and is not in the open one."""
    last = max(scenario.model.weeks)
    expected = scenario.model.counted(last).keys() - scenario.model.counted(last + 1).keys()
    pages = [page async for page in _pages(client, "/v3/streaks/at-risk?limit=50")]
    assert {page["week"] for page in pages} == {last + 1}
    found = {int(each["vehicle"]): each for page in pages for each in page["data"]}
    assert found.keys() == expected
    owners = scenario.owner_of()
    for vehicle, each in found.items():
        assert each["connection_streak"] == scenario.model.weeks[last][vehicle].streak
        assert each["owner"] == owners.get(vehicle)
        assert each["deadline"] == _time(bounds_of(last + 1)[1])


async def _pages(client: HttpClient, path: str) -> AsyncIterator[Any]:
    """From cursor to cursor."""
    page = (await client.get(path)).json()
    yield page
    while page["next"] is not None:
        page = (await client.get(f"{path}&cursor={page['next']}")).json()
        yield page


async def _device_rewards_agree(known: Known, stub: Any, vehicle: int) -> None:
    rows = {week: rows[vehicle] for week, rows in known.expected.items() if vehicle in rows}
    found = await stub.GetDeviceRewards(rewards_pb2.GetDeviceRewardsRequest(id=str(vehicle)))
    assert found.tokens == sum(wei for _, wei in rows.values()) / TOKEN
    said = [
        (
            each.end_date,
            each.tokens,
            each.connection_streak,
            each.disconnection_streak,
            frozenset(each.integration_ids),
        )
        for each in found.weeks
    ]
    assert said == [
        (_time(bounds_of(week)[1])[:10], wei / TOKEN, row.streak, row.off, row.integrations)
        for week, (row, wei) in rows.items()
    ]


def _time(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
