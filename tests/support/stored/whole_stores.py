"""All that a server of a test holds: filled as a psd of some version left it, and told again.

::

    await fill(server, "1.7")
    before = await held(server)       {"hash": {"psd:{1}:1:y": {"2016": "120", ...}, ...}, ...}
"""

from __future__ import annotations

from tests.support.servers.redis_server import RedisServer
from tests.support.stored.stored_shapes import Stored, held_by, restore


async def fill(server: RedisServer, name: str) -> None:
    """Make the store one of that shape."""
    async with server.client() as client:
        await restore(client, name)


async def held(server: RedisServer) -> Stored:
    """All that a store holds."""
    async with server.client() as client:
        return await held_by(client)
