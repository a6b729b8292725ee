"""Connections behind TLS that are closed at once.

redis-py asks for an orderly end, which is the server's to answer; until then, or for 30 s, the
socket stays open, though nobody reads from it any more and the connection knows it no longer. What
psd gives up is never read, and what it was answered needs no farewell::

    pool = Redis.from_url("rediss://...").connection_pool
    close_at_once(pool)           its connections are TlsConnection from here on
"""

from __future__ import annotations

from redis.asyncio import ConnectionPool, SSLConnection
from redis.asyncio.sentinel import SentinelManagedSSLConnection


class TlsConnection(SSLConnection):
    """A connection whose socket is closed with it."""

    async def disconnect(
        self,
        nowait: bool = False,
        error: Exception | None = None,
        failure_count: int | None = None,
        health_check_failed: bool = False,
    ) -> None:
        """See redis-py; there is nothing to wait for."""
        del nowait
        writer = self._writer
        try:
            await super().disconnect(True, error, failure_count, health_check_failed)
        finally:
            if writer is not None:
                writer.transport.abort()


class TlsMasterConnection(SentinelManagedSSLConnection, TlsConnection):
    """The same to where sentinels say that the master is."""


_AT_ONCE: dict[type, type] = {
    SSLConnection: TlsConnection,
    SentinelManagedSSLConnection: TlsMasterConnection,
}


def close_at_once(pool: ConnectionPool) -> None:
    """Let connections that a pool makes from here on be such, where they are behind TLS."""
    pool.connection_class = _AT_ONCE.get(pool.connection_class, pool.connection_class)
