"""Commands travel together, come back to whom they belong, and are sent once."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from psd.errors import StoreError, StoreUnavailableError
from psd.observe.metrics import Metrics
from psd.store.callers import Caller, enter_caller
from psd.store.clients import make_client
from psd.store.lane import TRIP_COMMANDS_MAX, TRIP_US, Command, Lane
from tests.support.engine import PATIENCE_S
from tests.support.servers.redis_cluster import stalled
from tests.support.servers.redis_server import RedisServer
from tests.support.waiting import loop_turns, passed, wait_until

pytestmark = pytest.mark.one_server("a lane is to one server, on a cluster to one of its nodes")

TIMEOUT_S = 0.3
"""Of lanes whose server is stalled until they give up; test_store_servers.py has psd's own."""

GRACE_S = 0.5
LIMIT_S = 30.0
"""Within this a caller must know that Redis is away."""


class LaneOnServer:
    """A lane with its server, and a plain client beside it that looks at the server."""

    def __init__(
        self, server: RedisServer, client: Redis, connections: int, timeout_s: float
    ) -> None:
        self.server = server
        self.metrics = Metrics()
        self.lane = Lane(make_client(server.url), timeout_s, self.metrics, connections)
        self.client = client

    def trips(self) -> tuple[int, int]:
        """Trips so far, and the commands that they carried."""
        sample = self.metrics.registry.get_sample_value
        trips = sample("psd_trip_commands_count")
        return int(trips or 0), int(sample("psd_trip_commands_sum") or 0)

    async def calls_of(self, command: str) -> int:
        """Times that the server has run a command."""
        stats = await self.client.info("commandstats")
        return int(stats.get(f"cmdstat_{command}", {}).get("calls", 0))


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server that the tests of this file may stop and configure."""
    with RedisServer(tmp_path_factory.mktemp("lane")) as server:
        yield server


@asynccontextmanager
async def lane_on(
    server: RedisServer, connections: int, timeout_s: float = PATIENCE_S
) -> AsyncIterator[LaneOnServer]:
    """A lane on an empty server that has counted no command yet."""
    server.flush()
    client = server.client()
    await client.config_resetstat()
    built = LaneOnServer(server, client, connections, timeout_s)
    try:
        yield built
    finally:
        await built.lane.close()
        await client.aclose()


@pytest.fixture(params=[1, 2], ids=["one connection", "two connections"])
async def on(
    request: pytest.FixtureRequest, own_server: RedisServer
) -> AsyncIterator[LaneOnServer]:
    async with lane_on(own_server, request.param) as built:
        yield built


@pytest.fixture(params=[1, 2], ids=["one connection", "two connections"])
async def hasty(
    request: pytest.FixtureRequest, own_server: RedisServer
) -> AsyncIterator[LaneOnServer]:
    """The same of a lane that soon gives a stalled server up."""
    async with lane_on(own_server, request.param, TIMEOUT_S) as built:
        yield built


async def outcomes(*calls: Any) -> tuple[list[Any], float]:
    """Replies and errors by position, and the seconds until the last of them."""
    started_s = time.monotonic()
    found = await asyncio.gather(*calls, return_exceptions=True)
    return found, time.monotonic() - started_s


@pytest.mark.parametrize(("connections", "trips"), [(1, 1), (2, 2), (9, 7)])
async def test_commands_of_one_turn_of_the_loop_travel_together(
    own_server: RedisServer, connections: int, trips: int
) -> None:
    """In one trip a connection, none of them (but the last) below TRIP_COMMANDS_MIN."""
    async with lane_on(own_server, connections=connections) as on:
        replies, _ = await outcomes(*(on.lane.call(("ECHO", str(n))) for n in range(50)))
        assert replies == [str(n).encode() for n in range(50)]
        assert on.trips() == (trips, 50)


async def test_commands_that_come_during_a_trip_travel_together(own_server: RedisServer) -> None:
    async with lane_on(own_server, connections=1) as on:
        await on.lane.call(("PING",))
        with stalled(on.server):
            calls = [asyncio.create_task(on.lane.call(("ECHO", "first")))]
            await loop_turns()
            for number in range(20):
                calls.append(asyncio.create_task(on.lane.call(("ECHO", str(number)))))
                await loop_turns()
        replies, _ = await outcomes(*calls)
        assert replies == [b"first", *(str(n).encode() for n in range(20))]
        assert on.trips() == (3, 22)


async def test_a_long_queue_travels_in_trips_of_a_bounded_size(on: LaneOnServer) -> None:
    total = 2 * TRIP_COMMANDS_MAX + 7
    replies = await on.lane.call_all([("ECHO", str(n)) for n in range(total)])
    assert replies == [str(n).encode() for n in range(total)]
    assert on.trips() == (3, total)


async def test_an_error_reply_is_its_callers_alone(on: LaneOnServer) -> None:
    await on.client.set("text", "x")
    found, _ = await outcomes(
        on.lane.call(("SET", "a", "1")),
        on.lane.call(("HGET", "text", "f")),
        on.lane.call(("NOSUCHCOMMAND",)),
        on.lane.call(("EVALSHA", "0" * 40, 0)),
        on.lane.call(("GET", "a")),
    )
    assert found[0] == b"OK"
    assert isinstance(found[1], StoreError)
    assert "WRONGTYPE" in str(found[1])
    assert isinstance(found[2], StoreError)
    assert isinstance(found[3], StoreError)
    assert found[4] == b"1"


async def test_call_all_raises_the_first_error_after_all_were_answered(on: LaneOnServer) -> None:
    with pytest.raises(StoreError, match="WRONGTYPE"):
        await on.lane.call_all([("SET", "a", "1"), ("HGET", "a", "f"), ("SET", "b", "2")])
    assert await on.client.get("b") == b"2"


@pytest.mark.timed("a trip may take 0.3 s")
async def test_a_stalled_server_fails_all_that_wait_at_once(hasty: LaneOnServer) -> None:
    """Those of the trips under way, and those that wait behind them."""
    await hasty.lane.call(("PING",))
    with stalled(hasty.server):
        found, took_s = await outcomes(
            *(hasty.lane.call(("INCR", "n")) for _ in range(3 * TRIP_COMMANDS_MAX))
        )
        again, again_s = await outcomes(hasty.lane.call(("GET", "c")))
    assert {type(each) for each in (*found, *again)} == {StoreUnavailableError}
    assert max(took_s, again_s) < TIMEOUT_S + GRACE_S


async def test_after_a_stall_no_reply_reaches_the_wrong_caller(hasty: LaneOnServer) -> None:
    await hasty.lane.call(("PING",))
    with stalled(hasty.server):
        await outcomes(*(hasty.lane.call(("ECHO", f"old {n}")) for n in range(30)))
    replies, _ = await outcomes(*(hasty.lane.call(("ECHO", f"new {n}")) for n in range(30)))
    assert replies == [f"new {n}".encode() for n in range(30)]


async def test_nothing_is_sent_twice_over_a_stall(hasty: LaneOnServer) -> None:
    await hasty.lane.call(("PING",))
    with stalled(hasty.server):
        await outcomes(*(hasty.lane.call(("INCR", f"key {n}")) for n in range(30)))
    await hasty.lane.call(("PING",))
    await wait_until("the old connection is gone", lambda: _connections(hasty.client))
    assert await hasty.calls_of("incr") <= 30
    values = await hasty.client.mget([f"key {n}" for n in range(30)])
    assert set(values) <= {None, b"1"}


async def _connections(client: Redis) -> bool:
    info = await client.info("clients")
    return int(info["connected_clients"]) <= 3


async def test_a_connection_that_was_killed_while_idle_costs_no_trip(on: LaneOnServer) -> None:
    await on.lane.call(("PING",))
    await on.client.client_kill_filter(_type="normal", skipme=True)
    # The end of the connection has come before the next command leaves.
    await on.client.ping()
    assert await on.lane.call(("INCR", "n")) == 1
    assert await on.calls_of("incr") == 1


async def test_a_server_that_is_not_there_is_unavailable_at_once(tmp_path: Path) -> None:
    lane = Lane(make_client(f"unix://{tmp_path}/none.sock"), 10 * LIMIT_S, Metrics())
    found, took_s = await outcomes(*(lane.call(("PING",)) for _ in range(3)))
    await lane.close()
    assert {type(each) for each in found} == {StoreUnavailableError}
    assert took_s < LIMIT_S


async def test_a_caller_that_leaves_disturbs_no_other(on: LaneOnServer) -> None:
    """Some leave during their trip, some while they wait for one."""
    await on.lane.call(("PING",))
    with stalled(on.server):
        tasks = []
        for number in range(12):
            tasks.append(asyncio.create_task(on.lane.call(("ECHO", str(number)))))
            if number % 4 == 3:
                await loop_turns()
        for task in tasks[::2]:
            task.cancel()
        await wait_until("they are gone", lambda: all(task.done() for task in tasks[::2]))
    found, _ = await outcomes(*tasks)
    assert [isinstance(each, asyncio.CancelledError) for each in found] == [True, False] * 6
    assert found[1::2] == [str(n).encode() for n in range(1, 12, 2)]
    assert await on.lane.call(("ECHO", "after")) == b"after"


async def test_whoever_comes_goes_with_the_next_trip_whatever_another_has_waiting(
    on: LaneOnServer,
) -> None:
    """100 reads that are taken for 2 ms each are 20 trips; a stranger is answered amid them."""
    await on.lane.call(("PING",))
    large = [("SMEMBERS", f"none {n}") for n in range(100)]
    ends: list[str] = []

    async def ask(name: str, *commands: Command) -> None:
        enter_caller(Caller(name))
        await on.lane.call_all(commands)
        ends.append(name)

    before, _ = on.trips()
    with stalled(on.server):
        tasks = [asyncio.create_task(ask("large", *large))]
        await loop_turns()
        tasks += [asyncio.create_task(ask("small", ("GET", "a"))) for _ in range(3)]
        await loop_turns()
    await asyncio.gather(*tasks)
    assert ends == ["small", "small", "small", "large"]
    assert on.trips()[0] - before >= 100 * 2_000 / TRIP_US


@pytest.mark.timed("a trip may take 0.3 s")
async def test_what_waits_behind_a_failed_trip_is_tried_when_the_server_is_back(
    hasty: LaneOnServer,
) -> None:
    await hasty.lane.call(("PING",))
    with stalled(hasty.server):
        lost = [asyncio.create_task(hasty.lane.call(("INCR", "a"))) for _ in range(2)]
        await loop_turns()
        lost += [asyncio.create_task(hasty.lane.call(("INCR", "a"))) for _ in range(2)]
        await passed(TIMEOUT_S * 0.7)
        later = asyncio.create_task(hasty.lane.call(("INCR", "b")))
        await wait_until("the trips have failed", lambda: all(task.done() for task in lost))
        assert not later.done()
    assert await later == 1


@pytest.mark.timed("a trip may take 0.3 s")
async def test_while_the_server_is_away_everybody_waits_for_a_trips_time_and_no_longer(
    hasty: LaneOnServer,
) -> None:
    await hasty.lane.call(("PING",))
    waits: list[float] = []

    async def ask() -> None:
        started_s = time.monotonic()
        with pytest.raises(StoreUnavailableError):
            await hasty.lane.call(("GET", "a"))
        waits.append(time.monotonic() - started_s)

    with stalled(hasty.server):
        tasks = []
        for _ in range(20):
            tasks.append(asyncio.create_task(ask()))
            await passed(TIMEOUT_S / 8)
        await asyncio.gather(*tasks)
    assert max(waits) < TIMEOUT_S + GRACE_S / 2
    assert statistics.median(waits) < TIMEOUT_S * 1.3


async def test_who_leaves_while_he_waits_is_never_sent(on: LaneOnServer) -> None:
    await on.lane.call(("PING",))
    with stalled(on.server):
        first = [asyncio.create_task(on.lane.call(("ECHO", "x"))) for _ in range(2)]
        await loop_turns()
        first += [asyncio.create_task(on.lane.call(("ECHO", "x"))) for _ in range(2)]
        await loop_turns()
        bodies = [
            asyncio.create_task(on.lane.call_each([("INCR", f"{n}") for n in range(30)]))
            for _ in range(5)
        ]
        await loop_turns()
        for task in bodies:
            task.cancel()
        await wait_until("they are gone", lambda: all(task.done() for task in bodies))
    assert await asyncio.gather(*first) == [b"x"] * 4
    assert await on.lane.call(("ECHO", "after")) == b"after"
    assert await on.calls_of("incr") == 0


async def test_a_transaction_is_of_one_trip_however_much_else_waits(on: LaneOnServer) -> None:
    """Each sees what it wrote itself, though others write the same key meanwhile."""

    async def write(name: str) -> bool:
        enter_caller(Caller(name))
        commands: list[Command] = [("MULTI",), ("SET", "k", name), ("GET", "k"), ("EXEC",)]
        replies = await on.lane.call_all(commands)
        return bool(replies[-1] == [b"OK", name.encode()])

    busy = [on.lane.call(("SMEMBERS", "none")) for _ in range(60)]
    seen, _ = await asyncio.gather(
        asyncio.gather(*(write(f"{n}") for n in range(40))), asyncio.gather(*busy)
    )
    assert all(seen)


async def test_closing_fails_what_waits(on: LaneOnServer) -> None:
    with stalled(on.server):
        tasks = [asyncio.create_task(on.lane.call(("PING",))) for _ in range(3)]
        await loop_turns()
        await on.lane.close()
        found, _ = await outcomes(*tasks)
    assert {type(each) for each in found} == {StoreUnavailableError}
    assert {str(each) for each in found} == {"redis: the connection was closed"}
