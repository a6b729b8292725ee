"""psd in four shapes on one server, driven from code that is not asynchronous.

The shapes are own or small limits (:mod:`tests.support.scripts.small_leaves`) and keys that live
for ever or levels that expire. One event loop serves them all; ``run`` waits for one coroutine.

>>> with FourEngines(server, {"own limits": lua_folder(), "small limits": small}) as psd:
...     psd.run(psd.runtime("small limits", expiring=False).engine.sums([1], [1], [EVER]))
[OwnerSums(sums={1: 0}, activities={})]
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar
from unittest.mock import patch

import uvloop

from psd.config_sources import load_settings
from psd.runtime import Runtime, open_runtime
from psd.store import scripts
from tests.support.servers.redis_server import RedisServer

T = TypeVar("T")

KEEP_ON_KILL = ("--appendonly", "yes", "--appendfsync", "no", "--auto-aof-rewrite-min-size", "8mb")
"""What was answered is in the kernel, which outlives a kill -9 of the server; an fsync a write
would take 4 ms. The power cuts are the chaos programme's."""

OPEN = {"redis.durability": "fast", "redis.timeout_s": 60.0}
"""A machine that stalls for a second under load must not look like a wrong sum."""

EXPIRING = {
    "retention.second_s": 10**8,
    "retention.day_s": 2 * 10**8,
    "retention.week_s": 2 * 10**8,
    "retention.month_s": 3 * 10**8,
}


class FourEngines:
    """Runtimes by shape, opened when they are asked for."""

    def __init__(self, server: RedisServer, folders: Mapping[str, Path]) -> None:
        self._server = server
        self._folders = folders
        self._loop = uvloop.new_event_loop()
        self._opened: dict[tuple[str, bool], Runtime] = {}

    def __enter__(self) -> Self:
        self._load_scripts()
        return self

    def __exit__(self, *_: object) -> None:
        self._close_runtimes()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for it."""
        return self._loop.run_until_complete(work)

    def runtime(self, limits: str, expiring: bool) -> Runtime:
        """The runtime of one shape."""
        found = self._opened.get((limits, expiring))
        if found is None:
            flags = {**OPEN, "redis.url": self._server.url, **(EXPIRING if expiring else {})}
            settings = load_settings(flags=flags).settings
            with patch.object(scripts, "lua_folder", lambda: self._folders[limits]):
                found = self.run(open_runtime(settings))
            self._opened[limits, expiring] = found
        return found

    def restart(self) -> None:
        """SIGKILL, and up again from the append-only file."""
        self._close_runtimes()
        self._server.kill9()
        self._server.start()
        self._load_scripts()

    def _close_runtimes(self) -> None:
        for runtime in self._opened.values():
            self.run(runtime.close())
        self._opened.clear()

    def _load_scripts(self) -> None:
        """A lane that finds none would load those of psd's own limits."""
        self.run(self._loaded())

    async def _loaded(self) -> None:
        async with self._server.client() as client:
            for folder in self._folders.values():
                for name in scripts.script_names(folder):
                    await client.script_load(scripts.load_script(name, folder).source)
