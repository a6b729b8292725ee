"""The only maker of Redis clients: lanes that batch, and what a server must be like.

A :class:`Lane` is one connection. Commands that are submitted in one turn of the event loop,
or while a trip is under way, travel together in the next trip; replies come back by position.
Nothing is ever sent twice: redis-py's retries are off, a lost reply is an unknown outcome and
is reported as :class:`StoreUnavailableError` (booking is idempotent, so callers may resend).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, cast

from redis.asyncio import Connection, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError, ResponseError

from psd.config import RedisSettings
from psd.errors import ConfigError, PsdError, StoreError, StoreUnavailableError
from psd.observe.metrics import Metrics
from psd.store.keys import PROBE_KEY, SCHEMA_KEY, SCHEMA_VERSION
from psd.store.scripts import Script, load_script, script_names

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
    "CLUSTERDOWN",
    "TRYAGAIN",
    "NOAUTH",
    "WRONGPASS",
    "NOPERM",
)
"""Error replies that say the server cannot work now; they pass, and nothing was written."""

Command = tuple[bytes | str | int, ...]


class Lane:
    """One connection with its trips. Not for commands that block the server side."""

    def __init__(self, client: Redis, timeout_s: float, metrics: Metrics) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._metrics = metrics
        self._connection: Connection | None = None
        self._waiting: list[tuple[Command, asyncio.Future[Any]]] = []
        self._runner: asyncio.Task[None] | None = None

    async def call(self, command: Command) -> Any:
        """One command's reply; raises the error that the reply stands for."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((command, future))
        if self._runner is None:
            self._runner = asyncio.create_task(self._run())
        return await future

    async def call_all(self, commands: Sequence[Command]) -> list[Any]:
        """Replies by position; raises the first error after all have been answered."""
        calls = [asyncio.ensure_future(self.call(command)) for command in commands]
        replies = await asyncio.gather(*calls, return_exceptions=True)
        for reply in replies:
            if isinstance(reply, BaseException):
                raise reply
        return replies

    async def close(self) -> None:
        """Fail what waits and close the connection."""
        if self._runner is not None:
            self._runner.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._runner
        await self._disconnect()

    async def _run(self) -> None:
        try:
            while self._waiting:
                trip = self._waiting[:TRIP_COMMANDS_MAX]
                del self._waiting[: len(trip)]
                await self._take(trip)
        finally:
            self._runner = None
            _fail(self._waiting, StoreUnavailableError("redis: the connection was closed"))
            self._waiting = []

    async def _take(self, trip: list[tuple[Command, asyncio.Future[Any]]]) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                replies = await self._exchange([command for command, _ in trip])
        except (RedisError, OSError, TimeoutError) as exc:
            await self._disconnect()
            reason = str(exc) or f"no answer within {self._timeout_s:g} s"
            # Whoever waits behind a trip that found no server would only wait for as long again.
            _fail([*trip, *self._waiting], StoreUnavailableError(f"redis: {reason}"))
            self._waiting = []
            return
        except asyncio.CancelledError:
            await self._disconnect()
            _fail(trip, StoreUnavailableError("redis: the connection was closed"))
            raise
        self._metrics.trip_commands.observe(len(trip))
        for (_, future), reply in zip(trip, replies, strict=True):
            if future.done():
                continue
            if isinstance(reply, RedisError):
                future.set_exception(_as_psd_error(reply))
            else:
                future.set_result(reply)

    async def _exchange(self, commands: list[Command]) -> list[Any]:
        connection = await self._connected()
        replies = await self._send(connection, commands)
        missing = [at for at, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if missing:
            for name in script_names():
                await self._send(connection, [("SCRIPT", "LOAD", load_script(name).source)])
            again = await self._send(connection, [commands[at] for at in missing])
            for at, reply in zip(missing, again, strict=True):
                replies[at] = reply
        return replies

    async def _send(self, connection: Connection, commands: list[Command]) -> list[Any]:
        await connection.send_packed_command(
            connection.pack_commands(commands), check_health=False
        )
        replies: list[Any] = []
        for _ in commands:
            try:
                replies.append(await connection.read_response(disable_decoding=True))
            except ResponseError as exc:
                replies.append(exc)
        return replies

    async def _connected(self) -> Connection:
        if self._connection is None:
            connection = cast("Connection", self._client.connection_pool.make_connection())
            await connection.connect()
            self._connection = connection
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                await connection.disconnect(nowait=True)


class Store:
    """The clients of one process: a lane for reads, one for writes, and a plain client.

    ``client`` is for blocking reads of the embedded queue and for tools; it shares no
    connection with the lanes.
    """

    def __init__(self, settings: RedisSettings, metrics: Metrics) -> None:
        self.settings = settings
        self.client = make_client(settings.url)
        self.reads = Lane(self.client, settings.timeout_s, metrics)
        self.writes = Lane(self.client, settings.timeout_s, metrics)

    async def close(self) -> None:
        """Close every connection."""
        await self.reads.close()
        await self.writes.close()
        await self.client.aclose()

    async def check_schema(self) -> None:
        """Refuse a store whose shapes are of another version; marks an empty one."""
        held = await self.writes.call(("SET", SCHEMA_KEY, SCHEMA_VERSION, "NX", "GET"))
        if held is not None and held.decode() != SCHEMA_VERSION:
            raise ConfigError(
                f"{SCHEMA_KEY}: the store holds version {held.decode()}, "
                f"this psd reads version {SCHEMA_VERSION}"
            )

    async def readiness(self) -> dict[str, str]:
        """Each check's name with ``ok``, ``ok: <advice>`` or what is wrong. 3 trips."""
        try:
            await self.writes.call(("SET", PROBE_KEY, "1", "PX", 1000))
        except PsdError as exc:
            return {"writable": str(exc)}
        names = list(script_names())
        shas = [load_script(name).sha for name in names]
        known, memory = await self.reads.call_all(
            [("SCRIPT", "EXISTS", *shas), ("INFO", "memory")]
        )
        for name, exists in zip(names, known, strict=True):
            if not exists:
                await self.reads.call(("SCRIPT", "LOAD", load_script(name).source))
        policy = info_field(memory, "maxmemory_policy")
        return {
            "writable": "ok",
            "scripts": "ok",
            "policy": "ok" if policy == "noeviction" else f"maxmemory-policy is {policy}",
            "durability": await self.durability_advice(),
        }

    async def durability_advice(self) -> str:
        """``ok``, or ``ok: ...`` when the server keeps less than the configured durability."""
        if self.settings.durability == "fast":
            return "ok"
        try:
            reply = await self.reads.call_all(
                [("CONFIG", "GET", "appendonly"), ("CONFIG", "GET", "appendfsync")]
            )
        except PsdError:
            return "ok: the server does not tell its appendfsync"
        found = [_config_value(item) for item in reply]
        if found == ["yes", "always"]:
            return "ok"
        return (
            f"ok: durability is {self.settings.durability}, but the server has "
            f"appendonly {found[0]}, appendfsync {found[1]}"
        )

    async def run(self, script: Script, root: str, *arguments: bytes | str | int) -> Any:
        """One script call on one owner, on the lane that fits it."""
        lane = self.reads if script.reads_only else self.writes
        return await lane.call(("EVALSHA", script.sha, 1, root, *arguments))


def make_client(url: str) -> Redis:
    """A client whose commands are sent once: redis-py 8 resends by default after a lost reply."""
    try:
        return Redis.from_url(url, retry=Retry(NoBackoff(), 0), protocol=2, socket_timeout=None)
    except ValueError as exc:
        raise ConfigError(f"redis.url: {exc}") from exc


def info_field(info: bytes, name: str) -> str:
    """One field of an INFO reply; empty when the server does not tell it."""
    prefix = f"{name}:".encode()
    for line in info.splitlines():
        if line.startswith(prefix):
            return line[len(prefix) :].decode()
    return ""


def _config_value(reply: list[bytes]) -> str:
    return reply[1].decode() if len(reply) > 1 else "unknown"


def _fail(trip: Sequence[tuple[Command, asyncio.Future[Any]]], error: PsdError) -> None:
    for _, future in trip:
        if not future.done():
            future.set_exception(error)


def _as_psd_error(reply: RedisError) -> PsdError:
    text = str(reply)
    code = getattr(reply, "status_code", None) or text.partition(" ")[0]
    # Redis 6.2 wraps what a script met: "ERR Error running script ...: -OOM command not ...".
    wrapped = any(f" -{known} " in text for known in _AWAY)
    if code in _AWAY or wrapped or isinstance(reply, RedisConnectionError):
        return StoreUnavailableError(f"redis: {code}: {text}")
    return StoreError(f"redis: {text}")
