"""The only maker of Redis clients, and what a server must be like to be written to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from psd.config import RedisSettings
from psd.errors import ConfigError, PsdError
from psd.observe.metrics import Metrics
from psd.store.fitness import check_fit, policy_check, version_check
from psd.store.keys import PROBE_KEY, RETENTION_KEY, SCHEMA_KEY, SCHEMA_VERSION
from psd.store.lane import Lane
from psd.store.scripts import Script, load_script, script_names

READ_CONNECTIONS = 2
"""One trip is prepared and parsed while Redis works on the other."""


class Store:
    """The clients of one process: a lane for reads, one for writes, and a plain client.

    ``client`` is for blocking reads of the embedded queue and for tools; it shares no
    connection with the lanes.
    """

    def __init__(self, settings: RedisSettings, metrics: Metrics) -> None:
        self.settings = settings
        self._found_fit = False
        self.client = make_client(settings.url)
        self.reads = Lane(self.client, settings.timeout_s, metrics, READ_CONNECTIONS)
        self.writes = Lane(self.client, settings.timeout_s, metrics)

    async def close(self) -> None:
        """Close every connection."""
        await self.reads.close()
        await self.writes.close()
        await self.client.aclose()

    async def check_fit(self) -> None:
        """Refuse a server that would break psd's promise (psd/store/fitness.py); asks it once.

        Raises ConfigError, or StoreUnavailableError while nobody answers. 1 trip, then none.
        """
        if self._found_fit:
            return
        server, memory = await self.reads.call_all([("INFO", "server"), ("INFO", "memory")])
        check_fit(server, memory, self.settings)
        self._found_fit = True

    async def check_schema(self) -> None:
        """Refuse a store whose shapes are of another version; marks an empty one."""
        _, held = await self.writes.call_all(
            [("SET", SCHEMA_KEY, SCHEMA_VERSION, "NX"), ("GET", SCHEMA_KEY)]
        )
        if held.decode() != SCHEMA_VERSION:
            raise ConfigError(
                f"{SCHEMA_KEY}: the store holds version {held.decode()}, "
                f"this psd reads version {SCHEMA_VERSION}"
            )

    async def levels_with_lifetimes(self, now: Iterable[str]) -> set[str]:
        """Retention levels that have or ever had a lifetime in this store; adds those of now."""
        held = set(now)
        if held:
            await self.writes.call(("SADD", RETENTION_KEY, *sorted(held)))
        members = await self.writes.call(("SMEMBERS", RETENTION_KEY))
        return held | {member.decode() for member in members}

    async def readiness(self) -> dict[str, str]:
        """Each check's name with ``ok``, ``ok: <advice>`` or what is wrong. 4 trips."""
        try:
            await self.writes.call(("SET", PROBE_KEY, "1", "PX", 1000))
            await self.check_schema()
        except ConfigError as exc:
            return {"writable": "ok", "schema": str(exc)}
        except PsdError as exc:
            return {"writable": str(exc)}
        names = list(script_names())
        shas = [load_script(name).sha for name in names]
        known, server, memory = await self.reads.call_all(
            [("SCRIPT", "EXISTS", *shas), ("INFO", "server"), ("INFO", "memory")]
        )
        for name, exists in zip(names, known, strict=True):
            if not exists:
                await self.reads.call(("SCRIPT", "LOAD", load_script(name).source))
        return {
            "writable": "ok",
            "schema": "ok",
            "scripts": "ok",
            "policy": policy_check(memory, self.settings),
            "version": version_check(server, self.settings),
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
        except PsdError as exc:
            return f"ok: the server does not tell its appendfsync ({exc})"
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


def _config_value(reply: list[bytes]) -> str:
    return reply[1].decode() if len(reply) > 1 else "unknown"
