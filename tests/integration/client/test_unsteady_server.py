"""A server that hangs up, stalls, has no room or is away: what is asked again, and until when."""

from __future__ import annotations

import asyncio

import pytest

from psd.client import ONCE, AsyncClient, Retries
from psd.errors import (
    ClientError,
    RequestInHandError,
    ServerUnavailableError,
    StoreUnavailableError,
)
from psd.queries.boards.board_windows import RollingWindow
from psd.queries.boards.definitions import Definition
from tests.support.clients.client_side import ADMIN, QUICK, SEVEN, STEPS_OF_THREE
from tests.support.clients.http import serving
from tests.support.clients.unsteady import unsteady
from tests.support.engine import engine_on
from tests.support.servers.redis_server import RedisServer

pytestmark = STEPS_OF_THREE


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


async def test_a_request_that_is_in_hand_for_long_is_asked_for_past_all_other_tries(
    url: str,
) -> None:
    moods = ["504", *["in_hand"] * 9]
    async with (
        unsteady(url, *moods) as front,
        AsyncClient(front.url, token=ADMIN.secret, retries=QUICK) as client,
    ):
        assert (await client.events([SEVEN])).summary["booked"] == 1
    assert len(front.requests) == len(moods) + 1
    assert len({request.headers["Idempotency-Key"] for request in front.requests}) == 1


async def test_it_gives_up_after_its_tries_with_what_was_last(url: str) -> None:
    retries = Retries(tries_max=3, first_s=0.001, in_hand_max_s=0)
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
        with pytest.raises(ClientError, match=f"{front.url} answers 404"):
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
