"""What stands in one answer is of one moment, while four writers go on booking.

Each booking is an activity of its own with the value 2, all on one day of three, so that of any
moment the sum is twice the count of activities and what the best day has, whatever is booked by
then.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from psd.runtime import Runtime
from tests.support.clients.http import HttpClient
from tests.support.engine import NOON_S, book, report

pytestmark = pytest.mark.psd({"queue.kind": "stream"}, archives=False)

WRITERS = 4
ASKED = 60
DAYS = 3
UIDS = (1, 2, 3)
SPAN = f"start={NOON_S - 90_000}&end={NOON_S + 90_000}"
CUT = f"start={NOON_S - 50_003}&end={NOON_S + 50_003}"
EVERY = "aggregates=sum,count,min,max,avg,first,last"
USERS = "&".join(f"uid={uid}" for uid in UIDS)


def tallied(answer: Any) -> bool:
    """Every row is of one moment in itself."""
    return all(_is_whole(row) for row in answer["data"])


def _is_whole(row: dict[str, Any]) -> bool:
    total = row["sum"]
    of_days = [row["max"], row["min"], row["avg"]]
    return total == 2 * row["count"] and of_days == [total, 0, total / DAYS]


def listed(answer: Any) -> bool:
    return all(row["sums"]["steps"] == 2 * row["bookings"] for row in answer["data"])


def with_types(answer: Any) -> bool:
    """A sum and its types: one that has none is of nothing."""
    return all(bool(value) == bool(answer["atids"][uid]) for uid, value in answer["values"].items())


ANSWERS: dict[str, tuple[str, bytes, Callable[[Any], bool]]] = {
    "all of some users": (f"/v3/sum?thing=steps&{USERS}&{SPAN}&{EVERY}", b"", tallied),
    "cut within days": (f"/v3/sum?thing=steps&{USERS}&{CUT}&{EVERY}", b"", tallied),
    "some types": (f"/v3/sum?thing=steps&uid=1&{CUT}&atid=1&atid=2&{EVERY}", b"", tallied),
    "activities": (f"/v3/users/1/activities?{SPAN}&limit=1000", b"", listed),
    "the original's": (
        f"/v1/mu_query/steps/all/{NOON_S - 90_000}/{NOON_S + 90_000}",
        b"ids=1,2,3",
        with_types,
    ),
}


@pytest.fixture
async def writers(runtime: Runtime) -> AsyncIterator[None]:
    """They book from now on, each for all users."""
    numbers = itertools.count()

    async def write() -> None:
        while True:
            some = [next(numbers) for _ in range(7)]
            await book(
                runtime,
                [
                    report(2, NOON_S + n * 37 % 40_000, uid=uid, aid=n, atid=n % 3)
                    for n in some
                    for uid in UIDS
                ],
            )

    tasks = [asyncio.create_task(write()) for _ in range(WRITERS)]
    yield
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_is_of_one_moment(client: HttpClient, writers: None, name: str) -> None:
    path, body, is_whole = ANSWERS[name]
    seen = set()
    for _ in range(ASKED):
        if body:
            told = await client.request("POST", path, body, "application/x-www-form-urlencoded")
        else:
            told = await client.get(path)
        assert told.status == 200, told.text
        assert is_whole(msgspec.json.decode(told.text)), told.text
        seen.add(told.text.partition('"watermark"')[0])
    assert len(seen) > ASKED // 3, "they went on booking"
