"""A key of another type in psd's place fails the call before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pytest

from psd.engine.events import Event
from psd.errors import StoreError
from psd.runtime import Runtime
from tests.support.engine import NOON_S, book, increment, report, sum_of
from tests.support.stored.keyspace import keyspace

HOUR = NOON_S // 3600
DAY = NOON_S // 86_400
FULL_LEAF = range(512)
FEW_MORE = range(512, 516)


class Case(NamedTuple):
    """A foreign key, what was booked before it, and what then needs it."""

    key: str
    then: Sequence[Event] = (report(),)
    before: Sequence[Event] = ()


def activities(aids: range, gap_s: int = 1) -> list[Event]:
    return [report(5, NOON_S + aid * gap_s, aid=aid) for aid in aids]


def totals(numbers: range, gap_s: int) -> list[Event]:
    return [report(10 + n, NOON_S + n * gap_s, ts1=NOON_S) for n in numbers]


HASHES = {
    "year totals": Case("psd:{p0}:1:1:y"),
    "month totals": Case("psd:{p0}:1:1:m:2016"),
    "day totals": Case("psd:{p0}:1:1:d:201604"),
    "week totals": Case("psd:{p0}:1:1:w:2016:1"),
    "activities": Case("psd:{p0}:1:1:a:0"),
    "activities, a new shard": Case(
        "psd:{p0}:1:1:a:1", activities(range(97, 102)), activities(range(1, 97))
    ),
    "markers": Case(f"psd:{{p0}}:1:k:{DAY}", [increment("a")]),
    "hour totals": Case("psd:{p0}:1:1:h:20160412", activities(FEW_MORE), activities(FULL_LEAF)),
    "minute totals": Case(
        "psd:{p0}:1:1:n:2016041212", activities(FEW_MORE, 5), activities(FULL_LEAF, 5)
    ),
    "an activity that gets long": Case("psd:{p0}:1:1:r:3", totals(range(5), 60)),
    "a long activity": Case("psd:{p0}:1:1:r:3", totals(range(6, 9), 60), totals(range(6), 60)),
}

STRINGS = {
    "leaf": Case("psd:{p0}:1:1:l:201604"),
    "leaf of a day": Case(
        "psd:{p0}:1:1:l:20160412", activities(range(128, 132), 20), activities(range(128), 20)
    ),
    "an hour's reports, new": Case(f"psd:{{p0}}:1:1:r:3:{HOUR}", totals(range(5), 60)),
    "an hour's reports, later": Case(
        f"psd:{{p0}}:1:1:r:3:{HOUR + 1}", totals(range(60, 63), 60), totals(range(6), 60)
    ),
    "an hour's reports, appended": Case(
        f"psd:{{p0}}:1:1:r:3:{HOUR}", totals(range(6, 9), 60), totals(range(6), 60)
    ),
}


async def fails_whole(psd: Runtime, case: Case) -> None:
    """Booking answers an error, and the store is as it was, that of other owners as well."""
    before = await keyspace(psd.store.client)
    with pytest.raises(StoreError, match="WRONGTYPE"):
        await book(psd, [report(uid=2), *case.then])
    assert await keyspace(psd.store.client) == before


@pytest.mark.parametrize("case", HASHES.values(), ids=HASHES)
async def test_a_string_in_the_place_of_a_hash_fails_before_any_write(
    psd: Runtime, case: Case
) -> None:
    await book(psd, case.before)
    await psd.store.client.delete(case.key)
    await psd.store.client.set(case.key, "foreign")
    await fails_whole(psd, case)


@pytest.mark.parametrize("case", STRINGS.values(), ids=STRINGS)
async def test_a_hash_in_the_place_of_a_string_fails_before_any_write(
    psd: Runtime, case: Case
) -> None:
    await book(psd, case.before)
    await psd.store.client.delete(case.key)
    await psd.store.client.hset(case.key, "foreign", "1")
    await fails_whole(psd, case)


async def test_a_foreign_key_fails_reads_instead_of_counting_as_nothing(psd: Runtime) -> None:
    await psd.store.client.set("psd:{p0}:1:1:y", "foreign")
    with pytest.raises(StoreError, match="WRONGTYPE"):
        await sum_of(psd)
