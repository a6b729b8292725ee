"""What a request has written: nothing yet, or something, perhaps.

Whoever answers for a request leaves a trail, and the lane that writes notes on it what leaves for
Redis. A command that was never sent, or that Redis refused before it wrote, leaves none::

    with Trail() as trail:
        await boards.put(...)        # HSET sent        -> trail.has_written, since trail.since_s
                                     # refused: -OOM    -> not trail.has_written
                                     # no connection    -> not trail.has_written

So it is known of a request that fails whether nothing was done (psd/errors.py,
StoreUnavailableError), or something was, may have been, or only a part (OutcomeUnknownError).
"""

from __future__ import annotations

import time
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Self

from psd.errors import StoreUnavailableError

READING = frozenset(
    {
        *("EXISTS", "GET", "HGET", "HLEN", "HMGET", "SCARD", "SMEMBERS", "SMISMEMBER", "SSCAN"),
        *("TTL", "INFO", "ROLE"),
    }
)
"""What a lane that writes is asked besides, to see its own writes."""

KEEPING = frozenset({"SCRIPT", "WAIT", "CONFIG", "CLIENT"})
"""What changes nothing that anybody has booked or made."""


class Trail:
    """Of one request; ``since_s`` is when its first write left, by ``time.monotonic``."""

    __slots__ = ("_token", "_written", "since_s")

    def __init__(self) -> None:
        self.since_s = 0.0
        self._written = 0
        self._token: Token[Trail | None] | None = None

    def __enter__(self) -> Self:
        self._token = _TRAIL.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._token is not None, "it was entered"
        _TRAIL.reset(self._token)

    @property
    def has_written(self) -> bool:
        """Whether something was written, or may have been."""
        return self._written > 0

    def sent(self) -> None:
        """A write leaves for Redis."""
        if not self._written:
            self.since_s = time.monotonic()
        self._written += 1

    def answered(self, reply: object) -> None:
        """It has an answer; what Redis is not able to do now, it has not done."""
        if isinstance(reply, StoreUnavailableError):
            self.took_back()

    def took_back(self) -> None:
        """It did not leave, or was refused before anything was written."""
        self._written -= 1


_TRAIL: ContextVar[Trail | None] = ContextVar("trail", default=None)


def trail_of(verb: bytes | str | int) -> Trail | None:
    """The trail that a command of this request is noted on; None for one that writes nothing."""
    trail = _TRAIL.get()
    return None if trail is None or verb in READING or verb in KEEPING else trail


class Aside:
    """Within it nothing is noted: what is written is no part of what the request is about."""

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token = _TRAIL.set(None)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _TRAIL.reset(self._token)
