"""At which instants an expression is answered, and what each of them sees. Pure.

What is booked in a second counts from that second's end on: at the instant ``t``, ``increase`` over
``w`` is the exact sum of psd's half-open range ``[t - w, t)``, and a selector alone is all that was
booked before ``t``. Prometheus's window, open on its left, is the same with each booking at the
instant at which its second is over. So the windows of a day end at midnight::

    stepped("1460419200", "1460505600", "1d")   -> [1_460_419_200_000, 1_460_505_600_000]
    windows([1_460_505_600_000], 86_400_000)    -> [Range(1460419200, 1460505600)]
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from psd.engine.plan import Range
from psd.errors import BadQueryError
from psd.queries.moments import held, moment
from psd.queries.prometheus.tokens import duration_ms

POINTS_MAX = 11_000
"""As in Prometheus: a point for each pixel of a wide screen, and more."""

INSTANT_MAX_MS = 2**53

_DECIMAL = re.compile(r"[+-]?[0-9]{1,17}(?:\.[0-9]{1,30})?(?:[eE][+]?[0-9]{1,2})?", re.ASCII)
_DURATION = re.compile(r"(?:[0-9]+(?:ms|[smhdwy]))+", re.ASCII)


def instant_ms(text: str, field: str) -> int:
    """Unix seconds with a fraction, or RFC 3339; raises BadQueryError."""
    if not _DECIMAL.fullmatch(text):
        return moment(text, field) * 1000
    whole_ms = math.floor(float(text) * 1000 + 0.5)
    if abs(whole_ms) > INSTANT_MAX_MS:
        raise BadQueryError(f"{field}: {text[:40]!r} is no time that psd knows")
    return whole_ms


def step_ms(text: str) -> int:
    """A step in seconds or as a duration; raises BadQueryError."""
    if _DURATION.fullmatch(text):
        found = duration_ms(text)
    elif _DECIMAL.fullmatch(text):
        found = math.floor(min(float(text), 1e12) * 1000 + 0.5)
    else:
        raise BadQueryError(f"step: {text[:40]!r} is neither seconds nor a duration")
    if found <= 0:
        raise BadQueryError(f"step: {text[:40]!r} must be 1 ms or more")
    return found


def stepped(start: str, end: str, step: str) -> list[int]:
    """The instants of a range query, both ends included; raises BadQueryError."""
    first_ms, last_ms = instant_ms(start, "start"), instant_ms(end, "end")
    every_ms = step_ms(step)
    if last_ms < first_ms:
        raise BadQueryError(f"end: {end[:40]!r} must not be before start {start[:40]!r}")
    if (last_ms - first_ms) // every_ms >= POINTS_MAX:
        raise BadQueryError(f"step: {step[:40]!r} makes more than {POINTS_MAX} points; widen it")
    return list(range(first_ms, last_ms + 1, every_ms))


def windows(instants_ms: Sequence[int], window_ms: int | None) -> list[Range]:
    """The range that is summed for each instant; without a window, all before it."""
    found = []
    for at_ms in instants_ms:
        end = held(at_ms // 1000)
        start = 0 if window_ms is None else held((at_ms - window_ms) // 1000)
        found.append(Range(start, end))
    return found
