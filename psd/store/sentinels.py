"""A store whose master is told by Redis Sentinels: each new connection asks them where it is.

``redis.sentinel`` names sentinels, ``redis.sentinel_master`` what they call the master. The rest of
``redis.url`` counts as ever: user, password, database, TLS, certificates; its host does not::

    redis.url       rediss://psd:secret@anyone/0?ssl_ca_certs=/etc/psd/ca.pem
    redis.sentinel  10.0.0.1:26379  (away)
                    10.0.0.2:26379  says 10.0.0.7:6379, so rediss://psd:secret@10.0.0.7:6379/0

A connection whose server turns out to be a replica is dropped (psd/store/standing.py), and the next
one asks again; so does each one that is lost. What asks is redis-py's Sentinel, once each, with a
part of the time that a trip has. No connection to a sentinel is kept: one that hangs is met anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.connection import SSLConnection, parse_url
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool

from psd.addresses import read_address
from psd.config import RedisSettings
from psd.store.tls_connections import close_at_once

PORT = 26_379
TIME_PART = 0.25
"""Of redis.timeout_s, for one sentinel: a second one is asked, and the master answers, in time."""


class AskingPool(SentinelConnectionPool):
    """Asks for the master on connections that it does not keep."""

    def __init__(self, *given: Any, **named: Any) -> None:
        made: Callable[..., None] = super().__init__
        made(*given, **named)
        # redis-py loses a connection that one caller closes while another one opens it again.
        self._turn = asyncio.Lock()

    async def get_master_address(self) -> Any:
        """Host and port; raises redis.exceptions.ConnectionError where no sentinel tells them."""
        asked: Callable[[], Awaitable[Any]] = super().get_master_address
        async with self._turn:
            try:
                return await asked()
            finally:
                for each in self.sentinel_manager.sentinels:
                    await each.connection_pool.disconnect()


def sentinel_client(settings: RedisSettings, **options: Any) -> Redis:
    """A client of the master; raises ValueError for a URL that cannot be read.

    ``options`` are those of each connection to it.
    """
    read: dict[str, Any] = dict(parse_url(settings.url))
    has_tls = read.pop("connection_class", None) is SSLConnection
    for place in ("host", "port"):
        read.pop(place, None)
    certificates = {name: value for name, value in read.items() if name.startswith("ssl_")}
    wait_s = settings.timeout_s * TIME_PART
    asking: dict[str, Any] = {
        "username": settings.sentinel_user or None,
        "password": settings.sentinel_password or None,
        "ssl": settings.sentinel_tls,
        "socket_timeout": wait_s,
        "socket_connect_timeout": wait_s,
        "protocol": options["protocol"],
        "retry": options["retry"],
        "driver_info": options["driver_info"],
        **(certificates if settings.sentinel_tls else {}),
    }
    addresses = [tuple(read_address(each, "redis.sentinel", PORT)) for each in settings.sentinel]
    sentinels = Sentinel(addresses, sentinel_kwargs=asking)
    for each in sentinels.sentinels:
        close_at_once(each.connection_pool)
    client: Redis = sentinels.master_for(
        settings.sentinel_master,
        connection_pool_class=AskingPool,
        ssl=has_tls,
        **read,
        **options,
    )
    return client
