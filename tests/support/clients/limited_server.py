"""A server whose limits are so small that tests reach each of them.

>>> async with limited_server(redis_url) as server:
...     async with server.raw() as connection:
...         connection.send(b"G")
...         assert (await connection.answer()).status == 408
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import msgspec

from psd.config import AccessSettings, QueueSettings, RedisSettings, ServerSettings, Settings
from psd.runtime import Runtime, open_runtime
from tests.support.clients.http import HttpClient, serving
from tests.support.clients.raw_http import RawConnection, raw
from tests.support.engine import PATIENCE_S

HEAD_TIMEOUT_S = 0.4
BODY_TIMEOUT_S = 0.3
IDLE_TIMEOUT_S = 0.7
TICK_S = 0.005
"""An event loop counts in milliseconds: what is due may come a moment before its time."""

LATE_S = 30.0
"""By when whatever has a deadline above must have ended, on a machine as busy as it may be."""

LIMITS = ServerSettings(
    port=0,
    head_timeout_s=HEAD_TIMEOUT_S,
    body_timeout_s=BODY_TIMEOUT_S,
    connections_max=4,
    line_bytes_max=300,
    head_bytes_max=1000,
    body_bytes_max=2000,
    json_depth_max=8,
    range_span_max_s=1000,
    ids_max=3,
    things_max=2,
)


PATIENT = msgspec.structs.replace(LIMITS, head_timeout_s=60.0, body_timeout_s=60.0)
"""For tests of other limits than those of time, with as long an idle time."""


class LimitedServer(msgspec.Struct, frozen=True):
    """The server's runtime, and a client."""

    runtime: Runtime
    client: HttpClient

    def raw(self) -> AbstractAsyncContextManager[RawConnection]:
        """One more connection."""
        return raw(self.client.url)

    def metric(self, name: str, **labels: str) -> float:
        """What a metric stands at."""
        return self.runtime.metrics.registry.get_sample_value(name, labels) or 0.0

    def refused(self, reason: str) -> float:
        """How often a connection was refused something for this reason."""
        return self.metric("psd_http_refused_total", reason=reason)

    def connections(self) -> float:
        """How many connections are open."""
        return self.metric("psd_http_connections")


@asynccontextmanager
async def limited_server(
    redis_url: str,
    limits: ServerSettings = LIMITS,
    idle_timeout_s: float = IDLE_TIMEOUT_S,
    tokens: tuple[str, ...] = (),
) -> AsyncIterator[LimitedServer]:
    """A server with these limits on a free port; with ``tokens`` it asks for one of them."""
    settings = Settings(
        redis=RedisSettings(url=redis_url, timeout_s=PATIENCE_S),
        queue=QueueSettings(kind="stream"),
        server=limits,
        access=AccessSettings(tokens=tokens),
    )
    runtime = await open_runtime(settings)
    try:
        async with serving(runtime, idle_timeout_s) as client:
            yield LimitedServer(runtime, client)
    finally:
        await runtime.close()
