"""Clocks that are wrong."""

from __future__ import annotations

from psd.clock import SystemClock

DAY_S = 86_400


class ShiftedClock(SystemClock):
    """The machine's clock, ``ahead_s`` wrong."""

    def __init__(self, ahead_s: int = 0) -> None:
        self.ahead_s = ahead_s

    def now_s(self) -> int:
        """Seconds, shifted."""
        return super().now_s() + self.ahead_s

    def now_ms(self) -> int:
        """Milliseconds, shifted."""
        return super().now_ms() + self.ahead_s * 1000
