"""From a range of seconds to the buckets that answer it. Pure.

(filled in by the engine)
"""

from __future__ import annotations

import msgspec


class Range(msgspec.Struct, frozen=True, gc=False):
    """Seconds from ``start`` up to but not including ``end``; empty when ``end <= start``."""

    start: int
    end: int
