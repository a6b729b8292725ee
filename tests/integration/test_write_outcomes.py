"""What became of a write is what its answer says, wherever the store stops answering.

503: nothing was done. 504: it was done, or a part of it, or nothing; the same request once more
makes it whole. Anything else is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec
import pytest

from psd.clock import ManualClock
from psd.errors import StoreUnavailableError
from tests.support.clients.http import Answer, serving
from tests.support.clients.http_boards import NOW_S, START_S, WEEK, BoardsClient, steps
from tests.support.engine import PATIENCE_S, engine_on
from tests.support.servers.redis_proxy import Faults, RedisProxy
from tests.support.servers.redis_server import RedisServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.one_server("what it takes away are the replies of one server")

MANY = [str(uid) for uid in range(1, 2500)]
"""More members than one script call changes."""

METRIC = {
    "thing": "steps",
    "uid": 7,
    "atid": 2,
    "aid": 9,
    "value": 5,
    "ts1": START_S,
    "ts2": START_S,
}

WRITES: dict[str, tuple[str, str, Any]] = {
    "write": ("POST", "/v1/write", METRIC),
    "write_many": ("POST", "/v1/write_many", [METRIC, {**METRIC, "uid": 8}]),
    "events": ("POST", "/v3/events", [METRIC]),
    "withdraw": ("DELETE", "/v3/users/5/activities/1", None),
    "board": ("PUT", "/v3/boards/new", {**WEEK, "members": ["1", "2"]}),
    "large board": ("PUT", "/v3/boards/new", {**WEEK, "members": MANY}),
    "patch": ("PATCH", "/v3/boards/cup", {"note": "a bicycle"}),
    "members": ("POST", "/v3/boards/cup/members", {"add": ["9"]}),
    "many members": ("POST", "/v3/boards/cup/members", {"add": MANY}),
    "nobody": ("DELETE", "/v3/boards/cup/members?all=true", None),
    "final": ("POST", "/v3/boards/cup/final", {"replace": True}),
    "gone": ("DELETE", "/v3/boards/cup", None),
    "vehicle": ("POST", "/v3/vehicles", [{"vehicle": 7, "owner": 42, "time": START_S}]),
}


class Slow(Faults):
    """Each reply comes so much later."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def draw(self) -> Any:
        return "hold"

    def hold_s(self) -> float:
        return self._seconds / 2  # once as a request, once as a reply


@asynccontextmanager
async def through_a_proxy(
    server: RedisServer, flags: Mapping[str, Any] | None = None
) -> AsyncIterator[tuple[BoardsClient, RedisProxy]]:
    """A server of boards that gives up when one does, and what stands between it and its store."""
    clock = ManualClock(NOW_S)
    async with RedisProxy(server.socket) as proxy:
        own = {"queue.kind": "stream", "redis.timeout_s": PATIENCE_S, **(flags or {})}
        async with engine_on(proxy.url, own, clock) as psd, serving(psd) as client:
            yield BoardsClient(client, psd, clock), proxy


async def a_cup(boards: BoardsClient) -> None:
    """A board of two members, one of whom has steps; user 5 has some to be withdrawn."""
    await boards.put("cup", 1, 2)
    await steps(boards.psd, 1, 50, START_S + 100)
    await steps(boards.psd, 5, 50, START_S + 100)


async def held(server: RedisServer) -> dict[bytes, bytes]:
    """Everything that the store holds, whatever its lifetime."""
    async with server.client() as client:
        # Who has the turn to decide, and the last number of one, are nothing that was done.
        keys = sorted(key for key in await client.keys() if b"{decisions}" not in key)
        return {key: await client.dump(key) for key in keys}


def lost_from(reply: int) -> Callable[[int], bool]:
    """Passes on so many replies, and none after them."""
    left = reply

    def passes(_unanswered: int) -> bool:
        nonlocal left
        left -= 1
        return left >= 0

    return passes


