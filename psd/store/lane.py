"""Lanes: how commands travel to Redis together, a few milliseconds of them at a time.

Commands that are submitted in one turn of the event loop, or while every connection of the
lane is on a trip, travel together in the next trip; replies come back by position. While one
trip is under way the next may leave on another connection, so that psd and Redis work at the
same time. Nothing is ever sent twice: redis-py's retries are off, a lost reply is an unknown
outcome and is reported as :class:`StoreUnavailableError`.

Small calls of several requests become one on their way (psd/store/joined_calls.py).
A trip is bounded by what its commands cost (psd/store/costs.py), and callers take turns
(psd/store/fair_queue.py), so nobody waits for all that another has sent. What a lane could not
answer in time is refused before anything of it is sent (psd/store/room.py). Whoever waits is told
that the store is away once nothing was answered for as long as a trip may take::

    0.0 s   a trip leaves, the server stalls        1.0 s   another command comes, and waits
    1.5 s   the trip fails, and what came before    1.5 s   the other is tried on a new connection
            half of that time                       2.5 s   it fails, unless it was answered
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from prometheus_client import Histogram
from redis.asyncio import Redis
from redis.exceptions import RedisError

from psd.errors import PsdError, StoreUnavailableError
from psd.observe.metrics import Metrics
from psd.outages import outage
from psd.store.callers import Caller, current_caller
from psd.store.costs import cost_us
from psd.store.fair_queue import FairQueue, Parcel
from psd.store.link import Link
from psd.store.parcels import parts_of, together
from psd.store.replies import psd_error
from psd.store.room import LaneRoom
from psd.store.scripts import loaded_name
from psd.store.sending import Command as LinkCommand
from psd.store.sending import RefusedError
from psd.store.watch import Watch

TRIP_COMMANDS_MIN = 8
"""What waits is shared out over idle connections, but not into trips smaller than this."""

TRIP_COMMANDS_MAX = 512
"""More commands wait for the next trip, so that one trip's replies stay a few MB."""

TRIP_US = 10_000.0
"""And so do those that would hold Redis for longer, about: somebody who comes meanwhile waits for
what is left of such a trip, and then for his own."""

TRIED_PART = 0.5
"""Of a trip's time. Who has waited for longer when a trip before him fails, fails with it: on
a new connection he would be sent and hardly be answered."""

T = TypeVar("T")

Command = LinkCommand


