"""The same events leave the same keys and the same answers on every engine.

A few large sets of events that touch every kind of question, and three dozen short histories of
reports, corrections, withdrawals, increments, counts and duplicates in batches.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from psd.engine.events import Count, Event
from psd.engine.plan import ISSUANCE_START_S, WEEK_S, Range
from psd.runtime import Runtime
from psd.store import scripts
from tests.support.draws.random_reports import random_reports
from tests.support.engine import EVER, count, engine_on, report
from tests.support.scripts.small_leaves import small_lua_folder
from tests.support.servers.redis_server import ENGINES, RedisServer
from tests.support.stored.keyspace import keyspace

SEEDS = 4
HISTORIES = 36
EVENTS_MIN = 200
QUESTIONS = 60


@pytest.fixture(scope="module")
def every_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisServer]]:
    """One server of each engine, side by side."""
    servers = [RedisServer(tmp_path_factory.mktemp(name), name) for name in ENGINES]
    try:
        yield [server.start() for server in servers]
    finally:
        for server in servers:
            server.remove()


def random_events(rng: random.Random) -> list[Event]:
    """At least 200 reports and increments of several owners, and counts between them."""
    events: list[Event] = []
    while len(events) < EVENTS_MIN:
        events += random_reports(rng, uid=rng.choice((1, 2, -(2**63), 2**63 - 1)))
    counts = [count(f"m{n}", rng.randint(-3, 9), 1_460_000_000 + n, "a:b{%}") for n in range(20)]
    events += counts
    rng.shuffle(events)
    return events


def random_range(rng: random.Random) -> Range:
    """Any range near 2016, some of them whole issuance weeks."""
    start = rng.randint(1_459_900_000, 1_463_500_000)
    if rng.random() < 0.3:
        start = ISSUANCE_START_S - rng.randint(280, 310) * WEEK_S
        return Range(start, start + rng.randint(1, 9) * WEEK_S)
    return rng.choice((Range(start, start + rng.randint(1, 9_000_000)), Range(0, start), EVER))


async def answers(psd: Runtime, rng: random.Random) -> list[Any]:
    """What the engine answers to random questions of every kind."""
    engine = psd.engine
    got: list[Any] = []
    for _ in range(QUESTIONS):
        asked, atid = random_range(rng), rng.choice((None, 0, 7, -(2**63)))
        uids = rng.sample((1, 2, 3, -(2**63), 2**63 - 1), 2)
        for activities in (False, True):
            ranges = [asked] * len(uids)
            found = await engine.sums(uids, [2, 1], ranges, atid=atid, activities=activities)
            got.append([(owner.sums, sorted(owner.activities.items())) for owner in found])
        aid = rng.choice((1, 2, 5, -1, 2**33, 1005))
        got.append(await engine.activity_sum(uids[0], 1, aid, asked, atid))
        got.append(await engine.counts(["a:b{%}", "ab"], asked))
    return got


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_random_events_leave_equal_keys_and_answers_on_every_engine(
    every_server: list[RedisServer], seed: int
) -> None:
    events = random_events(random.Random(seed))
    found = []
    for server in every_server:
        server.flush()
        async with engine_on(server.url) as psd:
            outcomes = await psd.engine.book(events)
            statuses = [outcome.status for outcome in outcomes]
            answered = await answers(psd, random.Random(seed))
            found.append((server.engine, statuses, answered, await keyspace(psd.store.client)))
    _, statuses, answered, held = found[0]
    assert "refused" not in statuses
    assert statuses.count("booked") > EVENTS_MIN // 2
    for name, *other in found[1:]:
        assert other == [statuses, answered, held], name


def random_history(rng: random.Random) -> list[list[Event]]:
    """Batches of new events, each followed by some of the older ones: again, or corrected."""
    fresh: list[Event] = [*random_reports(rng), *random_reports(rng, uid=2)]
    fresh += [count(f"m{n % 4}", n % 4, 1_460_000_000 + n % 4, "a:b{%}") for n in range(8)]
    rng.shuffle(fresh)
    batches: list[list[Event]] = []
    sent: list[Event] = []
    while fresh:
        batch, fresh = fresh[:20], fresh[20:]
        sent += batch
        later = [sent_later(rng, rng.choice(sent)) for _ in range(5)]
        batches += [batch, later]
        sent += later
    return batches


def sent_later(rng: random.Random, event: Event) -> Event:
    """The same event again, or a report of its window with another value or type, or none."""
    if isinstance(event, Count) or event.event_id is not None or rng.random() < 0.3:
        return event
    value = rng.choice((0, event.value + 3, -event.value, 40_000))
    return msgspec.structs.replace(event, value=value, atid=rng.choice((event.atid, 9)))


@pytest.mark.parametrize("seed", range(HISTORIES))
async def test_a_random_history_leaves_equal_keys_on_every_engine(
    every_server: list[RedisServer], seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every other one with small limits, so that leaves, shards and activities split."""
    if seed % 2:
        folder = small_lua_folder(tmp_path)
        monkeypatch.setattr(scripts, "lua_folder", lambda: folder)
    batches = random_history(random.Random(f"history {seed}"))
    found = []
    for server in every_server:
        server.flush()
        async with engine_on(server.url) as psd:
            statuses = [[o.status for o in await psd.engine.book(batch)] for batch in batches]
            found.append((statuses, await keyspace(psd.store.client)))
    assert "duplicate" in {status for batch in found[0][0] for status in batch}
    assert found[1:] == found[:1] * (len(found) - 1)


async def test_a_dense_owner_has_equal_keys_on_every_engine(
    every_server: list[RedisServer],
) -> None:
    """More than 512 bookings an hour: leaves by minute; then back to a single leaf."""
    grown = [report(n, 1_460_462_400 + n * 5, aid=n % 40) for n in range(600)]
    shrunk = [report(0, each.ts2, aid=each.aid) for each in grown[:200]]
    found = []
    for server in every_server:
        server.flush()
        async with engine_on(server.url) as psd:
            await psd.engine.book(grown)
            full = await keyspace(psd.store.client)
            await psd.engine.book(shrunk)
            found.append((full, await keyspace(psd.store.client)))
    assert "psd:{p0}:1:1:n:2016041212" in found[0][0]
    assert "psd:{p0}:1:1:n:2016041212" not in found[0][1]
    assert found[1:] == found[:1] * (len(found) - 1)
