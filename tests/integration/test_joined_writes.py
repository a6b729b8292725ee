"""Writes of several requests that travel together are one call, and each has its own outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from redis.asyncio import Connection
from redis.exceptions import ConnectionError as RedisConnectionError

from psd.engine.events import Event
from psd.errors import StoreError, StoreUnavailableError
from psd.runtime import Runtime
from psd.store import link
from psd.store.scripts import Script
from psd.store.sending import Command
from psd.store.trail import Trail
from tests.support.engine import EVER, NOON_S, book, count, increment, report, sum_of

# Owners of one partition may be in one call.
pytestmark = pytest.mark.psd({"queue.kind": "nsq", "redis.partitions": 1})

USERS = range(1, 31)


class Sent:
    """The calls that book, as they leave: how many owners each is about."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.owners: list[int] = []
        self.connects_once = False
        write, book_sha = link.write, Script("engine.book").sha
        connected = link.Link._connected

        async def seen(connection: Connection, commands: Sequence[Command]) -> None:
            calls = [int(each[2]) for each in commands if each[:2] == ("EVALSHA", book_sha)]
            self.owners += calls
            await write(connection, commands)

        async def found(of: link.Link) -> Connection:
            if self.connects_once and self.owners:
                raise RedisConnectionError("nobody is there")
            return await connected(of)

        monkeypatch.setattr(link, "write", seen)
        monkeypatch.setattr(link.Link, "_connected", found)


@pytest.fixture
async def sent(psd: Runtime, monkeypatch: pytest.MonkeyPatch) -> Sent:
    """After a booking of every user, so that the index knows them."""
    await book(psd, [report(1, NOON_S - 100, uid=uid) for uid in USERS])
    await book(psd, [count("seed")])
    return Sent(monkeypatch)


async def together(psd: Runtime, batches: Sequence[Sequence[Event]]) -> list[list[str]]:
    """Statuses of batches that are booked at once."""
    return await asyncio.gather(*(book(psd, batch) for batch in batches))


async def test_writes_of_one_turn_are_one_call(psd: Runtime, sent: Sent) -> None:
    batches = [[report(uid, NOON_S, uid=uid)] for uid in USERS]
    assert await together(psd, batches) == [["booked"]] * len(USERS)
    assert sent.owners == [len(USERS)]
    for uid in USERS:
        assert await sum_of(psd, EVER, uid=uid) == 1 + uid


async def test_each_has_its_own_outcome(psd: Runtime, sent: Sent) -> None:
    await book(psd, [increment("once", 5, uid=2)])
    sent.owners.clear()
    batches: list[list[Event]] = [
        [report(7, NOON_S, uid=1), report(8, NOON_S + 1, uid=3)],
        [increment("once", 5, uid=2)],
        [report(1, NOON_S - 100, uid=4)],
        [report(9, NOON_S, uid=5), report(9, NOON_S, uid=5)],
    ]
    assert await together(psd, batches) == [
        ["booked", "booked"],
        ["duplicate"],
        ["unchanged"],
        ["booked", "unchanged"],
    ]
    assert sent.owners == [5]


async def test_requests_about_one_user_stay_apart(psd: Runtime, sent: Sent) -> None:
    batches = [[report(value, NOON_S, uid=1)] for value in (5, 6)]
    assert await together(psd, batches) == [["booked"]] * 2
    assert sent.owners == [1, 1]
    assert await sum_of(psd, EVER, uid=1) == 1 + 6


async def spoil(psd: Runtime, uid: int) -> None:
    """Whatever is booked for this user from now on is refused by Redis."""
    root = psd.store.placement.owner_root(uid)
    for key in await psd.store.client.keys(f"{root}:*"):
        await psd.store.client.set(key, "of another program")


async def test_what_is_refused_of_one_request_stops_no_other(psd: Runtime, sent: Sent) -> None:
    await spoil(psd, 1)
    first, *others = await asyncio.gather(
        *(book(psd, [report(uid, NOON_S, uid=uid)]) for uid in (1, 2, 3)), return_exceptions=True
    )
    assert isinstance(first, StoreError)
    assert others == [["booked"]] * 2
    assert sent.owners == [3, 1, 1, 1]
    assert [await sum_of(psd, EVER, uid=uid) for uid in (2, 3)] == [3, 4]
    # For a moment none are joined, since whoever was refused may well come again.
    sent.owners.clear()
    assert await together(psd, [[report(4, NOON_S + 5, uid=uid)] for uid in (5, 6)])
    assert sent.owners == [1, 1]


async def test_fences_go_by_themselves(psd: Runtime, sent: Sent) -> None:
    fence = dict.fromkeys((1, 2), ("rule", 3))
    await asyncio.gather(
        *(psd.engine.book([report(uid, NOON_S, uid=uid)], fences=fence) for uid in (1, 2))
    )
    assert sent.owners == [1, 1]


async def test_whoever_is_sent_again_and_lost_is_not_known(psd: Runtime, sent: Sent) -> None:
    """The second trip never left, but the first may have written for others."""
    await spoil(psd, 1)
    sent.connects_once = True
    trails = [Trail(), Trail()]

    async def booked(trail: Trail, uid: int) -> None:
        with trail:
            await psd.engine.book([report(5, NOON_S + 1, uid=uid)])

    found = await asyncio.gather(
        *(booked(trail, uid) for trail, uid in zip(trails, (1, 2), strict=True)),
        return_exceptions=True,
    )
    assert [type(each) for each in found] == [StoreUnavailableError] * 2
    assert all(trail.has_written for trail in trails)
