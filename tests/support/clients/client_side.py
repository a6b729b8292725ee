"""Whom the tests of psd.client ask, and as whom: three users' steps, and a server with two tokens.

>>> async with steps_of_three(redis_url) as runtime, serving(runtime) as http:
...     async with AsyncClient(http.url, token=ADMIN.secret) as psd:
...         [(row.uid, row.value) for row in (await psd.top("steps")).data]
[('1', 50), ('2', 40), ('3', 20)]
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psd.client import Retries
from psd.clock import ManualClock
from psd.runtime import Runtime
from tests.support.clients.access import asked_of, token_for
from tests.support.engine import DAY_S, NOON_S, book, engine_on, report

ADMIN = token_for("app", "read write")
READER_OF_1 = token_for("reader-of-1", "read", frozenset({1}))

QUICK = Retries(first_s=0.001)
"""As many tries as by default, in no time."""

SEVEN = {"thing": "steps", "uid": 7, "aid": 1, "value": 90, "ts1": NOON_S, "ts2": NOON_S + 60}
"""An event of somebody who has none yet."""


@asynccontextmanager
async def steps_of_three(redis_url: str) -> AsyncIterator[Runtime]:
    """A runtime a month later, which asks for a token."""
    events = [
        report(50, NOON_S, uid=1, aid=1),
        report(30, NOON_S + 20, uid=2, aid=1),
        report(10, NOON_S + 90, uid=2, aid=2),
        report(20, NOON_S + 60, uid=3, aid=1),
    ]
    clock = ManualClock(NOON_S + 30 * DAY_S)
    async with engine_on(redis_url, asked_of(ADMIN, READER_OF_1), clock) as runtime:
        assert set(await book(runtime, events)) == {"booked"}
        yield runtime
