"""What a client asks: sums, series and boards, in whose name, and with whose trace."""

from __future__ import annotations

import asyncio
import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from psd.client import AsyncClient, tracing
from psd.clock import ManualClock
from psd.errors import BadQueryError, ForbiddenError, UnauthorizedError
from psd.queries.requests import LeaderboardQuery, SeriesQuery, SumQuery
from psd.runtime import Runtime
from tests.support.clients.client_side import ADMIN, READER_OF_1, STEPS_OF_THREE
from tests.support.clients.unsteady import unsteady
from tests.support.engine import NOON_S, book, report

pytestmark = STEPS_OF_THREE


async def test_sums_are_asked_for_by_name_or_as_a_struct(asking: AsyncClient) -> None:
    answer = await asking.sum(thing="steps", uid=["1", 2], aggregates=["sum", "count", "first"])
    assert [(row.uid, row.sum, row.count) for row in answer.data] == [("1", 50, 1), ("2", 40, 2)]
    assert answer.data[1].first == "2016-04-12T12:00:20Z"
    assert (answer.exact, answer.watermark.newest) == (True, "2016-04-12T12:01:30Z")
    asked = await asking.ask(SumQuery(thing="steps", uid=["1", 2], start=0, end=NOON_S + 1))
    assert [row.sum for row in asked.data] == [50, 0]
    berlin = dt.datetime(2016, 4, 12, 14, 0, 20, tzinfo=ZoneInfo("Europe/Berlin"))
    cut = await asking.sum(thing="steps", uid=2, start=berlin, end=berlin + dt.timedelta(seconds=1))
    assert [row.sum for row in cut.data] == [30]


async def test_a_series_has_a_point_for_each_unit(asking: AsyncClient) -> None:
    answer = await asking.series(
        thing="steps", uid=["1", "2"], start=NOON_S, end=NOON_S + 180, every="minute", by="uid"
    )
    assert [(point.uid, point.sum) for point in answer.data] == [
        ("1", 50), ("1", 0), ("1", 0), ("2", 30), ("2", 10), ("2", 0)
    ]  # fmt: skip
    query = SeriesQuery(
        thing="steps", uid=1, start=NOON_S, end=NOON_S + 120, every="minute", fill="null"
    )
    assert [point.sum for point in (await asking.ask(query)).data] == [50, None]


async def test_boards_are_seen_from_the_top_around_somebody_and_compared(
    asking: AsyncClient,
) -> None:
    top = await asking.top("steps", limit=2)
    assert [(row.rank, row.uid, row.value) for row in top.data] == [(1, "1", 50), (2, "2", 40)]
    assert top.total == 3
    around = await asking.around(3, "steps", span=1)
    assert [row.uid for row in around.data] == ["2", "3"]
    compared = await asking.compare("steps", to=NOON_S + 10, uid=[2, 3])
    assert [(row.uid, row.previous_value, row.value_change) for row in compared.data] == [
        ("2", 0, 40), ("3", 0, 20)
    ]  # fmt: skip
    other = await asking.compare("steps", to=(NOON_S, NOON_S + 30), limit=1)
    assert (other.data[0].previous_value, other.data[0].rank_change) == (50, 0)
    earlier = await asking.ask(LeaderboardQuery(thing="steps", as_of=NOON_S + 50))
    assert [row.value for row in earlier.data] == [50, 30, 0]


async def test_a_whole_board_is_one_moment_however_many_pages_it_has(
    asking: AsyncClient, runtime: Runtime
) -> None:
    events = [report(1000 + uid, NOON_S, uid=uid, aid=1) for uid in range(100, 1200)]
    assert set(await book(runtime, events)) == {"booked"}
    assert isinstance(runtime.clock, ManualClock)
    found = []
    async for standing in asking.standings("steps", start=0):
        if not found:
            runtime.clock.advance(600)
            await book(runtime, [report(9999, runtime.clock.now_s() - 300, uid=100, aid=2)])
        found.append(standing)
    assert [standing.rank for standing in found] == list(range(1, 1104))
    assert found[0].uid == "1199"
    assert (await asking.top("steps", limit=1)).data[0].uid == "100"


async def test_what_is_relative_counts_from_the_first_page(
    asking: AsyncClient, runtime: Runtime
) -> None:
    assert isinstance(runtime.clock, ManualClock)
    late_s = runtime.clock.now_s() - 60
    events = [report(1000 + uid, late_s, uid=uid, aid=1) for uid in range(100, 1200)]
    assert set(await book(runtime, events)) == {"booked"}
    found = []
    async for standing in asking.standings("steps", start="-2m", compare_to="-1m"):
        if not found:
            runtime.clock.advance(600)
        found.append(standing)
    assert {standing.value for standing in found} == {0, *range(1100, 2200)}
    assert [standing.previous_value for standing in found[:1]] == [0]
    assert found[0].uid == "1199"


async def test_who_asks_is_told_by_the_token(url: str) -> None:
    async with AsyncClient(url) as nobody:
        with pytest.raises(UnauthorizedError):
            await nobody.sum(thing="steps", uid=1)
    async with AsyncClient(url, token=READER_OF_1.secret) as reader:
        assert (await reader.sum(thing="steps", uid=[1, 2])).data[1].sum == 0
        with pytest.raises(ForbiddenError):
            await reader.top("steps")
        with pytest.raises(ForbiddenError):
            await reader.withdraw(1, 1)


async def test_a_bad_question_names_its_field_and_the_request(asking: AsyncClient) -> None:
    with tracing(request_id="order-91"), pytest.raises(BadQueryError, match="thing: 'x'") as caught:
        await asking.top("x")
    assert caught.value.__notes__ == ["the server answered 400, request order-91"]


async def test_a_callers_trace_is_passed_on_by_each_task_for_itself(url: str) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    async with unsteady(url) as front, AsyncClient(front.url, token=ADMIN.secret) as client:

        async def ask(name: str) -> None:
            with tracing(traceparent=trace, tracestate="congo=1", request_id=name):
                await client.activities(name.removeprefix("r"))

        await asyncio.gather(*(ask(f"r{number}") for number in range(20)))
        await client.top("steps")
    for request in front.requests[:20]:
        name = request.headers["X-Request-Id"]
        assert f"/users/{name[1:]}/" in request.path
        assert request.headers["traceparent"] == trace
        assert request.headers["tracestate"] == "congo=1"
    assert "traceparent" not in front.requests[20].headers
    assert front.requests[20].headers["User-Agent"].startswith("psd-client/")
