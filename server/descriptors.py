"""How many connections the limit of descriptors leaves room for.

Each connection holds a descriptor. A process that runs out of them can neither accept nor reach
its store, so the limit of connections has to stay below the limit of descriptors::

    connections_max 2048, soft limit 1024, hard limit 524288 -> the soft limit becomes 2176
    connections_max 2048, soft limit 1024, hard limit 1024   -> 896 connections, and a warning
"""

from __future__ import annotations

import logging
import resource

log = logging.getLogger("server")

OTHERS = 128
"""Descriptors for everything else: Redis, the queue, the archive, metrics, logs (some 40 in
all), and connections that are being turned away (up to 64)."""


def allowed_connections(wanted: int) -> int:
    """``wanted``, or fewer where even a raised limit does not reach."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + OTHERS
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    reached = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (reached, hard))
    if reached == needed:
        return wanted
    allowed = max(reached - OTHERS, 1)
    log.warning(
        "fewer connections than server.connections_max: the limit of descriptors is too low",
        extra={"connections_max": wanted, "allowed": allowed, "descriptors": reached},
    )
    return allowed
