"""Reports that are booked straight leave what booking them one by one leaves, in every key."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgpack
import pytest
import redis

from psd.engine.booking import calls_for
from psd.engine.events import Event, Report
from psd.store.codec import pack_id
from psd.store.scripts import Script, load_script, lua_folder
from tests.support.draws.random_reports import random_reports, shuffled_with_repeats
from tests.support.engine import DAY_S, NOON_S, report
from tests.support.scripts.one_by_one import one_by_one_lua_folder, straight_only_lua_folder
from tests.support.scripts.small_leaves import small_lua_folder
from tests.support.servers.redis_server import RedisServer
from tests.support.stored.held_columns import cells, columns_of

HISTORIES = 15
SUM_MAX = 2**53 - 1
SUNDAY_NIGHT_S = NOON_S + 5 * DAY_S + 11 * 3600
"""An hour before a Monday: its ISO week ends before its issuance week does."""

STARTS = (NOON_S, SUNDAY_NIGHT_S, 1_459_468_000, 1_483_228_000, 1_490_000_000)
BATCHES = (1, 2, 7, 40, 200)
LIFETIMES = (
    (0, 0, 0, 0, 0, 0, 5000),
    (10_000, 20_000, 30_000, 40_000, 50_000, 60_000, 70_000),
    (-1, -1, -1, -1, -1, -1, 5000),
    (0, -1, 30_000, 0, 50_000, -1, 70_000),
)
"""In seconds, by level: years, months, weeks, days, leaves, activities and marks."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("straight")) as server:
        yield server


