"""A week of steps of a dozen users, a server with its pages, and the same ranked by plain Python.

>>> async with board_site(redis_server.url) as site:
...     site.ranking(site.start + 86_400)      -> [("7", 12_400), ("9", 11_050), ...]
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from psd.clock import ManualClock
from psd.engine.events import Report
from psd.runtime import Runtime
from tests.support.clients.http import HttpClient, serving
from tests.support.clients.pages import Browser
from tests.support.engine import engine_on

START_S = 1_460_332_800
"""2016-04-11 00:00:00 UTC, a Monday."""

DAYS = 7
DAY_S = 86_400
USERS = 12
STEPS = 1

STREAM = {"queue.kind": "stream"}
CUP = {
    "thing": "steps",
    "title": "The cup",
    "window": {"kind": "fixed", "start": "2016-04-11T00:00:00Z", "end": "2016-04-18T00:00:00Z"},
    "rounds": {
        "order": ["1", "2", "3"],
        "windows": [
            {"start": "2016-04-12T00:00:00Z", "end": "2016-04-13T00:00:00Z"},
            {"start": "2016-04-13T00:00:00Z", "end": "2016-04-14T00:00:00Z"},
        ],
    },
    "members": ["1", "2", "3"],
}

History = list[tuple[int, int, int]]
"""Second, user, steps."""


class BoardSite(msgspec.Struct):
    """A running server at the end of the week, what was booked, and a browser at its root."""

    runtime: Runtime
    main: HttpClient
    browser: Browser
    history: History

    @property
    def path(self) -> str:
        """The board of the week."""
        return "/board?thing=steps&start=2016-04-11&end=2016-04-18"

    async def put(self, name: str, board: dict[str, Any]) -> None:
        """Make a named board."""
        body = msgspec.json.encode(board)
        answer = await self.main.request("PUT", f"/v3/boards/{name}", body, "application/json")
        assert answer.status == 201, answer.text

    def totals(self, second: int) -> dict[str, int]:
        """What everybody has before a second; who ever has something is there with 0."""
        found = {str(uid): 0 for _, uid, _ in self.history}
        for at_s, uid, steps in self.history:
            if at_s < second:
                found[str(uid)] += steps
        return found

    def ranking(self, second: int) -> list[tuple[str, int]]:
        """Whoever has most first, of equals the lower number."""
        return sorted(self.totals(second).items(), key=lambda each: (-each[1], int(each[0])))

    def overtakes(self, users: set[str], until: int) -> list[tuple[str, str, int]]:
        """Who of these passed whom in which second, the newest first."""
        found = []
        seconds = sorted({at_s for at_s, _, _ in self.history if at_s < until})
        ahead: dict[tuple[str, str], bool] = {}
        for second in seconds:
            totals = self.totals(second + 1)
            for one in users:
                for other in users - {one}:
                    if totals[one] > totals[other]:
                        if ahead.get((other, one)):
                            found.append((one, other, second))
                        ahead[one, other], ahead[other, one] = True, False
        return sorted(found, key=lambda each: (each[2], each[0], each[1]), reverse=True)


def week(seed: int) -> History:
    """Each user walks now and then, and some more than others."""
    draw = random.Random(seed)
    found = {
        (START_S + draw.randrange(DAYS * DAY_S), 1 + at % USERS): draw.randrange(1, 3_000)
        for at in range(USERS * 12)
    }
    return [(at_s, uid, steps) for (at_s, uid), steps in sorted(found.items())]


@asynccontextmanager
async def board_site(
    url: str, settings: Mapping[str, Any] | None = None, seed: int = 1
) -> AsyncIterator[BoardSite]:
    """A site over an empty store, with the week in it."""
    clock = ManualClock(START_S + DAYS * DAY_S)
    async with engine_on(url, settings, clock=clock) as runtime:
        history = week(seed)
        reports = [
            Report(STEPS, uid, 0, at, steps, at_s, at_s)
            for at, (at_s, uid, steps) in enumerate(history)
        ]
        outcomes = await runtime.engine.book(reports)
        assert all(each.status == "booked" for each in outcomes)
        await runtime.page_deciding.add("amp", "secret", ["read"])
        async with serving(runtime) as main, Browser(main.url) as browser:
            yield BoardSite(runtime, main, browser, history)
