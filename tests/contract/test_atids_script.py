"""Bookings by atid equal those of a plain list, on every engine and with leaves of any size."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from psd.engine.events import TIME_END_S, VALUE_MAX, Report
from psd.engine.plan import WEEK_S, Range
from psd.engine.tallies import AtidSum
from psd.errors import DetailExpiredError, OutOfBoundsError
from psd.runtime import Runtime
from psd.store import scripts
from tests.support.draws.random_reports import random_reports
from tests.support.engine import (
    DAY_S,
    EVER,
    NOON_S,
    book,
    dense_day,
    engine_on,
    forget,
    report,
    second,
)
from tests.support.plain.model import Model
from tests.support.scripts.small_leaves import small_lua_folder
from tests.support.servers.redis_server import RedisServer


@pytest.fixture(params=["own limits", "small limits"])
def limits(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """With small limits a few bookings fill months, days, hours and minutes."""
    if request.param == "small limits":
        folder = small_lua_folder(tmp_path)
        monkeypatch.setattr(scripts, "lua_folder", lambda: folder)
    return request.param


@pytest.fixture
async def sized(limits: str, engine_server: RedisServer) -> AsyncIterator[Runtime]:
    """An empty store whose leaves have either size."""
    engine_server.flush()
    async with engine_on(engine_server.url) as runtime:
        yield runtime


def naive(reports: list[Report], asked: Range) -> dict[int, AtidSum]:
    """The same from a list of everything sent by owner 1 of thing 1."""
    model = Model(reports)
    found = [
        booking
        for uid, thing, aid in model.all_activities()
        if (uid, thing) == (1, 1)
        for booking in model.entries(uid, thing, aid)
        if asked.start <= booking.second < asked.end
    ]
    by_atid: dict[int, list[tuple[int, int]]] = {}
    for booking in sorted(found, key=lambda each: each.second):
        by_atid.setdefault(booking.atid, []).append((booking.second, booking.delta))
    return {
        atid: AtidSum(
            sum(delta for _, delta in bookings), len(bookings), bookings[0][0], bookings[-1][0]
        )
        for atid, bookings in by_atid.items()
    }


def random_range(rng: random.Random, reports: list[Report]) -> Range:
    """Weeks, all time, and ranges that begin and end on or beside a booking."""
    near = rng.choice(reports).ts2 + rng.choice((-1, 0, 1))
    length = rng.choice((1, 3600, DAY_S, WEEK_S, 400 * DAY_S))
    return rng.choice((EVER, Range(near, near + length), Range(near - length, near)))


@pytest.mark.parametrize("seed", range(4))
async def test_bookings_by_atid_are_those_of_a_plain_list(sized: Runtime, seed: int) -> None:
    for number in range(5):
        rng = random.Random(f"atids {seed}/{number}")
        reports = random_reports(rng)
        await sized.store.client.flushdb()
        assert "refused" not in await book(sized, reports)
        for _ in range(10):
            asked = random_range(rng, reports)
            got = await sized.engine.by_atid(1, 1, asked)
            assert got == naive(reports, asked), f"seed {seed}/{number} {asked}"


async def test_a_dense_day_is_read_to_the_minute(sized: Runtime) -> None:
    reports = dense_day()
    await book(sized, reports)
    for asked in (EVER, Range(NOON_S + 7, NOON_S + 3001), Range(NOON_S - DAY_S, NOON_S + 1)):
        assert await sized.engine.by_atid(1, 1, asked) == naive(reports, asked)


async def test_atids_come_in_the_order_of_their_first_booking(psd: Runtime) -> None:
    await book(psd, [report(1, NOON_S + n, atid=atid, aid=n) for n, atid in enumerate((9, 3, 9))])
    assert list(await psd.engine.by_atid(1, 1, EVER)) == [9, 3]


@pytest.mark.parametrize("atid", [-(2**63), -1, 0, 300, 2**53 + 1, 2**63 - 1])
async def test_an_atid_of_64_bits_comes_back_exactly(psd: Runtime, atid: int) -> None:
    await book(psd, [report(4, atid=atid), report(1, NOON_S + 1, aid=5, atid=1)])
    assert (await psd.engine.by_atid(1, 1, EVER))[atid] == AtidSum(4, 1, NOON_S, NOON_S)


async def test_who_has_no_bookings_has_no_atids(psd: Runtime) -> None:
    await book(psd, [report(1)])
    assert await psd.engine.by_atid(2, 1, EVER) == {}
    assert await psd.engine.by_atid(1, 2, EVER) == {}
    assert await psd.engine.by_atid(1, 1, Range(NOON_S + 1, TIME_END_S)) == {}


async def test_the_bookings_of_other_weeks_may_have_expired(engine_server: RedisServer) -> None:
    engine_server.flush()
    flags = {"retention.second_s": 60}
    async with engine_on(engine_server.url, flags) as psd:
        await book(psd, [report(1, second("2016-03-01 10:00:00"))])
        await forget(psd.store.client, "second")
        await book(psd, [report(1)])
        with pytest.raises(DetailExpiredError) as caught:
            await psd.engine.by_atid(1, 1, EVER)
        assert caught.value.resolution == "day"
        assert await psd.engine.by_atid(1, 1, Range(NOON_S, NOON_S + 1))


async def test_a_sum_past_the_bound_is_refused(psd: Runtime) -> None:
    await book(psd, [report(VALUE_MAX)])
    assert await book(psd, [report(9, NOON_S + 400 * DAY_S, aid=4)]) == ["booked"]
    with pytest.raises(OutOfBoundsError):
        await psd.engine.by_atid(1, 1, EVER)
    assert len(await psd.engine.by_atid(1, 1, Range(NOON_S, NOON_S + 1))) == 1