async def at_rest(boards: BoardsClient) -> None:
    """Connected again, and nobody goes on: else other replies than the request's were counted."""

    def nobody_ends_a_turn() -> bool:
        return not [task for task in asyncio.all_tasks() if task.get_name() == "turn"]

    async def connected() -> bool:
        store = boards.psd.store
        try:
            await store.writes.call(("GET", "psd:schema"))
            await store.order.ask()
            await asyncio.gather(*(store.reads.call(("GET", "psd:schema")) for _ in range(20)))
        except StoreUnavailableError:
            return False
        return True

    await wait_until("turns are given back", nobody_ends_a_turn)
    await wait_until("all connections are there", connected)


async def send(boards: BoardsClient, name: str) -> Answer:
    method, path, body = WRITES[name]
    content = b"" if body is None else msgspec.json.encode(body)
    return await boards.http.request(method, path, content)


@pytest.mark.parametrize("name", WRITES)
async def test_wherever_replies_are_lost_503_is_that_nothing_was_done(
    own_redis: RedisServer, name: str
) -> None:
    async with through_a_proxy(own_redis) as (patient, _):
        await a_cup(patient)
    async with through_a_proxy(own_redis, {"redis.timeout_s": 0.3}) as (boards, proxy):
        seen: list[int] = []
        for reply in range(60):
            await at_rest(boards)
            before = await held(own_redis)
            proxy.passes_reply = lost_from(reply)
            answer = await send(boards, name)
            proxy.passes_reply = lambda _unanswered: True
            seen.append(answer.status)
            if answer.status < 300 or (name == "gone" and answer.status == 404):
                break
            assert answer.status in (503, 504), answer.text
            assert answer.headers["Retry-After"] == "1"
            if answer.status == 503:
                assert await held(own_redis) == before, f"after {reply} replies"
            elif name != "gone":
                await at_rest(boards)
                # A busy machine may need more than 0.3 s here, too.
                await wait_until(f"{name} is done again", partial(done_again, boards, name))
        assert seen[-1] < 300 or name == "gone", seen
        assert 504 in seen, "a reply to the write itself was lost as well"


async def done_again(boards: BoardsClient, name: str) -> bool:
    """Send a request once more; whether it went well."""
    answer = await send(boards, name)
    assert answer.status in (200, 201, 204, 503, 504), f"{name}: {answer.text}"
    return answer.status < 300


@pytest.mark.parametrize("delay_s", [0.25, 0.3, 0.35, 0.45, 0.55])
async def test_a_final_over_a_slow_store_is_answered_as_it_came_out(
    own_redis: RedisServer, delay_s: float
) -> None:
    async with through_a_proxy(own_redis) as (boards, proxy):
        await a_cup(boards)
        assert (await boards.ask("GET", "/cup/standing")).status == 200
        proxy.faults = Slow(delay_s)
        answer = await boards.ask("POST", "/cup/final")
        proxy.faults = None
        assert answer.status in (201, 503), answer.text
        final = await boards.ask("GET", "/cup/final")
        assert final.status == (200 if answer.status == 201 else 404)
        if answer.status == 201:
            assert final.json()["data"] == answer.json()["data"]


async def test_a_write_that_waits_behind_another_is_not_sent_once_it_was_refused(
    own_redis: RedisServer,
) -> None:
    """The connection of the writes is taken for longer than the request is waited for."""
    async with through_a_proxy(own_redis, {"redis.timeout_s": 5.0}) as (boards, proxy):
        await a_cup(boards)
        before = await held(own_redis)
        proxy.faults = Slow(2.4)
        blocker = boards.psd.store.writes.call(("GET", "psd:schema"))
        waiting = asyncio.ensure_future(blocker)
        await asyncio.sleep(0)
        answer = await send(boards, "write")
        assert (answer.status, answer.text) == (503, "the store did not answer within 1.8 s")
        await waiting
        proxy.faults = None
        assert await boards.psd.store.writes.call(("GET", "psd:schema"))
        assert await held(own_redis) == before
