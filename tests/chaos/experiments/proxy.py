"""A bad network between psd and Redis: replies are lost, late, cut or reset, and requests too.

A trial opens psd on a proxy (tests/support/servers/redis_proxy.py) and books some 13 messages of
two new owners in batches of three, two batches at a time, as a worker does: a batch that gets no
answer is sent again until it does. Meanwhile queries run whose answers nobody else's query has:
owner 9,000,007 has 1,007 steps on 12 April 2016, 2,007 in the month and 3,007 points in the year. A
reply that reaches the wrong query is thereby noticed. At the end every field of every key of the
new owners is compared, past the proxy.

Every trial draws its own faults, many of one kind or a few of each; with a timeout of 0.1 s, some
of the held replies come after it and others before.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from redis.asyncio import Redis

from psd.config_sources import load_settings
from psd.engine.engine import Engine
from psd.engine.events import Count, Event, Report
from psd.engine.plan import Range
from psd.errors import StoreUnavailableError
from psd.runtime import Runtime, open_runtime
from tests.chaos.oracle import differences
from tests.chaos.stored import forget
from tests.chaos.stream import Stream, generate
from tests.chaos.trial import Say, Tally, failures_of, run_in_lanes
from tests.support.engine import day, engine_on, second
from tests.support.servers.redis_proxy import Faults, Kind, RedisProxy
from tests.support.servers.redis_server import KEEP, RedisServer

LANES = 4
MESSAGES, OWNERS = 12, 2
BATCH_MESSAGES = 3
BATCHES_AT_ONCE = 2
TIMEOUT_S = 0.1
HOLD_S = (0.002, 0.16)
FIRE_S = 20.0
"""A trial on a busy machine, where few answers come in 0.1 s, is left in peace after so long."""
TRIAL_TIMEOUT_S = 180.0

MIXTURES: tuple[dict[Kind, int], ...] = (
    {"lose": 10, "hold": 20, "cut": 10, "split": 60, "reset": 10},
    {"lose": 40},
    {"hold": 80},
    {"cut": 60},
    {"reset": 60},
    {"split": 500, "hold": 20},
    {"lose": 20, "reset": 20},
)
"""Frames of 1,000 that something happens to; a trial has some 50 frames each way."""

KNOWN = range(9_000_000, 9_000_020)
MONTH = Range(second("2016-04-01"), second("2016-05-01"))
YEAR = Range(second("2016-01-01"), second("2017-01-01"))
QUERIES_AT_ONCE = 3
ANSWERS_MIN = 12
"""Queries answered in a trial whose bookings are answered sooner."""

TRIALS_TO_BITE = 20
"""Of so many trials at least one must have lost a reply after its booking."""


class Query(NamedTuple):
    """What is asked, and the one right answer."""

    text: str
    answer: object
    ask: Callable[[Engine], Awaitable[object]]


class Lane(NamedTuple):
    """A server with the known owners on it, and the proxy before it."""

    client: Redis
    proxy: RedisProxy


class ProxyExperiment:
    """Trials of a fraction of a second, a few beside each other."""

    name = "proxy"
    short = 30
    whole = 5_000

    async def run(self, trials: int, seed: int, say: Say) -> Tally:
        """Run trials with the seeds ``seed`` and up."""
        self._found: Counter[str] = Counter()
        tally = await run_in_lanes(
            self.name, trials, seed, self._lane, self._trial, say, lanes=LANES
        )
        counted = ", ".join(f"{number} {what}" for what, number in sorted(self._found.items()))
        tally.notes.append(counted)
        if trials >= TRIALS_TO_BITE and not self._found["resends of what was booked"]:
            tally.failures.append(f"{self.name}: no reply was lost after its booking")
        return tally

    @asynccontextmanager
    async def _lane(self, number: int) -> AsyncIterator[Lane]:
        folder = Path(tempfile.mkdtemp(prefix=f"{self.name}-{number}-"))
        server = await asyncio.to_thread(RedisServer(folder, options=KEEP).start)
        client = server.client(timeout_s=30)
        try:
            async with engine_on(server.url) as psd:
                await psd.engine.book(known_events())
            async with RedisProxy(server.socket) as proxy:
                yield Lane(client, proxy)
        finally:
            await client.aclose()
            await asyncio.to_thread(server.remove)

    async def _trial(self, lane: Lane, seed: int) -> Tally:
        rng = random.Random(f"{self.name} {seed}")
        stream = generate(seed, MESSAGES, OWNERS)
        lane.proxy.counted.clear()
        lane.proxy.faults = Faults(random.Random(rng.random()), rng.choice(MIXTURES), HOLD_S)
        tally = Tally(trials=1, duplicates_suppressed=stream.repeats)
        peace = asyncio.get_running_loop().call_later(FIRE_S, setattr, lane.proxy, "faults", None)
        try:
            async with asyncio.timeout(TRIAL_TIMEOUT_S):
                wrong = await self._under_fire(lane.proxy.url, stream, rng)
        finally:
            peace.cancel()
            lane.proxy.faults = None
            self._found += lane.proxy.counted
        tally.failures += failures_of(self.name, seed, wrong)
        found = await differences(lane.client, stream)
        tally.lost += sum(each.kind == "lost" for each in found)
        tally.doubled += sum(each.kind == "doubled" for each in found)
        tally.failures += failures_of(self.name, seed, found)
        if not found:
            await forget(lane.client, stream.roots)
        return tally

    async def _under_fire(self, url: str, stream: Stream, rng: random.Random) -> list[str]:
        """Book the stream and ask meanwhile; which queries got a wrong answer."""
        flags = {"redis.url": url, "redis.timeout_s": TIMEOUT_S, "redis.durability": "durable"}
        psd = await open_runtime(load_settings(flags=flags).settings)
        booked = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                asking = group.create_task(self._ask(psd.engine, booked, rng))
                await self._book_all(psd, stream)
                booked.set()
        finally:
            await psd.close()
        return asking.result()

    async def _book_all(self, psd: Runtime, stream: Stream) -> None:
        """Every batch until it is answered, as many at once as a worker has on their way."""
        now_s = psd.clock.now_s()
        sent = [psd.rules.events(body, now_s, str(at)) for at, body in enumerate(stream.bodies)]
        batches = iter(range(0, len(sent), BATCH_MESSAGES))

        async def work() -> None:
            for start in batches:
                batch = sent[start : start + BATCH_MESSAGES]
                await self._book(psd.engine, [event for events in batch for event in events])

        async with asyncio.TaskGroup() as group:
            for _ in range(BATCHES_AT_ONCE):
                group.create_task(work())

    async def _book(self, engine: Engine, events: Sequence[Event]) -> None:
        sent_before = False
        while True:
            try:
                outcomes = await engine.book(events)
            except StoreUnavailableError:
                self._found["resends"] += 1
                sent_before = True
                continue
            known = all(outcome.status in ("unchanged", "duplicate") for outcome in outcomes)
            self._found["resends of what was booked"] += sent_before and known
            return

    async def _ask(self, engine: Engine, booked: asyncio.Event, rng: random.Random) -> list[str]:
        """Ask a few queries at once until everything is booked; the wrong answers."""
        wrong: list[str] = []
        answered = 0
        while answered < ANSWERS_MIN or not booked.is_set():
            queries = [any_query(rng) for _ in range(QUERIES_AT_ONCE)]
            answers = await asyncio.gather(
                *(query.ask(engine) for query in queries), return_exceptions=True
            )
            for query, answer in zip(queries, answers, strict=True):
                if isinstance(answer, StoreUnavailableError):
                    self._found["queries without an answer"] += 1
                elif isinstance(answer, BaseException):
                    raise answer
                else:
                    answered += 1
                    if answer != query.answer:
                        wrong.append(f"{query.text} is {query.answer}, answered {answer}")
        self._found["queries answered"] += answered
        return wrong


PROXY = ProxyExperiment()


def known_events() -> list[Event]:
    """What the queries are about; no two owners have the same sum of anything."""
    events: list[Event] = []
    for uid in KNOWN:
        n = uid - KNOWN.start
        noon_s, later_s = second("2016-04-12 12:00:00"), second("2016-04-20 08:00:00")
        events.append(Report(1, uid, 2, 100 + n, 1_000 + n, noon_s, noon_s))
        events.append(Report(1, uid, 2, 200 + n, 1_000, later_s, later_s))
        events.append(Report(3, uid, 5, 300 + n, 3_000 + n, noon_s, noon_s))
        events.append(Count(f"known_{n}", 4_000 + n, noon_s, str(uid)))
    return events


def any_query(rng: random.Random) -> Query:
    """One of the six kinds of queries, about one or a few of the known owners."""
    uids = rng.sample(KNOWN, rng.randint(1, 4))
    uid, n = uids[0], uids[0] - KNOWN.start
    steps = [{1: 1_000 + each - KNOWN.start} for each in uids]
    return rng.choice(
        (
            Query(f"{uids} day", steps, _sums(uids, 1, day("2016-04-12"))),
            Query(f"{uid} month", [{1: 2_000 + n}], _sums([uid], 1, MONTH)),
            Query(f"{uid} year", [{3: 3_000 + n}], _sums([uid], 3, YEAR)),
            Query(f"{uid} activities", {100 + n: 2, 200 + n: 2}, _activities(uid)),
            Query(f"{uid} activity", 1_000 + n, lambda e: e.activity_sum(uid, 1, 100 + n, YEAR)),
            Query(f"known_{n}", [4_000 + n], lambda e: e.counts([f"known_{n}"], YEAR)),
        )
    )


def _sums(
    uids: Sequence[int], thing: int, range_: Range
) -> Callable[[Engine], Awaitable[list[dict[int, int]]]]:
    async def ask(engine: Engine) -> list[dict[int, int]]:
        found = await engine.sums(uids, [thing], [range_] * len(uids))
        return [owner.sums for owner in found]

    return ask


def _activities(uid: int) -> Callable[[Engine], Awaitable[dict[int, int]]]:
    async def ask(engine: Engine) -> dict[int, int]:
        [owner] = await engine.sums([uid], [1], [MONTH], activities=True)
        return owner.activities

    return ask
