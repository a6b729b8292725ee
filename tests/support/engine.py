"""An engine on a real server, and the words in which a test speaks of it.

>>> async with engine_on(server.url, {"retention.second_s": 3600}) as psd:
...     await psd.engine.book([report(value=400, ts2=NOON_S)])
...     await sum_of(psd, Range(NOON_S, NOON_S + 1))
400
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from redis.asyncio import Redis

from psd.clock import Clock
from psd.config_sources import load_settings
from psd.engine.events import TIME_END_S, Count, Event, Report
from psd.engine.plan import Range
from psd.erasing import erasing
from psd.runtime import Runtime, open_runtime
from psd.store.keys import kind_of
from server import deadline

NOON_S = 1_460_462_400
"""2016-04-12 12:00:00 UTC, a Tuesday."""

DAY_S = 86_400
PATIENCE_S = 60.0
ANSWER_TIMEOUT_S, WRITE_TIMEOUT_S = deadline.ANSWER_TIMEOUT_S, deadline.WRITE_TIMEOUT_S
EVER = Range(0, TIME_END_S)


@asynccontextmanager
async def engine_on(
    url: str,
    flags: Mapping[str, Any] | None = None,
    clock: Clock | None = None,
    archive: Path | None = None,
) -> AsyncIterator[Runtime]:
    """A runtime on the server at ``url`` that answers as soon as Redis does.

    What it accepts goes to ``archive``, a folder, if one is given. It waits for a busy machine,
    and so does a server over it; a test of what is told without an answer sets ``redis.timeout_s``
    itself, and has both times as they are.
    """
    own = {"redis.url": url, "redis.durability": "fast", "redis.timeout_s": PATIENCE_S}
    is_patient = "redis.timeout_s" not in (flags or {})
    if archive is not None:
        own["archive.folder"] = str(archive)
    settings = load_settings(flags={**own, **(flags or {})}).settings
    answer_s = PATIENCE_S if is_patient else ANSWER_TIMEOUT_S
    write_s = 4 * PATIENCE_S if is_patient else WRITE_TIMEOUT_S
    with mock.patch.multiple(deadline, ANSWER_TIMEOUT_S=answer_s, WRITE_TIMEOUT_S=write_s):
        runtime = await open_runtime(settings, clock, archiving=archive is not None)
        try:
            yield runtime
        finally:
            await runtime.close()


def second(text: str) -> int:
    """``second("2016-04-12 12:00:00")`` is the Unix second of that moment, UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def day(text: str, days: int = 1) -> Range:
    """Whole UTC days from the date on."""
    start = second(text)
    return Range(start, start + days * DAY_S)


def report(
    value: int = 10,
    ts2: int = NOON_S,
    ts1: int | None = None,
    uid: int = 1,
    atid: int = 2,
    aid: int = 3,
    thing: int = 1,
) -> Report:
    """A report; without ``ts1`` its window is the one second ``ts2``."""
    return Report(thing, uid, atid, aid, value, ts2 if ts1 is None else ts1, ts2)


def increment(event_id: str, value: int = 10, ts2: int = NOON_S, **fields: int) -> Report:
    """An increment of the same defaults."""
    plain = report(value, ts2, **fields)
    return Report(plain.thing, plain.uid, plain.atid, plain.aid, value, ts2, ts2, event_id=event_id)


def count(event_id: str, value: int = 1, ts: int = NOON_S, name: str = "hifive_1") -> Count:
    """A count."""
    return Count(name, value, ts, event_id)


def dense_day() -> list[Report]:
    """600 bookings on 12 April 2016, 590 of them in one hour, and one the day after."""
    hour = [report(n + 1, NOON_S + n * 6, aid=n) for n in range(590)]
    others = [report(7, NOON_S - n * 3600, aid=700 + n) for n in range(1, 11)]
    return [*hour, *others, report(5, NOON_S + DAY_S, aid=800)]


def erase_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an erasure not wait 2.5 s for other processes, where there are none."""
    monkeypatch.setattr(erasing, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(erasing, "TRIP_S", 0.0)


async def book(psd: Runtime, events: Iterable[Event]) -> list[str]:
    """Book events in one batch; the status of each."""
    return [outcome.status for outcome in await psd.engine.book(list(events))]


async def sum_of(
    psd: Runtime, range_: Range = EVER, uid: int = 1, thing: int = 1, atid: int | None = None
) -> int:
    """One owner's sum of one thing, from the totals."""
    [owner] = await psd.engine.sums([uid], [thing], [range_], atid=atid)
    return owner.sums[thing]


async def collected(
    psd: Runtime, range_: Range = EVER, uid: int = 1, thing: int = 1
) -> tuple[int, dict[int, int]]:
    """The same from the bookings, with the activities of the range."""
    [owner] = await psd.engine.sums([uid], [thing], [range_], activities=True)
    return owner.sums[thing], owner.activities


async def keys_by_level(client: Redis) -> dict[str, list[str]]:
    """Every key by the retention setting that its kind follows; all must be in the catalogue."""
    levels: dict[str, list[str]] = {}
    async for name in client.scan_iter(count=1000):
        kind = kind_of(name.decode())
        assert kind is not None, f"{name!r} is not in the catalogue"
        levels.setdefault(kind.level, []).append(name.decode())
    return levels


async def emptied(psd: Runtime) -> None:
    """Empty the store as its loss would: the connections on which psd writes end with it."""
    await psd.store.client.flushdb()
    await psd.store.writes.close()


async def forget(client: Redis, *levels: str) -> None:
    """Delete all keys of these levels, as the end of their lifetimes would."""
    by_level = await keys_by_level(client)
    for level in levels:
        assert by_level.get(level), f"no key of level {level} to forget"
        await client.delete(*by_level[level])


async def forget_columns(client: Redis) -> None:
    """Delete the columns of boards: a store in which a level has a lifetime keeps none."""
    columns = [key async for key in client.scan_iter("psd:columns:{*")]
    assert columns, "no columns to forget"
    await client.delete(*columns)
