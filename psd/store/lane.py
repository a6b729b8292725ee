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
from typing import Any, TypeVar, cast

from prometheus_client import Histogram
from redis.asyncio import Connection, Redis
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    NoScriptError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError

from psd.errors import MisplacedError, PsdError, StoreError, StoreUnavailableError
from psd.failpoints import reach
from psd.observe.metrics import Metrics
from psd.outages import outage
from psd.store.scripts import load_script, script_names

TRIP_COMMANDS_MIN = 8
"""What waits is shared out over idle connections, but not into trips smaller than this."""

TRIP_COMMANDS_MAX = 512
"""More commands wait for the next trip, so that one trip's replies stay a few MB."""

_AWAY = (
    "LOADING",
    "BUSY",
    "READONLY",
    "OOM",
    "MISCONF",
    "NOREPLICAS",
    "MASTERDOWN",
    "NOAUTH",
    "WRONGPASS",
    "NOPERM",
)
"""Error replies that say the server cannot work now; they pass, and nothing was written."""

_ELSEWHERE = (MovedError, AskError, TryAgainError, ClusterDownError)
"""Error replies of a cluster's node to commands that it does not execute: the keys are with
another node, on their way there, or nowhere."""

_ELSEWHERE_IN_SCRIPT = ("non local key", "slot not served", "cluster is down")
"""The same for a key that a script asks for. Nothing was written by then: a script asks for the
root of each owner before anything else (lua/lib/owners.lua)."""

_WAIT_ENDED = ("WAIT cannot be used with replica instances", "UNBLOCKED force unblock")
"""A master has become a replica: whether the next one has what this WAIT follows is not known, so
the WAIT alone must not be sent again."""

T = TypeVar("T")

Command = tuple[bytes | str | int, ...]
Waiting = tuple[Command, asyncio.Future[Any]]


class Lane:
    """Commands on one or a few connections. Not for commands that block the server side.

    With one connection commands keep their order.
    """

    def __init__(
        self, client: Redis, timeout_s: float, metrics: Metrics, connections: int = 1
    ) -> None:
        self._timeout_s = timeout_s
        self._metrics = metrics
        self._script_seconds: dict[bytes | str | int, Histogram] = {
            load_script(name).sha: metrics.script_seconds.labels(name) for name in script_names()
        }
        self._waiting: list[Waiting] = []
        self._idle = [_Link(client) for _ in range(connections)]
        self._trips: dict[asyncio.Task[None], _Link] = {}
        self._woken = False

    @property
    def epoch(self) -> int:
        """Connections made so far: while it stays the same, so does the server behind them."""
        links = (*self._idle, *self._trips.values())
        return sum(link.connections_made for link in links)

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
        links = [*self._idle, *self._trips.values()]
        for trip in tuple(self._trips):
            trip.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await trip
        self._fail_waiting(StoreUnavailableError("redis: the connection was closed"))
        for link in links:
            await link.disconnect()

    def _submit(self, command: Command) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((command, future))
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
        trip = self._waiting[: min(commands, TRIP_COMMANDS_MAX)]
        del self._waiting[: len(trip)]
        return trip

    async def _run(self, link: _Link, trip: list[Waiting]) -> None:
        while trip:
            await self._take(link, trip)
            trip = self._next_trip(TRIP_COMMANDS_MAX)

    async def _take(self, link: _Link, trip: list[Waiting]) -> None:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout_s):
                replies = await link.exchange([command for command, _ in trip])
        except (RedisError, OSError, TimeoutError) as exc:
            await link.disconnect()
            error = StoreUnavailableError(f"redis: {outage(exc, self._timeout_s)}")
            _fail(trip, error)
            # Whoever waits behind a trip that found no server would only wait for as long again.
            self._fail_waiting(error)
            return
        except asyncio.CancelledError:
            await link.disconnect()
            _fail(trip, StoreUnavailableError("redis: the connection was closed"))
            raise
        self._observe(trip, time.perf_counter() - started)
        for (_, future), reply in zip(trip, replies, strict=True):
            if future.done():
                continue
            if isinstance(reply, RedisError):
                future.set_exception(psd_error(reply))
            else:
                future.set_result(reply)

    def _observe(self, trip: list[Waiting], seconds: float) -> None:
        self._metrics.trip_commands.observe(len(trip))
        for sha in {command[1] for command, _ in trip if command[0] == "EVALSHA"}:
            seconds_of = self._script_seconds.get(sha)
            if seconds_of is not None:
                seconds_of.observe(seconds)

    def _fail_waiting(self, error: PsdError) -> None:
        waiting, self._waiting = self._waiting, []
        _fail(waiting, error)


