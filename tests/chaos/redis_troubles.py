"""States in which a running Redis cannot serve psd, each entered and left as it happens.

A trouble is an async context manager on a :class:`GuardedRedis`; when it is left, the server
works again. psd is the user ``default`` there and has a password; the one who makes trouble is
``operator``, whose connection survives what is done to psd's. What is written while it lasts
is refused (-OOM, -LOADING, ...); whether sums are still answered depends on the trouble:

>>> async with TROUBLES["OOM"].make(server):
...     await client.write(report)                     # 503
...     await client.get("/v1/query/1/steps/all/0/9")  # 200: reading needs no memory
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import msgspec
import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tests.support.servers.redis_server import KEEP, RedisServer
from tests.support.waiting import wait_until

PASSWORD = "first"
OPERATOR, OPERATOR_PASSWORD = "operator", "other"

FILLERS = 20_000
"""Keys that take long to load: at 300 us each (a virtual machine may make it 1.4 ms) 6 s or
more, unless the server is told to hurry."""

SLOW_TO_LOAD = (
    *("--key-load-delay", "300"),
    # Some 30 of the keys above: that often it lets its clients in while it loads.
    *("--loading-process-events-interval-bytes", "1024"),
)


class GuardedRedis(RedisServer):
    """A server that keeps everything and knows two users, psd (``default``) and ``operator``."""

    def __init__(self, folder: Path, options: Sequence[str] = ()) -> None:
        rights = ("on", f">{OPERATOR_PASSWORD}", "~*", "&*", "+@all")
        guard = ("--requirepass", PASSWORD, "--user", OPERATOR, *rights)
        super().__init__(folder, options=(*KEEP, *guard, *options))

    @property
    def url(self) -> str:
        """What goes into ``redis.url``."""
        return f"unix://:{PASSWORD}@{self.socket}?db=0"

    def _answers(self) -> bool:
        try:
            with redis.Redis(
                unix_socket_path=self.socket, username=OPERATOR, password=OPERATOR_PASSWORD
            ) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


@asynccontextmanager
async def operator_of(server: RedisServer) -> AsyncIterator[redis.asyncio.Redis]:
    """The operator's connection: one, kept until the end."""
    client = redis.asyncio.Redis(
        unix_socket_path=server.socket,
        single_connection_client=True,
        retry=Retry(NoBackoff(), 0),
        username=OPERATOR,
        password=OPERATOR_PASSWORD,
    )
    async with client:
        yield client


@asynccontextmanager
async def out_of_memory(server: RedisServer) -> AsyncIterator[None]:
    """-OOM: what is stored is more than the server may hold."""
    async with operator_of(server) as client:
        await client.config_set("maxmemory", 1)
        yield
        await client.config_set("maxmemory", 0)


@asynccontextmanager
async def read_only(server: RedisServer) -> AsyncIterator[None]:
    """-READONLY: a failover made it a replica; its master is away and it serves what it has."""
    async with operator_of(server) as client:
        await client.execute_command("REPLICAOF", "127.0.0.1", "1")
        yield
        await client.execute_command("REPLICAOF", "NO", "ONE")


@asynccontextmanager
async def master_down(server: RedisServer) -> AsyncIterator[None]:
    """-MASTERDOWN: the same, and it does not answer from old data."""
    async with operator_of(server) as client:
        await client.config_set("replica-serve-stale-data", "no")
        await client.execute_command("REPLICAOF", "127.0.0.1", "1")
        yield
        await client.execute_command("REPLICAOF", "NO", "ONE")
        await client.config_set("replica-serve-stale-data", "yes")


@asynccontextmanager
async def loading(server: RedisServer) -> AsyncIterator[None]:
    """-LOADING: it was killed, and reads its file again."""
    await _make_slow_to_load(server)
    server.kill9()
    options = server.options
    server.options = [*options, *SLOW_TO_LOAD]
    starting = asyncio.create_task(asyncio.to_thread(server.start))
    await wait_until("the server loads", lambda: _is_loading(server))
    yield
    assert not starting.done(), "it had loaded all before the end"
    async with operator_of(server) as client:
        await client.config_set("key-load-delay", 0)
    await starting
    server.options = options
    async with operator_of(server) as client:
        await client.unlink(*_filler_keys())


@asynccontextmanager
async def busy(server: RedisServer) -> AsyncIterator[None]:
    """-BUSY: somebody's script runs in a loop."""
    async with operator_of(server) as client, operator_of(server) as looping:
        await client.config_set("lua-time-limit", 100)
        script = asyncio.create_task(_loop_for_ever(looping))
        await wait_until("the script is known as busy", lambda: _is_busy(client))
        yield
        await client.script_kill()
        await script