@pytest.fixture(params=["own limits", "small limits"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return lua_folder() if request.param == "own limits" else small_lua_folder(tmp_path)


def new_activities(rng: random.Random) -> list[Report]:
    """One report of each of many activities, in the order of their seconds or in none."""
    start, span = rng.choice(STARTS), rng.choice((1, 900, DAY_S, 60 * DAY_S, 800 * DAY_S))
    values = rng.choice(((1, 2, 300), (5, -5), (-1, 70_000, 2**40), (0, 7)))
    sent = []
    for aid in rng.sample(range(100_000), rng.choice((20, 150, 700))):
        ts2 = start + rng.randrange(span)
        ts1 = ts2 - rng.choice((0, 0, 1, 3600))
        uid, thing, atid = rng.randint(1, 2), rng.randint(1, 2), rng.choice((0, 1, 300, -7))
        sent.append(Report(thing, uid, atid, aid, rng.choice(values), ts1, ts2))
    return sorted(sent, key=lambda each: each.ts2) if rng.random() < 0.6 else sent


def signals(rng: random.Random) -> list[Report]:
    """What one activity or two report, mostly one behind the other."""
    step, value = rng.choice((1, 10, 400, 40_000)), rng.choice((1, -3, 40_000))
    sent = []
    for uid in (1, 2)[: rng.randint(1, 2)]:
        second = rng.choice(STARTS)
        for _ in range(rng.choice((30, 300, 800))):
            window = rng.choice((0, 0, 0, 1)) * rng.randrange(2 * step)
            atid = 9 if rng.random() < 0.02 else 2
            sent.append(report(value + rng.randrange(3), second, second - window, uid, atid, 77))
            second += rng.randint(0, 2) * step if rng.random() < 0.1 else step
    return sorted(sent, key=lambda each: each.ts2)


def at_the_bound(rng: random.Random) -> list[Report]:
    values = (SUM_MAX, -SUM_MAX, SUM_MAX - 1, 1, -1, 2)
    seconds = [NOON_S + n * 40_000 for n in range(4)]
    return [
        report(
            rng.choice(values), rng.choice(seconds), atid=rng.randrange(3), aid=rng.randrange(40)
        )
        for _ in range(60)
    ]


def meeting_reports(rng: random.Random) -> list[Report]:
    """Late ones, doubled ones, windows that overlap, increments."""
    return shuffled_with_repeats(rng, random_reports(rng, rng.randint(1, 2)))


def history(rng: random.Random) -> list[list[Report]]:
    """Batches of what was sent."""
    kinds = rng.choices((new_activities, signals, at_the_bound, meeting_reports), (4, 3, 1, 3), k=3)
    sent = [each for kind in kinds for each in kind(rng)]
    sent += rng.sample(sent, len(sent) // 20)
    if rng.random() < 0.3:
        rng.shuffle(sent)
    batches, at = [], 0
    while at < len(sent):
        size = rng.choice(BATCHES)
        batches.append(sent[at : at + size])
        at += size
    return batches


def book(client: redis.Redis, script: Script, events: Sequence[Event], kept: bytes) -> list[Any]:
    """The codes of events that are booked together, or why a call of theirs was refused."""
    codes: dict[int, Any] = {}
    for call in calls_for(events, range(len(events)), b"key"):
        places = call.positions
        try:
            found = client.evalsha(script.sha, len(call.roots), *call.roots, call.packed(), kept)
        except redis.ResponseError as error:
            refusal = str(error).split(" script:")[0]
            heavy = re.match(r"PSD_HEAVY (\d+)", refusal)
            size = int(heavy[1]) if heavy and len(places) > 1 else 0
            found = [refusal] * len(places)
            if size:
                pieces = [places[at : at + size] for at in range(0, len(places), size)]
                parts = [book(client, script, [events[p] for p in piece], kept) for piece in pieces]
                found = [code for part in parts for code in part]
        codes.update(zip(places, found, strict=True))
    return [codes[place] for place in range(len(events))]


def held(client: redis.Redis) -> dict[Any, Any]:
    """What each key holds, and how long it lives; of columns what they say of each owner.

    A position, and in which order records stand, follow from the order in which owners are seen to;
    how often columns were written, from the size of calls, of which one way takes larger ones.
    """
    keys = sorted(client.scan_iter(count=1000))
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.type(key).pttl(key)
    kinds = pipe.execute()
    for key, kind in zip(keys, kinds[::2], strict=True):
        pipe.get(key) if kind == b"string" else pipe.hgetall(key)
    contents = dict(zip(map(bytes.decode, keys), pipe.execute(), strict=True))
    for key in contents:
        if key.endswith(":y"):
            check_position(contents, key)
    lifetimes = zip(contents, kinds[1::2], strict=True)
    found: dict[Any, Any] = {
        key: (contents[key], round(lifetime, -6))
        for key, lifetime in lifetimes
        if not key.startswith("psd:columns:")
    }
    return found | columns_of(contents)


def check_position(contents: dict[str, Any], key: str) -> None:
    """Take the position out of a hash of years, where it must be its owner's."""
    _, tag, uid, thing, _ = key.split(":")
    position = contents[key].pop(b"at", None)
    if position is not None:
        owners = cells(contents[f"psd:columns:{tag}:{thing}:owners"])
        assert owners[int(position)] == int(uid)


def both_scripts(folder: Path, tmp_path: Path) -> tuple[Script, Script]:
    general = one_by_one_lua_folder(tmp_path, folder)
    return load_script("engine.book", folder), load_script("engine.book", general)


@pytest.mark.parametrize("seed", range(3))
async def test_every_history_leaves_the_same_keys_both_ways(
    server: RedisServer, folder: Path, tmp_path: Path, seed: int
) -> None:
    straight, general = both_scripts(folder, tmp_path)
    with server.sync_client() as client:
        for number in range(HISTORIES):
            rng = random.Random(f"straight {seed}/{number}")
            batches = history(rng)
            aids = sorted({(each.thing, each.aid) for batch in batches for each in batch})
            withdrawn = rng.sample(aids, rng.choice((0, 0, 1)))
            kept = [rng.choice(LIFETIMES) for _ in range(2)]
            found = []
            for script in (straight, general):
                server.flush()
                client.script_load(script.source)
                for thing, aid in withdrawn:
                    client.hset(f"psd:{{p0}}:1:{thing}:a:0", pack_id(aid), "withdrawn")
                codes = []
                for at, batch in enumerate(batches):
                    lifetimes = kept[at * 2 // len(batches)]
                    packed = b"".join(msgpack.packb(seconds) for seconds in lifetimes)
                    codes += book(client, script, batch, packed)
                found.append((codes, held(client)))
            assert found[0] == found[1], f"seed {seed}/{number}"


async def test_what_most_calls_are_made_of_is_booked_straight(
    server: RedisServer, tmp_path: Path
) -> None:
    """Where one by one is an error: reports of new activities, and signals one behind the other."""
    folder = straight_only_lua_folder(tmp_path, lua_folder())
    straight, usual = load_script("engine.book", folder), load_script("engine.book")
    kept = b"".join(msgpack.packb(seconds) for seconds in LIFETIMES[0])
    first = [report(n + 1, NOON_S + n * 50_000, uid=n % 20, aid=n) for n in range(90)]
    late = [report(n + 1, NOON_S + n * 49_999, uid=n % 20, aid=100 + n) for n in range(90)]
    signals = [report(1, NOON_S + n * 10, uid=1, aid=1000) for n in range(400)]
    server.flush()
    with server.sync_client() as client:
        for script in (straight, usual):
            client.script_load(script.source)
        for sent in (first[:1], first[1:], late):
            assert set(book(client, straight, sent, kept)) == {1}
        assert set(book(client, usual, signals[:5], kept)) == {1}
        for sent in (signals[5:7], signals[7:200], signals[200:400]):
            assert set(book(client, straight, sent, kept)) == {1}
        [refused] = book(client, straight, signals[:1], kept)
        assert "one by one" in refused
