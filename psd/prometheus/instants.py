"""At which instants an expression is answered, and what each of them sees. Pure.

What is booked in a second counts from that second's end on: at the instant ``t``, ``increase`` over
``w`` is the exact sum of psd's half-open range ``[t - w, t)``, and a selector alone is all that was
booked before ``t``. Prometheus's window, open on its left, is the same with each booking at the
instant at which its second is over. So the windows of a day end at midnight::

    instant_ms("2016-04-12T00:00:01.500Z", "time")   -> 1_460_419_201_500, as of "1460419201.5"
    stepped("1460419200", "1460505600", "1d")   -> [1_460_419_200_000, 1_460_505_600_000]
    windows([1_460_505_600_000], 86_400_000)    -> [Range(1460419200, 1460505600)]
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from fractions import Fraction

from psd.engine.plan import Range
from psd.errors import BadQueryError
from psd.prometheus.lexer import duration_ms
from psd.queries.moments import held, moment_ms
from psd.times import CALENDAR_END_S, CALENDAR_START_S, unit_hint

POINTS_MAX = 11_000
"""As in Prometheus: a point for each pixel of a wide screen, and more."""

_DECIMAL = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
_DURATION = re.compile(r"(?:[0-9]+(?:ms|[smhdwy]))+", re.ASCII)


def instant_ms(text: str, field: str) -> int:
    """Unix seconds with a fraction, or RFC 3339; raises BadQueryError.

    Every number is seconds here, as Prometheus has it: 20160412 is no date.
    """
    if not _DECIMAL.fullmatch(text):
        return moment_ms(text, field)
    found_ms = _nearest_ms(text)
    if not CALENDAR_START_S <= found_ms // 1000 < CALENDAR_END_S:
        raise BadQueryError(
            f"{field}: {text[:40]!r} lies outside of the years 1 to 9999"
            f"{unit_hint(found_ms // 1000)}"
        )
    return found_ms


def step_ms(text: str) -> int:
    """A step in seconds or as a duration; raises BadQueryError."""
    if _DURATION.fullmatch(text):
        found = duration_ms(text)
    elif _DECIMAL.fullmatch(text):
        found = _nearest_ms(text)
    else:
        raise BadQueryError(f"step: {text[:40]!r} is neither seconds nor a duration")
    if found <= 0:
        raise BadQueryError(f"step: {text[:40]!r} must be 1 ms or more")
    return found


def _nearest_ms(decimal: str) -> int:
    """Seconds as the nearest millisecond, of which a float has no more to tell."""
    return math.floor(Fraction(decimal) * 1000 + Fraction(1, 2))


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
