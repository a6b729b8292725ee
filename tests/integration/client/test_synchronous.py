"""The client without asyncio: the same answers, from any thread."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from psd.client import AsyncClient, Client, tracing
from psd.errors import BadQueryError, NotFoundError
from psd.queries.boards.board_windows import RollingWindow
from psd.queries.boards.definitions import Definition
from psd.queries.requests import LeaderboardQuery
from tests.support.clients.client_side import ADMIN, SEVEN, STEPS_OF_THREE
from tests.support.clients.unsteady import unsteady
from tests.support.waiting import wait_until

pytestmark = STEPS_OF_THREE


async def test_without_asyncio_the_same_is_asked(asking: AsyncClient, url: str) -> None:
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


async def test_a_client_that_nobody_holds_any_more_ends_its_thread(url: str) -> None:
    def ask() -> threading.Thread:
        known = set(threading.enumerate())
        client = Client(url, token=ADMIN.secret)
        [thread] = set(threading.enumerate()) - known
        boards = client.boards
        del client
        gc.collect()
        assert list(boards.all()) == [], "a part of a client keeps it open"
        return thread

    thread = await asyncio.to_thread(ask)
    gc.collect()
    await wait_until("its thread ends", lambda: not thread.is_alive())


async def test_one_client_serves_many_threads(asking: AsyncClient, url: str) -> None:
    def ask(client: Client, uid: int) -> int | object:
        return client.sum(thing="steps", uid=uid).data[0].sum

    with Client(url, token=ADMIN.secret) as client:
        uids = [1, 2, 3] * 10
        found = await asyncio.gather(*(asyncio.to_thread(ask, client, uid) for uid in uids))
    assert found == [50, 40, 20] * 10
