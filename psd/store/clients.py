"""The only maker of Redis clients: at a URL, or wherever sentinels say that the master is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import Connection, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo

from psd.config import RedisSettings
from psd.errors import ConfigError
from psd.secrets import masked
from psd.store.sentinels import sentinel_client
from psd.store.tls_connections import close_at_once

Greet = Callable[[Connection], Awaitable[None]]

DRIVER = DriverInfo()
"""Made once: redis-py reads its own version from the disk for each connection, 1 ms."""


def make_client(
    url: str, greet: Greet | None = None, sentinels: RedisSettings | None = None
) -> Redis:
    """A client whose commands are sent once: redis-py 8 resends by default after a lost reply.

    ``greet`` is awaited on each new connection, and introduces psd there; without one nobody
    looks at the server. ``sentinels`` are settings that have some, which say where it is.
    """
    options: dict[str, Any] = {
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "socket_timeout": None,
        "redis_connect_func": greet,
        "driver_info": DRIVER,
    }
    try:
        if sentinels is not None and sentinels.sentinel:
            client = sentinel_client(sentinels, **options)
        else:
            client = Redis.from_url(url, **options)
    except ValueError:
        # What the library says repeats a part of the address, which may be of the password.
        raise ConfigError(f"redis.url = {masked(url)!r}: it cannot be read as an address") from None
    close_at_once(client.connection_pool)
    return client