class Lane:
    """Commands on one or a few connections. Not for commands that block the server side.

    With one connection commands of a caller keep their order. Without a ``watch`` the server may
    be like anything: for those that only ask what it is. What a lane that ``writes`` sends is
    noted on the trail of the request (psd/store/trail.py). A command that nobody waits for any
    more when its turn comes is not sent.
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
        # Only scripts that were called have series: 16 each, and there are some sixty.
        self._script_seconds: dict[bytes | str | int, Histogram] = {}
        self._queue = FairQueue()
        self._room = LaneRoom(self._queue, timeout_s, connections)
        self._asked: deque[Parcel] = deque()
        self._answered_s = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._links = tuple(Link(client, watch) for _ in range(connections))
        self._idle = [*self._links]
        self._trips: dict[asyncio.Task[None], Link] = {}
        self._woken = False

    @property
    def epoch(self) -> int:
        """Connections made so far, and changes seen in what they lead to.

        While it stays the same, so does what is known of the store behind them.
        """
        # Asked twice for each batch, so without a generator.
        made = 0 if self._watch is None else self._watch.generation
        for link in self._links:
            made += link.connections_made
        return made

    async def call(self, command: Command) -> Any:
        """One command's reply; raises the error that the reply stands for."""
        reply = await self._reply_to(command)
        if isinstance(reply, PsdError):
            raise reply
        return reply

    async def _reply_to(self, command: Command) -> Any:
        """One command's reply, an error as an exception; raises BusyError with nothing sent."""
        caller, cost = current_caller(), cost_us(command)
        self._room.check(caller, cost)
        parcel = self._submit((command,), cost, caller)
        try:
            [reply] = await parcel.future
        except PsdError as error:
            return error
        except asyncio.CancelledError:
            self._queue.leave(parcel)
            raise
        return reply

    async def call_all(self, commands: Sequence[Command]) -> list[Any]:
        """Replies by position; raises the first error after all have been answered."""
        replies = await self.call_each(commands)
        for reply in replies:
            if isinstance(reply, BaseException):
                raise reply
        return replies

    async def call_each(self, commands: Sequence[Command]) -> list[Any]:
        """Replies by position, errors among them as exceptions.

        They may be of several trips; a transaction is of one, and each trip of what a WAIT stands
        behind ends with one, whose reply is the smallest. Raises BusyError with nothing sent.
        """
        if len(commands) == 1:
            return [await self._reply_to(commands[0])]
        caller, costs = current_caller(), [cost_us(command) for command in commands]
        self._room.check(caller, sum(costs))
        parts = parts_of(commands, costs, TRIP_US)
        parcels = [
            self._submit(tuple(commands[at] for at in part), sum(costs[at] for at in part), caller)
            for part in parts
        ]
        found = [await self._tried(parcel, parcels) for parcel in parcels]
        return together(len(commands), parts, found)

    async def call_in_order(self, commands: Sequence[Command]) -> list[Any]:
        """Replies by position of commands that go in this order, in one trip on one connection.

        Raises the first error. For a few that one trip may take.
        """
        caller, cost = current_caller(), sum(map(cost_us, commands))
        self._room.check(caller, cost)
        parcel = self._submit(tuple(commands), cost, caller)
        try:
            replies = await parcel.future
        except asyncio.CancelledError:
            self._queue.leave(parcel)
            raise
        for reply in replies:
            if isinstance(reply, BaseException):
                raise reply
        return replies

    def claimed(self, cost: float) -> AbstractContextManager[None]:
        """Room for commands of this cost (psd/store/costs.py) that the caller is about to bring.

        Raises BusyError where there is none.
        """
        return self._room.claimed(current_caller(), cost)

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
        for trip in tuple(self._trips):
            trip.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await trip
        _fail(self._queue.drain(), StoreUnavailableError("redis: the connection was closed"))
        if self._alarm is not None:
            self._alarm.cancel()
        for link in self._links:
            await link.disconnect()

    def _submit(self, commands: tuple[Command, ...], cost: float, caller: Caller | None) -> Parcel:
        loop = asyncio.get_running_loop()
        parcel = Parcel(commands, cost, caller, loop.create_future(), loop.time())
        parcel.follow(writes=self._writes)
        self._queue.put(parcel)
        self._asked.append(parcel)
        if self._alarm is None:
            self._alarm = loop.call_later(self._timeout_s, self._end_late)
        if self._idle and not self._woken:
            self._woken = True
            loop.call_soon(self._dispatch)
        return parcel

    async def _tried(self, parcel: Parcel, parcels: Sequence[Parcel]) -> list[Any] | PsdError:
        """One parcel's replies; whoever leaves meanwhile takes all of them along."""
        try:
            return await parcel.future
        except PsdError as error:
            return error
        except asyncio.CancelledError:
            for each in parcels:
                self._queue.leave(each)
                if not (each.future.cancel() or each.future.cancelled()):
                    each.future.exception()
            raise

    def _dispatch(self) -> None:
        self._woken = False
        while self._queue and self._idle:
            share = max(TRIP_COMMANDS_MIN, -(-self._queue.commands // len(self._idle)))
            trip = self._next_trip(share)
            if not trip:
                return
            link = self._idle.pop()
            task = asyncio.create_task(self._run(link, trip))
            self._trips[task] = link
            task.add_done_callback(self._ended)

    def _ended(self, trip: asyncio.Task[None]) -> None:
        self._idle.append(self._trips.pop(trip))
        if self._queue and not self._woken:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _next_trip(self, commands: int) -> list[Parcel]:
        return self._queue.take(min(commands, TRIP_COMMANDS_MAX), TRIP_US)

    async def _run(self, link: Link, trip: list[Parcel]) -> None:
        while trip:
            await self._take(link, trip)
            trip = self._next_trip(TRIP_COMMANDS_MAX)

    async def _take(self, link: Link, trip: list[Parcel]) -> None:
        started = time.perf_counter()
        commands: list[Command] = []
        newest_s = self._answered_s
        for parcel in trip:
            commands += parcel.commands
            newest_s = max(newest_s, parcel.since_s)
            if parcel.is_followed:
                parcel.note_sent()
        try:
            async with asyncio.timeout_at(newest_s + self._timeout_s):
                replies = await link.exchange(commands)
        except (RedisError, OSError, TimeoutError) as exc:
            if not link.has_sent:
                for parcel in trip:
                    parcel.note_unsent()
            await link.disconnect()
            away = StoreUnavailableError(f"redis: {outage(exc, self._timeout_s)}")
            error = exc.error if isinstance(exc, RefusedError) else away
            _fail(trip, error)
            self._fail_old(error)
            return
        except BaseException:
            # The lane is being closed; or a defect, which must not leave callers waiting.
            await link.disconnect()
            _fail(trip, StoreUnavailableError("redis: the connection was closed"))
            raise
        self._answered_s = asyncio.get_running_loop().time()
        self._observe(commands, sum([each.cost_us for each in trip]), time.perf_counter() - started)
        start = 0
        for parcel in trip:
            end = start + len(parcel.commands)
            parcel.take(
                [
                    psd_error(reply) if isinstance(reply, RedisError) else reply
                    for reply in replies[start:end]
                ]
            )
            start = end
        while self._asked and self._asked[0].future.done():
            self._asked.popleft()

    def _end_late(self) -> None:
        """Fail whoever has waited for a trip's time while nothing at all was answered."""
        loop = asyncio.get_running_loop()
        now_s, self._alarm = loop.time(), None
        while self._asked:
            parcel = self._asked[0]
            ends_s = max(parcel.since_s, self._answered_s) + self._timeout_s
            if not parcel.future.done():
                if ends_s > now_s:
                    self._alarm = loop.call_at(ends_s, self._end_late)
                    return
                away = outage(TimeoutError(), self._timeout_s)
                parcel.future.set_exception(StoreUnavailableError(f"redis: {away}"))
                self._queue.leave(parcel)
            self._asked.popleft()

    def _fail_old(self, error: PsdError) -> None:
        """A trip has failed: who has waited for long has no time left to be tried in."""
        oldest_s = asyncio.get_running_loop().time() - self._timeout_s * TRIED_PART
        for parcel in self._asked:
            if parcel.since_s > oldest_s:
                break
            if parcel.is_waiting and not parcel.future.done():
                self._queue.leave(parcel)
                parcel.future.set_exception(error)

    def _observe(self, commands: list[Command], cost: float, seconds: float) -> None:
        self._metrics.trip_commands.observe(len(commands))
        self._room.learn(cost, seconds)
        for sha in {command[1] for command in commands if command[0] == "EVALSHA"}:
            seconds_of = self._script_seconds.get(sha)
            if seconds_of is None and (name := loaded_name(sha)) is not None:
                seconds_of = self._script_seconds[sha] = self._metrics.script_seconds.labels(name)
            if seconds_of is not None:
                seconds_of.observe(seconds)


def _fail(trip: Sequence[Parcel], error: PsdError) -> None:
    for parcel in trip:
        if not parcel.future.done():
            parcel.future.set_exception(error)