@asynccontextmanager
async def failed_snapshot(server: RedisServer) -> AsyncIterator[None]:
    """-MISCONF: the last snapshot failed, and the server was told to stop writing then."""
    in_the_way = server.folder / "dump.rdb"
    async with operator_of(server) as client:
        await client.config_set("save", "3600 1000000")
        in_the_way.mkdir()
        await _snapshot(client, "err")
        yield
        in_the_way.rmdir()
        await _snapshot(client, "ok")
        await client.config_set("save", "")


@asynccontextmanager
async def wrong_password(server: RedisServer) -> AsyncIterator[None]:
    """-WRONGPASS: the password was changed, and psd has the old one."""
    async with operator_of(server) as client:
        await client.config_set("requirepass", "second")
        await _disconnect_psd(client)
        yield
        await client.config_set("requirepass", PASSWORD)


@asynccontextmanager
async def no_permission(server: RedisServer) -> AsyncIterator[None]:
    """-NOPERM: psd's user lost the rights to its commands."""
    async with operator_of(server) as client:
        await client.execute_command("ACL", "SETUSER", "default", "-@all", "+auth", "+ping")
        yield
        await client.execute_command("ACL", "SETUSER", "default", "+@all")


@asynccontextmanager
async def full_of_connections(server: RedisServer) -> AsyncIterator[None]:
    """-ERR max number of clients reached: others have taken every place."""
    async with operator_of(server) as client:
        usual = str((await client.config_get("maxclients"))["maxclients"])
        await client.config_set("maxclients", 1)
        await _disconnect_psd(client)
        yield
        await client.config_set("maxclients", usual)


@asynccontextmanager
async def stalled(server: RedisServer) -> AsyncIterator[None]:
    """No answer at all: its machine hangs, connections stay open."""
    server.pause()
    yield
    server.resume()


class Trouble(msgspec.Struct, frozen=True):
    """One state; ``reads`` says whether sums are answered while it lasts."""

    make: Callable[[RedisServer], AbstractAsyncContextManager[None]]
    reads: bool = False


TROUBLES = {
    "OOM": Trouble(out_of_memory, reads=True),
    "READONLY": Trouble(read_only, reads=True),
    "MASTERDOWN": Trouble(master_down),
    "LOADING": Trouble(loading),
    "BUSY": Trouble(busy),
    "MISCONF": Trouble(failed_snapshot, reads=True),
    "WRONGPASS": Trouble(wrong_password),
    "NOPERM": Trouble(no_permission),
    "maxclients": Trouble(full_of_connections),
    "stalled": Trouble(stalled),
}
"""Every state that the programme puts Redis into, by the error that psd sees."""


async def _loop_for_ever(client: redis.asyncio.Redis) -> None:
    with contextlib.suppress(redis.ResponseError):
        await client.eval("while true do end", 0)


async def _is_busy(client: redis.asyncio.Redis) -> bool:
    try:
        await client.ping()
    except redis.ResponseError as error:
        return "BUSY" in str(error)
    return False


def _filler_keys() -> list[str]:
    return [f"filler:{number}" for number in range(FILLERS)]


async def _make_slow_to_load(server: RedisServer) -> None:
    """Write fillers into a snapshot: only while it reads one is Redis slow where we ask it to."""
    async with operator_of(server) as client:
        await client.mset(dict.fromkeys(_filler_keys(), "1"))
        await client.bgrewriteaof()

        async def rewritten() -> bool:
            found = await client.info("persistence")
            return not found["aof_rewrite_in_progress"] and not found["aof_rewrite_scheduled"]

        await wait_until("its file is rewritten", rewritten)


async def _is_loading(server: RedisServer) -> bool:
    try:
        async with operator_of(server) as client:
            await client.ping()
    except redis.BusyLoadingError:
        return True
    except (redis.RedisError, OSError):
        return False
    return False


async def _snapshot(client: redis.asyncio.Redis, status: str) -> None:
    """Take a snapshot and wait until it ended so."""
    await client.bgsave()

    async def ended() -> bool:
        found = await client.info("persistence")
        return not found["rdb_bgsave_in_progress"] and found["rdb_last_bgsave_status"] == status

    await wait_until(f"the snapshot ended: {status}", ended)


async def _disconnect_psd(client: redis.asyncio.Redis) -> None:
    await client.execute_command("CLIENT", "KILL", "USER", "default")
