"""When a client asks again, and how long it waits before. Pure.

What is asked again is what changes nothing when it comes twice: questions, and events, whose
batches have an ``Idempotency-Key``. What stands against it for a moment is a server that is away,
has no room (429) or has no store (502, 503, 504), and one that still works on the same request::

    Retries().wait_s(tried=1, told_s=None, chance=1.0)   -> 0.2
    Retries().wait_s(tried=3, told_s=None, chance=0.0)   -> 0.4      (half of 0.8)
    Retries().wait_s(tried=1, told_s=1.0, chance=1.0)    -> 1.2      (Retry-After: 1)
    Retries().wait_s(tried=5, told_s=None, chance=1.0)   -> None     (five tries are enough)

Clients that were turned away together do not come back together: half of a wait is chance.
"""

from __future__ import annotations

import msgspec

STATUSES = frozenset({429, 502, 503, 504})
"""Answers that another moment may change."""


class Retries(msgspec.Struct, frozen=True):
    """How patient a client is; ``told_max_s`` is the longest Retry-After that it waits for."""

    tries_max: int = 5
    first_s: float = 0.2
    longest_s: float = 5.0
    told_max_s: float = 30.0

    def wait_s(self, tried: int, told_s: float | None, chance: float) -> float | None:
        """Seconds before the next try, None for no more tries; ``chance`` is from 0 to 1."""
        if tried >= self.tries_max or (told_s or 0) > self.told_max_s:
            return None
        doubled_s: float = self.first_s * 2 ** (tried - 1)
        backoff_s = min(self.longest_s, doubled_s) * (1 + chance) / 2
        return backoff_s + (told_s or 0)


ONCE = Retries(tries_max=1)
"""For who would rather know at once."""


def told_wait_s(header: str | None) -> float | None:
    """The seconds of a Retry-After header; one that is a date says nothing here."""
    text = (header or "").strip()
    return float(text) if text.isascii() and text.isdecimal() else None
