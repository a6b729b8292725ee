"""The oracle of the chaos programme: right on its own, and able to see what it is there for."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable

import pytest

from psd.engine.events import Report
from psd.runtime import Runtime
from tests.chaos.oracle import compare, differences, expected
from tests.chaos.stored import Fields, below_root, forget, stored
from tests.chaos.stream import Stream, generate
from tests.support.draws.random_reports import random_reports
from tests.support.plain.model import Model
from tests.support.stored.keyspace import expected_totals

NOW_S = 1_790_000_000
NOON_S = 1_460_462_400


async def book(runtime: Runtime, bodies: Iterable[bytes]) -> None:
    for number, body in enumerate(bodies):
        await runtime.engine.book(runtime.rules.events(body, NOW_S, str(number)))


def calendar_totals(fields: Fields) -> Fields:
    return {
        (key, field): text
        for (key, field), text in fields.items()
        if below_root(key)[1] in {"y", "m", "d", "w"} and field not in {"activities", "newest"}
    }


@pytest.mark.parametrize("seed", range(30))
def test_the_oracle_agrees_with_the_model(seed: int) -> None:
    reports = random_reports(random.Random(seed))
    model = Model()
    for report in reports:
        model.book(report)
    assert calendar_totals(expected(reports)) == expected_totals(model)


@pytest.mark.parametrize("seed", range(12))
async def test_psd_books_a_stream_exactly_as_the_oracle_says(runtime: Runtime, seed: int) -> None:
    stream = generate(seed, messages=200, owners=3)
    await book(runtime, stream.bodies)
    assert await differences(runtime.store.client, stream) == []


def test_streams_reach_every_level_of_the_store() -> None:
    levels: Counter[str] = Counter()
    for seed in range(0, 40, 4):
        for key, _ in expected(generate(seed, messages=200, owners=3).events):
            parts = below_root(key)
            level, *rest = parts[1:] if parts[0].isdigit() else parts
            levels[f"{level}{len(rest[0])}" if level == "l" else level] += 1
    assert set(levels) == {*"ymdwhnakr", "columns", "l6", "l8", "l10", "l12"}


async def test_a_lost_booking_is_called_lost(runtime: Runtime) -> None:
    stream = generate(3, messages=60, owners=2)
    await book(runtime, set(stream.bodies) - {increment_in(stream)})
    found = await differences(runtime.store.client, stream)
    assert {each.kind for each in found if ":l:" in each.key or ":k:" in each.key} == {"lost"}


async def test_a_doubled_booking_is_called_doubled(runtime: Runtime) -> None:
    stream = generate(3, messages=60, owners=2)
    await book(runtime, [*stream.bodies, increment_in(stream).replace(b"-", b"+")])
    found = await differences(runtime.store.client, stream)
    assert {each.kind for each in found} == {"doubled"}


def increment_in(stream: Stream) -> bytes:
    """A JSON message of an increment of 777."""
    return next(body for body in stream.bodies if b'"increment"' in body and b'"value":777' in body)


@pytest.mark.parametrize(
    ("wanted", "found", "kind"),
    [
        ("5:2", "5", "lost"),
        ("5:2", "5:3", "doubled"),
        ("5:2", "4:2", "lost"),
        ("-5:2", "-6:2", "doubled"),
        ("5", "", "lost"),
        ("", "5", "doubled"),
        ("9-0/1@=5 10-1/1@=5", "9-0/1@=5", "lost"),
        ("9-0/1@=5", "9-0/1@=10", "doubled"),
        ("5:3 9..11", "5:2 9..10", "lost"),
    ],
)
def test_too_little_is_lost_and_too_much_is_doubled(wanted: str, found: str, kind: str) -> None:
    fields = [{("key", "field"): text} if text else {} for text in (wanted, found)]
    [difference] = compare(fields[0], fields[1])
    assert difference.kind == kind


async def test_a_record_that_stands_twice_in_a_leaf_is_seen(runtime: Runtime) -> None:
    report = Report(1, 8, 2, 41, 50, NOON_S, NOON_S)
    await runtime.engine.book([report])
    client, key = runtime.store.client, "psd:{p0}:8:1:l:201604"
    leaf = await client.get(key)
    assert isinstance(leaf, bytes)
    await client.append(key, leaf[1:])
    found = compare(expected([report]), await stored(client, ["psd:{p0}:8"]))
    assert [(each.key, each.kind) for each in found] == [(key, "doubled")]


@pytest.mark.parametrize("suffix", ["m:201604", "y:2016", "count", "newest", "l:201604"])
async def test_a_wrong_number_of_a_column_is_seen(runtime: Runtime, suffix: str) -> None:
    report = Report(1, 8, 2, 41, 50, NOON_S, NOON_S)
    await runtime.engine.book([report])
    client, key = runtime.store.client, f"psd:columns:{{p0}}:1:{suffix}"
    before = await client.get(key)
    assert isinstance(before, bytes)
    at = 8 if suffix[0] == "l" else 7
    await client.setrange(key, at, bytes([before[at] + 1]))
    found = compare(expected([report]), await stored(client, ["psd:{p0}:8"]))
    assert {each.key for each in found} == {"psd:{p0}:8:1:columns"}


async def test_a_position_that_is_another_owners_is_seen(runtime: Runtime) -> None:
    report = Report(1, 8, 2, 41, 50, NOON_S, NOON_S)
    await runtime.engine.book([report])
    await runtime.store.client.hset("psd:{p0}:8:1:y", "at", "1")
    found = compare(expected([report]), await stored(runtime.store.client, ["psd:{p0}:8"]))
    assert {(each.key, each.kind) for each in found} == {("psd:{p0}:8:1:columns", "lost")}


async def test_what_is_forgotten_leaves_other_owners_alone(runtime: Runtime) -> None:
    kept, gone = generate(5, messages=40, owners=2), generate(6, messages=40, owners=2)
    await book(runtime, kept.bodies + gone.bodies)
    await forget(runtime.store.client, gone.roots)
    assert await stored(runtime.store.client, gone.roots) == {}
    assert await differences(runtime.store.client, kept) == []


def test_a_stream_is_the_same_for_its_seed_and_another_for_the_next() -> None:
    assert generate(7, 300, 4) == generate(7, 300, 4)
    assert not set(generate(7, 300, 4).roots) & set(generate(8, 300, 4).roots)


@pytest.mark.parametrize("seed", [4, 5])
def test_a_tenth_of_a_stream_comes_twice(seed: int) -> None:
    stream = generate(seed, messages=300, owners=4)
    times = Counter(stream.bodies)
    assert stream.repeats == 30
    assert sorted(times.values())[-30:] == [2] * 30
    assert len(stream.bodies) == 330


@pytest.mark.parametrize("seed", [4, 5])
def test_a_tenth_of_a_stream_or_more_comes_late(seed: int) -> None:
    stream = generate(seed, messages=300, owners=1)
    rules_free = [body for body in stream.bodies if b'"ts2":' in body and b'"metrics"' not in body]
    seconds = [int(body.split(b'"ts2":')[1].split(b"}")[0].split(b",")[0]) for body in rules_free]
    latest, late = 0, 0
    for second in seconds:
        late += second < latest
        latest = max(latest, second)
    assert late > len(seconds) / 10


def test_no_two_reports_of_a_stream_share_a_window() -> None:
    stream = generate(8, messages=300, owners=4)
    windows = Counter(
        (event.thing, event.uid, event.aid, event.ts1, event.ts2)
        for event in stream.events
        if isinstance(event, Report) and event.event_id is None
    )
    assert max(windows.values()) == 1


def test_an_additive_stream_has_nothing_that_needs_psd() -> None:
    stream = generate(8, messages=100, owners=2, additive=True)
    assert len(set(stream.bodies)) == len(stream.bodies) == 100
    assert all(event.event_id is not None for event in stream.events)
