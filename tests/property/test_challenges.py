"""Boards, brackets and finals against plain Python over the list of bookings."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from psd.queries.boards.answers import BracketAnswer
from psd.queries.boards.definitions import Definition
from psd.queries.requests import LeaderboardQuery
from psd.queries.results import Standing
from psd.runtime import Runtime
from tests.support.engine import DAY_S, second
from tests.support.plain.model import Model, Report

SEEDS = range(24)
BASE_S = second("2016-03-20 00:00:00")
SPAN_S = 30 * DAY_S
THING = 1
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu")
TIES = ("competition", "dense", "ordinal", "first_to_reach")
NEVER = 2**62


class World:
    """Everything that was booked, and what follows from it for a member at an instant."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.model = Model()
        self.uids = rng.sample(range(-50, 50), rng.choice((1, 2, 3, 5, 8, 13, 21)))

    async def book(self, psd: Runtime, count: int) -> None:
        """Reports of a few activities each, some of which replace or take back others."""
        reports = [self._report() for _ in range(count)]
        for report in reports:
            self.model.book(report)
        outcomes = await psd.engine.book(reports)
        assert all(outcome.error is None for outcome in outcomes)

    def _report(self) -> Report:
        rng = self.rng
        ts2 = BASE_S + rng.choice((rng.randrange(SPAN_S), DAY_S * rng.randrange(30)))
        value = rng.choice((1, 1, 2, 3, 5, -2))
        uid = rng.choice([*self.uids, 99])
        return Report(THING, uid, rng.choice((0, 7)), rng.randrange(4), value, ts2, ts2)

    def entries(self, uid: int, atids: Iterable[int]) -> list[tuple[int, int]]:
        """(second, delta) of one member, in order."""
        wanted = set(atids)
        return sorted(
            (entry.second, entry.delta)
            for aid in range(4)
            for entry in self.model.entries(uid, THING, aid)
            if not wanted or entry.atid in wanted
        )

    def score(self, uid: int, atids: Iterable[int], start: int, end: int) -> tuple[int, int]:
        """The sum in [start, end), and the second at whose end it was first as much."""
        inside = [each for each in self.entries(uid, atids) if start <= each[0] < end]
        total = sum(delta for _, delta in inside)
        for at_s, _ in inside:
            if sum(delta for second_s, delta in inside if second_s <= at_s) >= total:
                return total, at_s
        return total, NEVER


def random_definition(rng: random.Random, ties: str | None = None) -> dict[str, Any]:
    start = BASE_S + rng.randrange(SPAN_S)
    windows = (
        {"kind": "fixed", "start": start, "end": start + rng.choice((60, DAY_S, 9 * DAY_S))},
        {"kind": "rolling", "seconds": rng.choice((1, 3600, DAY_S, 12 * DAY_S))},
        {"kind": "calendar", "every": rng.choice(("day", "month")), "tz": rng.choice(ZONES)},
    )
    return {
        "thing": "steps",
        "window": rng.choice(windows),
        "atid": rng.choice(([], [], ["7"])),
        "ties": ties or rng.choice(TIES),
    }


def naive_range(window: dict[str, Any], at_s: int) -> tuple[int, int]:
    """What counts at an instant."""
    if window["kind"] == "fixed":
        return window["start"], min(window["end"], at_s)
    if window["kind"] == "rolling":
        return at_s - window["seconds"], at_s
    tz = ZoneInfo(window["tz"])
    local = dt.datetime.fromtimestamp(at_s, tz).replace(hour=0, minute=0, second=0, fold=0)
    first = local if window["every"] == "day" else local.replace(day=1)
    return int(first.timestamp()), at_s


def naive_order(
    world: World, definition: dict[str, Any], members: Iterable[int], at_s: int
) -> list[tuple[int, int, int]]:
    """(minus value, second where it counts, uid) of each member, the best first."""
    start, end = naive_range(definition["window"], at_s)
    atids = [int(atid) for atid in definition["atid"]]
    found = []
    for uid in members:
        value, reached_s = world.score(uid, atids, start, end)
        counts = definition["ties"] == "first_to_reach"
        found.append((-value, reached_s if counts else 0, uid))
    return sorted(found)


