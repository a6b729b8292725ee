"""psd.client against a real server: every part of v3, and what it does when that is unsteady."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from psd.client import ONCE, AsyncClient, Client, Retries, tracing
from psd.clock import ManualClock
from psd.config import AccessSettings, RedisSettings, ServerSettings, Settings
from psd.engine.events import MetricFields
from psd.errors import (
    BadQueryError,
    ChangedError,
    ClientError,
    ForbiddenError,
    IdempotencyMismatchError,
    NotFoundError,
    RequestInHandError,
    ServerUnavailableError,
    StoreUnavailableError,
    UnauthorizedError,
)
from psd.queries.boards.definitions import Definition, SeededRounds
from psd.queries.boards.windows import FixedWindow, RollingWindow, Round
from psd.queries.requests import LeaderboardQuery, SeriesQuery, SumQuery
from psd.runtime import Runtime, open_runtime
from tests.support.access import token_for
from tests.support.engine import DAY_S, NOON_S, book, engine_on, report
from tests.support.http import serving
from tests.support.redis_server import RedisServer
from tests.support.reward_job import Fleet
from tests.support.unsteady import unsteady
from tests.support.waiting import wait_until

ADMIN = token_for("app", "read write")
READER_OF_1 = token_for("reader-of-1", "read", frozenset({1}))
MIDNIGHT_S = NOON_S - DAY_S // 2
QUICK = Retries(first_s=0.001)
SEVEN = {"thing": "steps", "uid": 7, "aid": 1, "value": 90, "ts1": NOON_S, "ts2": NOON_S + 60}


@pytest.fixture
async def runtime(redis_url: str) -> AsyncIterator[Runtime]:
    settings = Settings(
        redis=RedisSettings(url=redis_url, durability="fast"),
        server=ServerSettings(port=0),
        access=AccessSettings(tokens=(ADMIN.line, READER_OF_1.line)),
    )
    runtime = await open_runtime(settings, ManualClock(NOON_S + 30 * DAY_S))
    yield runtime
    await runtime.close()


@pytest.fixture
async def url(runtime: Runtime) -> AsyncIterator[str]:
    async with serving(runtime) as http:
        yield http.url


@pytest.fixture
async def psd(runtime: Runtime, url: str) -> AsyncIterator[AsyncClient]:
    events = [
        report(50, NOON_S, uid=1, aid=1),
        report(30, NOON_S + 20, uid=2, aid=1),
        report(10, NOON_S + 90, uid=2, aid=2),
        report(20, NOON_S + 60, uid=3, aid=1),
    ]
    assert set(await book(runtime, events)) == {"booked"}
    async with AsyncClient(url, token=ADMIN.secret) as client:
        yield client


async def test_sums_are_asked_for_by_name_or_as_a_struct(psd: AsyncClient) -> None:
    answer = await psd.sum(thing="steps", uid=["1", 2], aggregates=["sum", "count", "first"])
    assert [(row.uid, row.sum, row.count) for row in answer.data] == [("1", 50, 1), ("2", 40, 2)]
    assert answer.data[1].first == "2016-04-12T12:00:20Z"
    assert (answer.exact, answer.watermark.newest) == (True, "2016-04-12T12:01:30Z")
    asked = await psd.ask(SumQuery(thing="steps", uid=["1", 2], start=0, end=NOON_S + 1))
    assert [row.sum for row in asked.data] == [50, 0]
    berlin = dt.datetime(2016, 4, 12, 14, 0, 20, tzinfo=ZoneInfo("Europe/Berlin"))
    cut = await psd.sum(thing="steps", uid=2, start=berlin, end=berlin + dt.timedelta(seconds=1))
    assert [row.sum for row in cut.data] == [30]


async def test_a_series_has_a_point_for_each_unit(psd: AsyncClient) -> None:
    answer = await psd.series(
        thing="steps", uid=["1", "2"], start=NOON_S, end=NOON_S + 180, every="minute", by="uid"
    )
    assert [(point.uid, point.sum) for point in answer.data] == [
        ("1", 50), ("1", 0), ("1", 0), ("2", 30), ("2", 10), ("2", 0)
    ]  # fmt: skip
    query = SeriesQuery(
        thing="steps", uid=1, start=NOON_S, end=NOON_S + 120, every="minute", fill="null"
    )
    assert [point.sum for point in (await psd.ask(query)).data] == [50, None]


async def test_boards_are_seen_from_the_top_around_somebody_and_compared(psd: AsyncClient) -> None:
    top = await psd.top("steps", limit=2)
    assert [(row.rank, row.uid, row.value) for row in top.data] == [(1, "1", 50), (2, "2", 40)]
    assert top.total == 3
    around = await psd.around(3, "steps", span=1)
    assert [row.uid for row in around.data] == ["2", "3"]
    compared = await psd.compare("steps", to=NOON_S + 10, uid=[2, 3])
    assert [(row.uid, row.previous_value, row.value_change) for row in compared.data] == [
        ("2", 0, 40), ("3", 0, 20)
    ]  # fmt: skip
    other = await psd.compare("steps", to=(NOON_S, NOON_S + 30), limit=1)
    assert (other.data[0].previous_value, other.data[0].rank_change) == (50, 0)
    earlier = await psd.ask(LeaderboardQuery(thing="steps", as_of=NOON_S + 50))
    assert [row.value for row in earlier.data] == [50, 30, 0]


async def test_a_whole_board_is_one_moment_however_many_pages_it_has(
    psd: AsyncClient, runtime: Runtime
) -> None:
    events = [report(1000 + uid, NOON_S, uid=uid, aid=1) for uid in range(100, 1200)]
    assert set(await book(runtime, events)) == {"booked"}
    assert isinstance(runtime.clock, ManualClock)
    found = []
    async for standing in psd.standings("steps", start=0):
        if not found:
            runtime.clock.advance(600)
            await book(runtime, [report(9999, runtime.clock.now_s() - 300, uid=100, aid=2)])
        found.append(standing)
    assert [standing.rank for standing in found] == list(range(1, 1104))
    assert found[0].uid == "1199"
    assert (await psd.top("steps", limit=1)).data[0].uid == "100"


async def test_activities_are_listed_and_withdrawn(psd: AsyncClient) -> None:
    page = await psd.activities(2, thing=["steps"], start=NOON_S, limit=1)
    assert [(row.aid, row.sums) for row in page.data] == [("1", {"steps": 30})]
    assert page.next is not None
    rest = await psd.activities(2, start=NOON_S, limit=1, cursor=page.next)
    assert [row.aid for row in rest.data] == ["2"]
    assert [row.aid async for row in psd.all_activities("2")] == ["1", "2"]
    done = await psd.withdraw(2, "1", "counted twice")
    assert (done.status, done.taken[0].sum) == ("withdrawn", 30)
    assert (await psd.withdraw("2", 1)).status == "unchanged"
    assert (await psd.sum(thing="steps", uid=2)).data[0].sum == 10
    audit = await psd.audit(2, limit=1)
    assert [(row.aid, row.by, row.note) for row in audit.data] == [("1", "app", "counted twice")]
    assert [row.aid async for row in psd.all_audit(2)] == ["1"]
    with pytest.raises(NotFoundError, match="aid: nothing is known"):
        await psd.withdraw(2, 99)


async def test_events_are_booked_in_as_many_requests_as_they_need(
    psd: AsyncClient, url: str
) -> None:
    events: list[Any] = [{**SEVEN, "uid": uid, "aid": uid} for uid in range(1000, 6500)]
    events[5400] = {"command": "count", "count": {"thing": "hifive_1", "value": 1, "ts": NOON_S}}
    async with unsteady(url) as front, AsyncClient(front.url, token=ADMIN.secret) as client:
        answer = await client.events(iter(events), key="load")
        keys = [request.headers["Idempotency-Key"] for request in front.requests]
    assert keys == ["load-0", "load-1"]
    assert answer.summary["booked"] == 5499
    assert [(each.index, each.code, each.field) for each in answer.refused] == [
        (5400, "missing_id", "id")
    ]
    typed = MetricFields(thing="steps", uid=1000, aid=1, value=10, ts1=NOON_S, ts2=NOON_S)
    assert (await psd.events([typed])).summary["booked"] == 1
    assert (await psd.sum(thing="steps", uid="1000")).data[0].sum == 100
    assert (await psd.events([])).data == []


@pytest.mark.parametrize("mood", ["429", "502", "503", "504", "refuse", "lost", "in_hand"])
async def test_events_are_sent_again_with_their_key_until_the_answer_is_known(
    url: str, mood: str
) -> None:
    async with (
        unsteady(url, mood, mood) as front,
        AsyncClient(front.url, token=ADMIN.secret, retries=QUICK) as client,
    ):
        answer = await client.events([SEVEN])
    # A second booking would say unchanged: that it says booked is the key's doing.
    assert answer.summary["booked"] == 1
    assert len(front.requests) == 3
    assert len({request.headers["Idempotency-Key"] for request in front.requests}) == 1
    assert len({request.body for request in front.requests}) == 1


async def test_a_key_that_is_used_for_other_events_is_refused(psd: AsyncClient) -> None:
    await psd.events([SEVEN], key="once")
    with pytest.raises(IdempotencyMismatchError):
        await psd.events([{**SEVEN, "value": 91}], key="once")


async def test_it_gives_up_after_its_tries_with_what_was_last(url: str) -> None:
    retries = Retries(tries_max=3, first_s=0.001)
    async with (
        unsteady(url, "503", "refuse", "in_hand", "503", "503", "503") as front,
        AsyncClient(front.url, token=ADMIN.secret, retries=retries) as client,
    ):
        with pytest.raises(RequestInHandError):
            await client.events([SEVEN])
        with pytest.raises(ServerUnavailableError, match="503"):
            await client.sum(thing="steps", uid=1)
    assert len(front.requests) == 6


async def test_a_change_of_a_board_is_sent_once(url: str) -> None:
    board = Definition(thing="steps", window=RollingWindow(60))
    async with (
        unsteady(url, "lost") as front,
        AsyncClient(front.url, token=ADMIN.secret, retries=QUICK) as client,
    ):
        with pytest.raises(ServerUnavailableError):
            await client.boards.put("april", board, is_new=True)
        assert (await client.boards.get("april")).board.revision == 1
    assert [request.method for request in front.requests] == ["PUT", "GET"]


async def test_a_server_that_stalls_is_given_up_in_time(url: str) -> None:
    async with (
        unsteady(url, "stall") as front,
        AsyncClient(front.url, timeout_s=0.05, retries=ONCE) as client,
    ):
        with pytest.raises(ServerUnavailableError, match="does not answer"):
            await client.top("steps")


async def test_a_server_without_room_is_asked_again_when_it_says(redis_url: str) -> None:
    flags = {"server.port": 0, "server.connections_max": 1}
    async with engine_on(redis_url, flags) as runtime, serving(runtime) as http:
        first = AsyncClient(http.url)
        await first.top("steps")
        async with AsyncClient(http.url, retries=ONCE) as second:
            with pytest.raises(ServerUnavailableError):
                await second.top("steps")
        async with AsyncClient(http.url) as third:
            waiting = asyncio.create_task(third.top("steps"))
            await first.close()
            assert (await waiting).data == []


async def test_a_server_that_is_not_there_or_is_no_psd_is_told_apart(url: str) -> None:
    async with AsyncClient("http://127.0.0.1:1", retries=ONCE) as client:
        with pytest.raises(ServerUnavailableError, match=r"127\.0\.0\.1:1 does not answer"):
            await client.top("steps")
    async with (
        unsteady(url, "200", "404") as front,
        AsyncClient(front.url) as client,
    ):
        with pytest.raises(ClientError, match="not that of a psd server") as caught:
            await client.top("steps")
        assert caught.value.status == 200
        with pytest.raises(ClientError, match="the server answered 404"):
            await client.top("steps")


async def test_a_store_that_is_away_is_the_error_that_the_server_has(
    own_redis: RedisServer,
) -> None:
    async with (
        engine_on(own_redis.url, {"server.port": 0}) as runtime,
        serving(runtime) as http,
        AsyncClient(http.url, retries=ONCE) as client,
    ):
        assert (await client.sum(thing="steps", uid=1)).data[0].sum == 0
        own_redis.kill9()
        with pytest.raises(StoreUnavailableError) as caught:
            await client.sum(thing="steps", uid=1)
    assert caught.value.retryable


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


async def test_a_bad_question_names_its_field_and_the_request(psd: AsyncClient) -> None:
    with tracing(request_id="order-91"), pytest.raises(BadQueryError, match="thing: 'x'") as caught:
        await psd.top("x")
    assert caught.value.__notes__ == ["the server answered 400, request order-91"]


async def test_a_callers_trace_is_passed_on_by_each_task_for_itself(url: str) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    async with unsteady(url) as front, AsyncClient(front.url, token=ADMIN.secret) as client:

        async def ask(name: str) -> None:
            with tracing(traceparent=trace, request_id=name):
                await client.activities(name.removeprefix("r"))

        await asyncio.gather(*(ask(f"r{number}") for number in range(20)))
        await client.top("steps")
    for request in front.requests[:20]:
        name = request.headers["X-Request-Id"]
        assert f"/users/{name[1:]}/" in request.path
        assert request.headers["traceparent"] == trace
    assert "traceparent" not in front.requests[20].headers
    assert front.requests[20].headers["User-Agent"].startswith("psd-client/")


async def test_a_board_is_kept_changed_and_asked(psd: AsyncClient) -> None:
    window = FixedWindow(MIDNIGHT_S, MIDNIGHT_S + DAY_S)
    made = await psd.boards.put("april", Definition(thing="steps", window=window), members=[1, "2"])
    assert (made.board.members, made.board.revision) == (2, 1)
    with pytest.raises(ChangedError):
        await psd.boards.put("april", Definition(thing="steps", window=window), is_new=True)
    changed = await psd.boards.patch("april", {"title": "April cup"}, tag=made.tag)
    assert (changed.board.title, changed.board.window) == ("April cup", window)
    with pytest.raises(ChangedError):
        await psd.boards.drop("april", tag=made.tag)
    assert (await psd.boards.get("april")).tag == changed.tag
    moved = await psd.boards.change_members("april", add=[3, 4], remove=[2])
    assert (moved.added, moved.removed, moved.members) == (2, 1, 3)
    assert [row.uid for row in (await psd.boards.members("april", limit=1)).data] == ["1"]
    assert [uid async for uid in psd.boards.all_members("april")] == ["1", "3", "4"]
    standing = await psd.boards.standing("april", as_of=NOON_S + 30, compare_to=NOON_S, limit=1)
    assert [(row.uid, row.value, row.previous_value) for row in standing.data] == [("1", 50, 0)]
    assert [row.uid for row in (await psd.top(board="april")).data] == ["1", "3", "4"]
    final = await psd.boards.declare("april")
    assert (final.declared_by, final.total) == ("app", 3)
    assert (await psd.boards.final("april", limit=1)).data[0].uid == "1"
    assert [row.uid async for row in psd.boards.all_final("april")] == ["1", "3", "4"]
    assert [row.name async for row in psd.boards.all()] == ["april"]
    assert (await psd.boards.clear_members("april")).members == 0
    await psd.boards.drop("april", tag="*")
    assert (await psd.boards.page()).data == []


async def test_head_to_head_rounds_come_as_structs(psd: AsyncClient) -> None:
    window = FixedWindow(MIDNIGHT_S, MIDNIGHT_S + DAY_S)
    rounds = SeededRounds(windows=[Round(NOON_S, NOON_S + 100)], order=["2", "1"])
    cup = Definition(thing="steps", window=window, rounds=rounds)
    await psd.boards.put("cup", cup, members=["1", "2"])
    bracket = await psd.boards.bracket("cup")
    assert bracket.champion == "1"
    [match] = bracket.rounds[0].matches
    assert match.second is not None
    assert (match.first.uid, match.first.score, match.second.score) == ("2", 40, 50)
    assert (await psd.boards.bracket("cup", as_of=NOON_S - 1)).rounds[0].state == "to_come"


async def test_vehicles_are_booked_computed_and_explained(redis_url: str) -> None:
    async with (
        engine_on(redis_url, {"server.port": 0}) as runtime,
        serving(runtime) as http,
        AsyncClient(http.url) as psd,
    ):
        known = await psd.rewards.vehicles([{"vehicle": 7, "owner": "42", "vin": "V" * 17}])
        assert known.booked == 1
        paired = {"vehicle": 7, "integrations": ["Smartcar"], "owner": "42"}
        assert (await psd.rewards.vehicles([paired])).refused == []
        when = "2022-02-02T05:00:00Z"
        sent = [{"vehicle": 7, "integration": "Smartcar", "time": when}] * 1000
        sent.append({"vehicle": 7, "integration": "Horse", "time": when})
        booked = await psd.rewards.activity(sent)
        assert booked.booked + booked.unchanged + booked.duplicate == 1000
        assert [(each.index, each.code) for each in booked.refused] == [(1000, "out_of_bounds")]
        points = {"vehicle": 7, "thing": "promotions", "points": 500, "time": when, "id": "p"}
        assert (await psd.rewards.earnings([points])).booked == 1
        await Fleet(runtime).calculate(0)
        statement = await psd.rewards.statement(7, week=0)
        assert (statement.vehicle, statement.connection_streak) == (7, 1)
        streaks = await psd.rewards.streaks()
        assert [(each.rank, each.vehicle) for each in streaks.data] == [(1, 7)]
        assert [each.vehicle async for each in psd.rewards.all_streaks(week=0)] == [7]
        assert (await psd.rewards.at_risk()).data == []
        assert [each async for each in psd.rewards.all_at_risk(owner="42")] == []


async def test_without_asyncio_the_same_is_asked(psd: AsyncClient, url: str) -> None:
    def ask() -> None:
        with Client(url, token=ADMIN.secret) as client:
            assert client.sum(thing="steps", uid="1").data[0].sum == 50
            assert client.ask(LeaderboardQuery(thing="steps", limit=1)).total == 3
            standings = client.standings("steps")
            assert next(standings).uid == "1"
            standings.close()
            assert client.events([SEVEN]).summary["booked"] == 1
            assert [answer.data for answer in client.event_batches([])] == []
            client.boards.put("b", Definition(thing="steps", window=RollingWindow(60)), members=[1])
            assert list(client.boards.all_members("b")) == ["1"]
            with pytest.raises(NotFoundError):
                client.rewards.statement(7)
            with tracing(request_id="from-a-thread"), pytest.raises(BadQueryError) as caught:
                client.top("x")
            assert caught.value.__notes__ == ["the server answered 400, request from-a-thread"]
            assert next(client.standings("steps")).rank == 1

    await asyncio.to_thread(ask)


async def test_a_client_that_is_closed_leaves_nobody_waiting(url: str) -> None:
    async with unsteady(url, "stall") as front:
        client = Client(front.url)
        waiting = asyncio.create_task(asyncio.to_thread(client.top, "steps"))
        await wait_until("the question is there", lambda: front.requests)
        await asyncio.to_thread(client.close)
        with pytest.raises(RuntimeError, match="closed"):
            await waiting


async def test_one_client_serves_many_threads(psd: AsyncClient, url: str) -> None:
    def ask(client: Client, uid: int) -> int | object:
        return client.sum(thing="steps", uid=uid).data[0].sum

    with Client(url, token=ADMIN.secret) as client:
        uids = [1, 2, 3] * 10
        found = await asyncio.gather(*(asyncio.to_thread(ask, client, uid) for uid in uids))
    assert found == [50, 40, 20] * 10
