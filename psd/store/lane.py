"""Lanes: how commands travel to Redis together.

Commands that are submitted in one turn of the event loop, or while every connection of the
lane is on a trip, travel together in the next trip; replies come back by position. While one
trip is under way the next may leave on another connection, so that psd and Redis work at the
same time. Nothing is ever sent twice: redis-py's retries are off, a lost reply is an unknown
outcome and is reported as :class:`StoreUnavailableError`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from prometheus_client import Histogram
from redis.asyncio import Redis
from redis.exceptions import RedisError

from psd.errors import PsdError, StoreUnavailableError
from psd.observe.metrics import Metrics
from psd.outages import outage
from psd.store.link import Command as LinkCommand
from psd.store.link import Link, RefusedError
from psd.store.replies import psd_error
from psd.store.scripts import load_script, script_names
from psd.store.trail import Trail, trail_of
from psd.store.watch import Watch

TRIP_COMMANDS_MIN = 8
"""What waits is shared out over idle connections, but not into trips smaller than this."""

TRIP_COMMANDS_MAX = 512
"""More commands wait for the next trip, so that one trip's replies stay a few MB."""

T = TypeVar("T")

Command = LinkCommand
Waiting = tuple[Command, asyncio.Future[Any], Trail | None]
"""A command, whoever waits for its reply, and where it is noted that it was sent."""


class Lane:
    """Commands on one or a few connections. Not for commands that block the server side.

    With one connection commands keep their order. Without a ``watch`` the server may be like
    anything: for those that only ask what it is. What a lane that ``writes`` sends is noted on
    the trail of the request (psd/store/trail.py). A command that nobody waits for any more when
    its turn comes is not sent.
    """

    def __init__(
        self,
        client: Redis,
        timeout_s: float,
        metrics: Metrics,
        connections: int = 1,
        watch: Watch | None = None,
        *,
        writes: bool = False,
    ) -> None:
        self._watch = watch
        self._timeout_s = timeout_s
        self._writes = writes
        self._metrics = metrics
        self._script_seconds: dict[bytes | str | int, Histogram] = {
            load_script(name).sha: metrics.script_seconds.labels(name) for name in script_names()
        }
        self._waiting: list[Waiting] = []
        self._idle = [Link(client, watch) for _ in range(connections)]
        self._trips: dict[asyncio.Task[None], Link] = {}
        self._woken = False

    @property
    def epoch(self) -> int:
        """Connections made so far, and changes seen in what they lead to.

        While it stays the same, so does what is known of the store behind them.
        """
        links = (*self._idle, *self._trips.values())
        made = sum(link.connections_made for link in links)
        return made + self._watch.generation if self._watch else made

    async def call(self, command: Command) -> Any:
        """One command's reply; raises the error that the reply stands for."""
        return await self._submit(command)

    async def call_all(self, commands: Sequence[Command]) -> list[Any]:
        """Replies by position; raises the first error after all have been answered."""
        if len(commands) == 1:
            return [await self._submit(commands[0])]
        replies = await self.call_each(commands)
        for reply in replies:
            if isinstance(reply, BaseException):
                raise reply
        return replies

    async def call_each(self, commands: Sequence[Command]) -> list[Any]:
        """Replies by position, errors among them as exceptions."""
        futures = [self._submit(command) for command in commands]
        return await asyncio.gather(*futures, return_exceptions=True)

    async def lane_of(self, _key: str) -> Lane:
        """The lane to the server that has a key; see psd/store/routed.py."""
        return self

    async def lanes(self) -> list[Lane]:
        """A lane to every server that has keys."""
        return [self]

    async def followed(self, work: Callable[[], Awaitable[T]]) -> T:
        """What the work returns: of one server, no key moves."""
        return await work()

    async def close(self) -> None:
        """Fail what waits and close the connections."""
        # A trip that has just ended is not idle yet: its callback runs a turn later.
        connected = [*self._idle, *self._trips.values()]
        for trip in tuple(self._trips):
            trip.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await trip
        self._fail_waiting(StoreUnavailableError("redis: the connection was closed"))
        for each in connected:
            await each.disconnect()

    def _submit(self, command: Command) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        trail = trail_of(command[0]) if self._writes else None
        self._waiting.append((command, future, trail))
        if self._idle and not self._woken:
            self._woken = True
            loop.call_soon(self._dispatch)
        return future

    def _dispatch(self) -> None:
        self._woken = False
        while self._waiting and self._idle:
            link = self._idle.pop()
            share = max(TRIP_COMMANDS_MIN, -(-len(self._waiting) // (len(self._idle) + 1)))
            trip = asyncio.create_task(self._run(link, self._next_trip(share)))
            self._trips[trip] = link
            trip.add_done_callback(self._ended)

    def _ended(self, trip: asyncio.Task[None]) -> None:
        self._idle.append(self._trips.pop(trip))
        if self._waiting and not self._woken:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _next_trip(self, commands: int) -> list[Waiting]:
        trip: list[Waiting] = []
        while self._waiting and not trip:
            first = self._waiting[: min(commands, TRIP_COMMANDS_MAX)]
            del self._waiting[: len(first)]
            trip = [waiting for waiting in first if not waiting[1].done()]
        return trip

    async def _run(self, link: Link, trip: list[Waiting]) -> None:
        while trip:
            await self._take(link, trip)
            trip = self._next_trip(TRIP_COMMANDS_MAX)

    async def _take(self, link: Link, trip: list[Waiting]) -> None:
        started = time.perf_counter()
        _note_sent(trip)
        try:
            async with asyncio.timeout(self._timeout_s):
                replies = await link.exchange([command for command, _, _ in trip])
        except (RedisError, OSError, TimeoutError) as exc:
            away = StoreUnavailableError(f"redis: {outage(exc, self._timeout_s)}")
            error = exc.error if isinstance(exc, RefusedError) else away
            if not link.has_sent:
                _note_unsent(trip)
            await link.disconnect()
            _fail(trip, error)
            # Whoever waits behind a trip that found no server would only wait for as long again.
            self._fail_waiting(error)
            return
        except BaseException:
            # The lane is being closed; or a defect, which must not leave callers waiting.
            await link.disconnect()
            _fail(trip, StoreUnavailableError("redis: the connection was closed"))
            raise
        self._observe(trip, time.perf_counter() - started)
        for (_, future, trail), reply in zip(trip, replies, strict=True):
            told = psd_error(reply) if isinstance(reply, RedisError) else reply
            if trail is not None:
                trail.answered(told)
            if future.done():
                continue
            if isinstance(told, PsdError):
                future.set_exception(told)
            else:
                future.set_result(told)

    def _observe(self, trip: list[Waiting], seconds: float) -> None:
        self._metrics.trip_commands.observe(len(trip))
        for sha in {command[1] for command, _, _ in trip if command[0] == "EVALSHA"}:
            seconds_of = self._script_seconds.get(sha)
            if seconds_of is not None:
                seconds_of.observe(seconds)

    def _fail_waiting(self, error: PsdError) -> None:
        waiting, self._waiting = self._waiting, []
        _fail(waiting, error)


def _note_sent(trip: Sequence[Waiting]) -> None:
    for _, _, trail in trip:
        if trail is not None:
            trail.sent()


def _note_unsent(trip: Sequence[Waiting]) -> None:
    for _, _, trail in trip:
        if trail is not None:
            trail.took_back()


def _fail(trip: Sequence[Waiting], error: PsdError) -> None:
    for _, future, _ in trip:
        if not future.done():
            future.set_exception(error)
