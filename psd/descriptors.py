"""How many connections the limit of descriptors leaves room for.

Each connection holds a descriptor. A process that runs out of them can neither accept nor reach
its store, so the limit of connections has to stay below the limit of descriptors::

    connections_max 2048, soft limit 1024, hard limit 524288 -> the soft limit becomes 3200
    connections_max 2048, soft limit 1024, hard limit 1024   -> 768 connections, and a warning

Connections are accepted in bursts, up to as many as the system holds ready, and only then is one
too many closed or room made for it: a burst needs descriptors beside those of all places.
"""

from __future__ import annotations

import logging
import resource

import msgspec

log = logging.getLogger("descriptors")

OTHERS = 128
"""Descriptors for everything else: Redis, the queue, the archive, metrics, logs (some 40 in
all), and connections that are being turned away (up to 64)."""

BACKLOG_MAX = 1024
"""Connections that the system holds ready before they are accepted."""

BACKLOG_MIN = 64


class ConnectionRoom(msgspec.Struct, frozen=True):
    """How many connections may be open, and how many may be ready to be accepted."""

    connections: int
    backlog: int


def allowed_room(wanted: int) -> ConnectionRoom:
    """``wanted`` connections, or fewer where even a raised limit does not reach."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + BACKLOG_MAX + OTHERS
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return ConnectionRoom(wanted, BACKLOG_MAX)
    reached = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if reached > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (reached, hard))
    # Of a limit that is too low a burst gets an eighth.
    backlog = min(max(reached // 8, BACKLOG_MIN), BACKLOG_MAX)
    allowed = min(wanted, max(reached - backlog - OTHERS, 1))
    if allowed == wanted:
        return ConnectionRoom(wanted, min(reached - OTHERS - wanted, BACKLOG_MAX))
    log.warning(
        "fewer connections than were asked for: the limit of descriptors is too low",
        extra={"connections_max": wanted, "allowed": allowed, "descriptors": reached},
    )
    return ConnectionRoom(allowed, backlog)
