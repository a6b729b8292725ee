"""When a client asks again, and how long it waits before. Pure.

What is asked again is what changes nothing when it comes twice: questions, and events, whose
batches have an ``Idempotency-Key``. What stands against it for a moment is a server that is away,
has no room (429) or has no store (502, 503, 504), and one that still works on the same request::

    Retries().wait_s(tried=1, told_s=None, chance=1.0)   -> 0.2
    Retries().wait_s(tried=3, told_s=None, chance=0.0)   -> 0.4      (half of 0.8)
    Retries().wait_s(tried=1, told_s=1.0, chance=1.0)    -> 1.2      (Retry-After: 1)
    Retries().wait_s(tried=5, told_s=None, chance=1.0)   -> None     (five tries are enough)
    Retries().wait_s(tried=5, told_s=1.0, chance=0.0, in_hand_s=7.0) -> 2.6

A server that could not say what became of a request, or was killed over it, cannot always take
back that it works on it: the key is free 10 s later by itself. Five tries may be over before.

Clients that were turned away together do not come back together: half of a wait is chance.
"""

from __future__ import annotations

import msgspec

from psd.backoff import backoff_s
from psd.errors import PsdError, RequestInHandError

STATUSES = frozenset({429, 502, 503, 504})
"""Answers that another moment may change."""


class Retries(msgspec.Struct, frozen=True):
    """How patient a client is; ``told_max_s`` is the longest Retry-After that it waits for.

    A request that is said to be worked on is asked for again past ``tries_max``, for
    ``in_hand_max_s``: longer than the server keeps its key without an answer.
    """

    tries_max: int = 5
    first_s: float = 0.2
    longest_s: float = 5.0
    told_max_s: float = 30.0
    in_hand_max_s: float = 12.0

    def wait_s(
        self, tried: int, told_s: float | None, chance: float, in_hand_s: float | None = None
    ) -> float | None:
        """Seconds before the next try, None for no more tries; ``chance`` is from 0 to 1.

        ``in_hand_s`` is for how long the request has been said to be worked on, if it is.
        """
        is_in_hand = in_hand_s is not None and in_hand_s < self.in_hand_max_s
        if (tried >= self.tries_max and not is_in_hand) or (told_s or 0) > self.told_max_s:
            return None
        return backoff_s(tried, self.first_s, self.longest_s, 1 - chance) + (told_s or 0)


ONCE = Retries(tries_max=1, in_hand_max_s=0.0)
"""For who would rather know at once."""


class Tries:
    """Those of one request."""

    def __init__(self, retries: Retries) -> None:
        self._retries = retries
        self._tried = 0
        self._in_hand_since_s: float | None = None

    def wait_s(
        self, error: PsdError, told_s: float | None, now_s: float, chance: float
    ) -> float | None:
        """Seconds before the next try after one that ended so; None for no more."""
        self._tried += 1
        in_hand_s = None
        if isinstance(error, RequestInHandError):
            if self._in_hand_since_s is None:
                self._in_hand_since_s = now_s
            in_hand_s = now_s - self._in_hand_since_s
        else:
            self._in_hand_since_s = None
        return self._retries.wait_s(self._tried, told_s, chance, in_hand_s)


def told_wait_s(header: str | None) -> float | None:
    """The seconds of a Retry-After header; one that is a date says nothing here."""
    text = (header or "").strip()
    return float(text) if text.isascii() and text.isdecimal() else None
