"""What Redis itself spent: CPU of its main thread, time inside scripts, memory and keys.

Taken as differences of INFO around a piece of work, on a connection of its own, so that the
client's Python does not count. CPU includes reading and parsing the commands; script time
(``usec`` of EVALSHA in INFO commandstats) is what one call keeps other clients waiting.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import redis

SCRIPT_COMMANDS = ("evalsha", "evalsha_ro", "eval", "eval_ro", "fcall", "fcall_ro")
SETTLE_S = 0.1
SETTLE_TRIES = 50


class Footprint(msgspec.Struct, frozen=True):
    """Memory of the data set in bytes, and its keys."""

    memory_bytes: int
    keys: int

    def since(self, earlier: Footprint) -> Footprint:
        """What was added."""
        return Footprint(self.memory_bytes - earlier.memory_bytes, self.keys - earlier.keys)


class RedisCost:
    """Reads one server's own accounts."""

    def __init__(self, socket: Path) -> None:
        self._redis = redis.Redis(unix_socket_path=str(socket), decode_responses=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._redis.close()

    async def cpu_us(self, work: Awaitable[Any]) -> float:
        """CPU microseconds of the main thread while ``work`` ran."""
        before = self._cpu_s()
        await work
        return (self._cpu_s() - before) * 1e6

    async def script_us(self, work: Awaitable[Any]) -> float:
        """Microseconds inside scripts while ``work`` ran."""
        before = self._script_us()
        await work
        return self._script_us() - before

    def footprint(self) -> Footprint:
        """Memory and keys, once incremental rehashing no longer holds two tables."""
        last = -1
        for _ in range(SETTLE_TRIES):
            used = int(self._info("memory")["used_memory"])
            if used == last:
                break
            last = used
            time.sleep(SETTLE_S)
        return Footprint(last, int(self._redis.dbsize()))

    def version(self) -> str:
        """Such as ``7.0.15``."""
        return str(self._info("server")["redis_version"])

    def _cpu_s(self) -> float:
        cpu = self._info("cpu")
        return float(cpu["used_cpu_user_main_thread"]) + float(cpu["used_cpu_sys_main_thread"])

    def _script_us(self) -> float:
        stats = self._info("commandstats")
        entries = (stats.get(f"cmdstat_{name}") for name in SCRIPT_COMMANDS)
        return float(sum(entry["usec"] for entry in entries if entry))

    def _info(self, section: str) -> dict[str, Any]:
        return dict(self._redis.info(section))