def naive_ranks(order: list[tuple[int, int, int]], ties: str) -> list[int]:
    shared = {"ordinal": 3, "first_to_reach": 2}.get(ties, 1)
    keys = [each[:shared] for each in order]
    if ties == "dense":
        return [len({other for other in keys if other < key}) + 1 for key in keys]
    return [sum(other < key for other in keys) + 1 for key in keys]


def naive_bracket(
    world: World,
    definition: dict[str, Any],
    field: list[int],
    at_s: int,
) -> tuple[list[set[tuple[Any, ...]]], int | None]:
    """Each round's matches as (uid, uid or None, score, score, winner or None), and the champion.

    Seed s of a bracket of 2^k meets seed 2^k + 1 - s, and who wins takes the better seed's slot.
    """
    size = 1
    while size < len(field):
        size *= 2
    slots = dict(enumerate(field, start=1))
    seed_of = {uid: seed for seed, uid in slots.items()}
    atids = [int(atid) for atid in definition["atid"]]
    rounds: list[set[tuple[Any, ...]]] = []
    champion = None
    is_known = bool(field)
    for window in definition["rounds"]["windows"]:
        if is_known and champion is not None:
            break
        matches = set()
        winners = {}
        is_over = at_s >= window["end"]
        for slot in range(1, max(size // 2, 1) + 1) if is_known else ():
            sides = [slots[slot]]
            if size > 1 and size + 1 - slot in slots:
                sides.append(slots[size + 1 - slot])
            sides.sort(key=lambda uid: seed_of[uid])
            if len(sides) == 1:
                winners[slot] = sides[0]
                matches.add((sides[0], None, None, None, sides[0] if is_over else None))
                continue
            if at_s < window["start"]:
                matches.add((*sides, None, None, None))
                continue
            end = min(window["end"], at_s)
            scores = [world.score(uid, atids, window["start"], end) for uid in sides]
            best = min(
                ((-value, reached_s, seed_of[uid], uid), uid)
                for uid, (value, reached_s) in zip(sides, scores, strict=True)
            )
            winners[slot] = best[1]
            winner = best[1] if is_over else None
            matches.add((*sides, scores[0][0], scores[1][0], winner))
        rounds.append(matches)
        if is_known and is_over:
            slots, size = winners, max(size // 2, 1)
            champion = winners[1] if len(winners) == 1 else None
        else:
            is_known = False
    return rounds, champion


def matches_of(answer: BracketAnswer) -> list[set[tuple[Any, ...]]]:
    def number(uid: str | None) -> int | None:
        return None if uid is None else int(uid)

    return [
        {
            (
                int(match.first.uid),
                number(match.second.uid if match.second else None),
                match.first.score,
                match.second.score if match.second else None,
                number(match.winner),
            )
            for match in each.matches
        }
        for each in answer.rounds
    ]


async def put(psd: Runtime, name: str, fields: dict[str, Any], members: list[int]) -> None:
    definition = msgspec.convert(fields, Definition)
    await psd.boards.put(name, definition, "test", members=members)


async def everybody(psd: Runtime, name: str, at_s: int) -> list[Standing]:
    """All pages of a standing."""
    rows: list[Standing] = []
    cursor = None
    while True:
        query = LeaderboardQuery(board=name, as_of=at_s, limit=4, cursor=cursor)
        page = await psd.queries.leaderboard(query)
        assert page.exact
        rows += page.data
        cursor = page.next
        if cursor is None:
            return rows


def instants(rng: random.Random) -> list[int]:
    midnights = [BASE_S + rng.randrange(32) * DAY_S for _ in range(3)]
    return [*midnights, *(BASE_S + rng.randrange(-DAY_S, SPAN_S + DAY_S) for _ in range(3))]


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_board_stands_at_any_instant_as_a_list_of_bookings_says(
    runtime: Runtime, seed: int
) -> None:
    rng = random.Random(seed)
    world = World(rng)
    await world.book(runtime, 120)
    fields = random_definition(rng)
    members = rng.sample(world.uids, rng.randint(1, len(world.uids)))
    await put(runtime, "b", fields, members)
    for at_s in instants(rng):
        order = naive_order(world, fields, members, at_s)
        rows = await everybody(runtime, "b", at_s)
        assert [(int(row.uid), row.value) for row in rows] == [(e[2], -e[0]) for e in order]
        assert [row.rank for row in rows] == naive_ranks(order, fields["ties"])


def random_rounds(rng: random.Random) -> dict[str, Any]:
    start = BASE_S + rng.randrange(20) * DAY_S
    windows = []
    for _ in range(rng.randint(1, 5)):
        end = start + rng.choice((3600, DAY_S, 3 * DAY_S))
        windows.append({"start": start, "end": end})
        start = end + rng.choice((0, 0, 7200))
    return {"windows": windows}


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_bracket_and_its_final_are_what_a_list_of_bookings_says(
    runtime: Runtime, seed: int
) -> None:
    rng = random.Random(1000 + seed)
    world = World(rng)
    await world.book(runtime, 150)
    members = world.uids
    season = random_definition(rng)
    await put(runtime, "season", season, [])
    fields = {**random_definition(rng, "first_to_reach"), "rounds": random_rounds(rng)}
    rounds = fields["rounds"]
    kind = rng.choice(("itself", "board", "order"))
    if kind == "order":
        rounds["order"] = [*rng.sample(members, rng.randint(1, len(members))), 1234]
    elif kind == "board":
        rounds["seeded_by"] = "season"
    if kind != "order" and rng.random() < 0.5:
        rounds["seeded_at"] = rounds["windows"][0]["start"] - rng.randrange(DAY_S)
    await put(runtime, "cup", fields, members)
    seeded_s = rounds.get("seeded_at", rounds["windows"][0]["start"])
    seeding = season if kind == "board" else fields
    if kind == "order":
        given = [uid for uid in rounds["order"] if uid in members]
        field = [*given, *sorted(set(members) - set(given))]
    else:
        field = [each[2] for each in naive_order(world, seeding, members, seeded_s)]
    ends = [each[end] for each in rounds["windows"] for end in ("start", "end")]
    for at_s in [*instants(rng), *ends, ends[-1] - 1, seeded_s - 1]:
        known = field if kind == "order" or at_s >= seeded_s else []
        expected, champion = naive_bracket(world, fields, known, at_s)
        answer = await runtime.challenges.bracket("cup", at_s)
        assert matches_of(answer) == expected
        assert answer.champion == (None if champion is None else str(champion))
        assert answer.exact
    declared = await runtime.finals.declare("cup", "test", ends[-1])
    assert declared.rounds == (await runtime.challenges.bracket("cup", ends[-1])).rounds
    before = naive_order(world, fields, members, ends[-1])
    await world.book(runtime, 6)
    after = naive_order(world, fields, members, ends[-1])
    final = await runtime.finals.read("cup")
    assert final.data == declared.data
    assert (final.rounds, final.champion) == (declared.rounds, declared.champion)
    ranks = [
        dict(zip([e[2] for e in each], naive_ranks(each, "first_to_reach"), strict=True))
        for each in (before, after)
    ]
    values = [{e[2]: -e[0] for e in each} for each in (before, after)]
    assert {
        each.uid: (each.rank, each.value, each.rank_now, each.value_now)
        for each in final.differences
    } == {
        str(uid): (ranks[0][uid], values[0][uid], ranks[1][uid], values[1][uid])
        for uid in members
        if (ranks[0][uid], values[0][uid]) != (ranks[1][uid], values[1][uid])
    }
    replayed, _ = naive_bracket(world, fields, field, ends[-1])
    changed = sum(len(old - new) for old, new in zip(matches_of(final), replayed, strict=True))
    assert changed <= (final.matches_changed or 0)
    assert (final.matches_changed == 0) or bool(final.match_differences)