class _Link:
    """One connection, made when it is needed and dropped when a trip on it fails."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._connection: Connection | None = None
        self.connections_made = 0

    async def exchange(self, commands: list[Command]) -> list[Any]:
        """Replies by position; a script the server has forgotten is loaded and called again."""
        if self._connection is not None and _has_ended(self._connection):
            # The server was restarted since the last trip: that must not cost this one.
            await self.disconnect()
        if self._connection is None:
            connection = cast("Connection", self._client.connection_pool.make_connection())
            await connection.connect()
            self.connections_made += 1
            self._connection = connection
        replies = await self._send(self._connection, commands)
        missing = [at for at, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if missing:
            # A WAIT that was answered speaks of the writes before it; it follows them again.
            missing += [at for at in range(missing[0], len(commands)) if commands[at][0] == "WAIT"]
            missing.sort()
            loads: list[Command] = [
                ("SCRIPT", "LOAD", load_script(name).source) for name in script_names()
            ]
            await self._send(self._connection, loads)
            again = await self._send(self._connection, [commands[at] for at in missing])
            for at, reply in zip(missing, again, strict=True):
                replies[at] = reply
        return replies

    async def disconnect(self) -> None:
        """Drop the connection; replies still on their way are never read."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                await connection.disconnect(nowait=True)

    async def _send(self, connection: Connection, commands: list[Command]) -> list[Any]:
        await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
        if commands[0][0] in ("EVALSHA", "SADD"):
            reach("after_send")
        replies: list[Any] = []
        for _ in commands:
            try:
                replies.append(await connection.read_response(disable_decoding=True))
            except ResponseError as exc:
                replies.append(exc)
        return replies


def _has_ended(connection: Connection) -> bool:
    """Whether the server has closed an idle connection; redis-py only asks the socket."""
    reader = connection._reader
    return reader is None or reader.at_eof()


def _fail(trip: Sequence[Waiting], error: PsdError) -> None:
    for _, future in trip:
        if not future.done():
            future.set_exception(error)


def psd_error(reply: RedisError) -> PsdError:
    """The error of psd that an error reply stands for."""
    text = str(reply)
    code = getattr(reply, "status_code", None) or text.partition(" ")[0]
    # To redis-py a replica that has lost its master is a cluster that is down.
    if isinstance(reply, _ELSEWHERE) and not isinstance(reply, MasterDownError):
        moved = text if isinstance(reply, MovedError) else ""
        return MisplacedError(f"redis: {code}: {text}", moved=moved)
    if any(known in text for known in _ELSEWHERE_IN_SCRIPT):
        return MisplacedError("redis: a script's keys are with several nodes", is_split=True)
    if any(known in text for known in _WAIT_ENDED):
        return StoreUnavailableError(f"redis: {text}")
    # Redis 6.2 wraps what a script met: "ERR Error running script ...: -OOM command not ...".
    wrapped = next((known for known in _AWAY if f" -{known} " in text), None)
    if wrapped is not None:
        # Whoever asks may read this: the rest names scripts and their lines.
        return StoreUnavailableError(f"redis: {wrapped}: within a script")
    if code in _AWAY or isinstance(reply, RedisConnectionError):
        return StoreUnavailableError(f"redis: {code}: {text}")
    return StoreError(f"redis: {text}")
