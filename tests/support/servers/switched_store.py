"""An address that leads to one Redis now and to another one later, as a name or a proxy does.

>>> with Switch(folder) as address, RedisServer(a) as old, RedisServer(b) as new:
...     address.lead_to(old)
...     async with engine_on(address.url) as psd:
...         address.lead_to(new, hang_up=True)      # whoever was connected to the old one is not
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Self

from tests.support.servers.redis_server import RedisServer


class Switch:
    """A link to the socket of whichever server it leads to."""

    def __init__(self) -> None:
        # A socket's path must stay below 108 bytes, which pytest's own folders may not.
        self._folder = tempfile.TemporaryDirectory(prefix="psd-test-", dir="/tmp")
        self._link = Path(self._folder.name) / "redis.sock"
        self._server: RedisServer | None = None

    @property
    def url(self) -> str:
        """What goes into ``redis.url``."""
        return f"unix://{self._link}?db=0"

    def lead_to(self, server: RedisServer, *, hang_up: bool = True) -> None:
        """New connections lead there from now on; those there are end, unless they are kept."""
        fresh = self._link.with_suffix(".new")
        fresh.symlink_to(server.socket)
        fresh.rename(self._link)
        before, self._server = self._server, server
        if before is not None and before.process is not None and hang_up:
            hang_up_on(before)

    def close(self) -> None:
        """Take the address away."""
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def hang_up_on(server: RedisServer) -> None:
    """End the connections of its clients, as Sentinel does after it made a master a replica."""
    server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
