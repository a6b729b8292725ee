"""What the connections of a process share: limits, places, metrics.

There are ``connections_max`` places. A connection has one from its first moment, and keeps it once
somebody on it was admitted. Until then it is a stranger's, and where all places are taken the
stranger who has been silent the longest makes room for whoever comes. With 3 places::

    A opens, B opens, C opens              3 of 3
    B asks with a token                    B stays, whatever comes
    A asks for /healthz without one        A was heard later than C
    D opens                                C leaves: the longest without a word
    D, A and B ask with a token; E opens   429: all places belong to somebody

Who floods a process with connections so takes places from strangers, its own first, and none from
those who were let in.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from psd.config import ServerSettings
from psd.observe.metrics import Metrics
from server.connections.refusals import LINGERING_TIME_S, UnroutedAnswer

LINE_BYTES_AROUND = len("POST  HTTP/1.1")
"""What a request line has besides its target, with the longer of our two methods."""

HEADERS_MAX = 128


class GuardedConnection(Protocol):
    """What the guard needs of :class:`server.connections.protocol.Connection`."""

    def make_room(self) -> None:
        """Leave, and end soon."""
        ...


class Guard:
    """What all connections of a process share."""

    def __init__(
        self,
        settings: ServerSettings,
        metrics: Metrics,
        connections_max: int,
        idle_timeout_s: float,
    ) -> None:
        self.names_server = settings.header
        self.head_timeout_s = settings.head_timeout_s
        self.answer_timeout_s = settings.body_timeout_s
        self.head_bytes_max = settings.head_bytes_max
        self.turned_away: set[asyncio.Transport] = set()
        self._metrics = metrics
        self._connections_max = connections_max
        self._open = 0
        # Who was heard last stands last.
        self._strangers: dict[GuardedConnection, None] = {}
        # The two limits differ, so that an error of the parser tells by its limit what was
        # too long: the line of the request, or a header (with its colon and blank).
        self.parser_options: dict[str, Any] = {
            "access_log": None,
            # Nothing of a stranger's body is unpacked: server/bodies.py does it, once admitted.
            "auto_decompress": False,
            "keepalive_timeout": idle_timeout_s,
            "lingering_time": LINGERING_TIME_S,
            "max_line_size": max(settings.line_bytes_max - LINE_BYTES_AROUND, 1),
            "max_field_size": settings.line_bytes_max - len(": "),
            "max_headers": HEADERS_MAX,
        }
        self.full = UnroutedAnswer(429, f"more than {connections_max} connections are open")

    def enter(self, place: GuardedConnection) -> bool:
        """Whether there is room for one more connection, or was made; it is a stranger's."""
        if self._open >= self._connections_max and not self._make_room():
            return False
        self._open += 1
        self._strangers[place] = None
        self._metrics.connections.inc()
        return True

    def hear(self, stranger: GuardedConnection) -> None:
        """A stranger asked for something."""
        if self._strangers.pop(stranger, self) is None:
            self._strangers[stranger] = None

    def know(self, place: GuardedConnection) -> None:
        """Somebody on it was admitted."""
        self._strangers.pop(place, None)

    def leave(self, place: GuardedConnection) -> None:
        """A connection that had entered ends."""
        self._strangers.pop(place, None)
        self._open -= 1
        self._metrics.connections.dec()

    def count(self, reason: str) -> None:
        """A connection was refused something for this reason."""
        self._metrics.refused.labels(reason).inc()

    def _make_room(self) -> bool:
        for stranger in self._strangers:
            self.count("room")
            stranger.make_room()
            return True
        return False
