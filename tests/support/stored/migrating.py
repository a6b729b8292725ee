"""``psd migrate`` from one server of a test into another one.

::

    await moved(old, new, 16)         moved whole, into 16 partitions
"""

from __future__ import annotations

from click.testing import Result

from psd.store.keys import MIGRATION_KEY
from tests.support.processes.commands import run
from tests.support.servers.redis_server import RedisServer


async def migrate(old: RedisServer, new: RedisServer, *words: str, partitions: int = 0) -> Result:
    """What the command says."""
    flags = ["--set", f"redis.partitions={partitions}"]
    return await run(*flags, "migrate", "--from", old.url, *words, url=new.url)


async def moved(old: RedisServer, new: RedisServer, partitions: int = 0) -> None:
    """Move it, and find it whole."""
    done = await migrate(old, new, partitions=partitions)
    assert done.exit_code == 0, done.output
    assert new.ask("EXISTS", MIGRATION_KEY) == 0
