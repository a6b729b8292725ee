"""Named boards over HTTP, in the words in which the tests speak of them.

>>> await boards.put("april", 1, 2)                      # a week from 12 April 2016 on
>>> await steps(boards.psd, 1, 50, START_S + 100)
>>> [row["uid"] for row in (await boards.json("/april/standing"))["data"]]
['1', '2']
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from psd.clock import ManualClock
from psd.runtime import Runtime
from tests.support.clients.http import Answer, HttpClient, serving
from tests.support.engine import DAY_S, book, engine_on, report, second

START_S = second("2016-04-12 00:00:00")
NOW_S = START_S + 30 * DAY_S
WEEK = {
    "thing": "steps",
    "window": {"kind": "fixed", "start": "2016-04-12T00:00:00Z", "end": "2016-04-19T00:00:00Z"},
}
ROUNDS = {
    "windows": [
        {"start": START_S + day * DAY_S, "end": START_S + (day + 1) * DAY_S} for day in (1, 2, 3)
    ]
}
"""A day each, from the second day of the week on."""


class BoardsClient:
    """A server, what is behind it, and the clock of both."""

    def __init__(self, client: HttpClient, psd: Runtime, clock: ManualClock) -> None:
        self.http = client
        self.psd = psd
        self.clock = clock

    async def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """A request below ``/v3/boards``; what is not bytes is sent as JSON."""
        content = b"" if body is None else body
        if not isinstance(content, bytes):
            content = msgspec.json.encode(content)
        return await self.http.request(method, f"/v3/boards{path}", content, headers=headers)

    async def put(self, name: str, *members: int, **fields: Any) -> Answer:
        """Keep a board of the week, but for what is said otherwise."""
        body = {**WEEK, "members": [str(uid) for uid in members], **fields}
        answer = await self.ask("PUT", f"/{name}", body)
        assert answer.status in (200, 201), answer.text
        return answer

    async def json(self, path: str) -> Any:
        """The JSON of an answer that must be a 200."""
        answer = await self.ask("GET", path)
        assert answer.status == 200, answer.text
        return answer.json()

    async def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str, str]:
        """Status, code and detail of an answer that must be a problem."""
        answer = await self.ask(method, path, body)
        assert answer.content_type == "application/problem+json", answer.text
        problem = answer.json()
        assert problem["status"] == answer.status
        return answer.status, problem["code"], problem["detail"]


@asynccontextmanager
async def boards_on(
    url: str, flags: Mapping[str, Any] | None = None
) -> AsyncIterator[BoardsClient]:
    """A server on an empty store, three weeks after the week is over."""
    clock = ManualClock(NOW_S)
    own = {"queue.kind": "stream", **(flags or {})}
    async with engine_on(url, own, clock) as psd, serving(psd) as client:
        yield BoardsClient(client, psd, clock)


async def steps(psd: Runtime, uid: int, value: int, second_s: int, aid: int = 1) -> None:
    """Book steps of a user."""
    assert await book(psd, [report(value, second_s, uid=uid, aid=aid)]) == ["booked"]


async def cup(boards: BoardsClient) -> None:
    """Five members, seeded 1 to 5 by their steps of the first day."""
    await boards.put("cup", 1, 2, 3, 4, 5, rounds=ROUNDS)
    for uid in (1, 2, 3, 4, 5):
        await steps(boards.psd, uid, 100 - uid, START_S + 60)


async def keys_of(psd: Runtime) -> set[str]:
    """Every key, on one server or on all nodes of a cluster."""
    told = await psd.store.reads.each_node([("SCAN", 0, "COUNT", 100_000)])
    return {key.decode() for [[_, keys]] in told.values() for key in keys}
