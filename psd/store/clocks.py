"""The clocks of the store's servers, held against this machine's.

Redis ends the markers of increments and the answers to repeated requests by its own clock, and
psd checks the times of events by its machine's. Both are the same to within milliseconds, or one
of them is wrong::

    07:01:10  +0.001 s   ok
    07:01:11  +600.2 s   once may be a trip that took long
    07:01:12  +600.2 s   ok: the store's clock is 600.2 s ahead of this machine's; one log line

Every look at a server (psd/store/standing.py) and every number (psd/store/highest.py) brings its
time along, so each second in which anything is asked compares them.
"""

from __future__ import annotations

import logging

from psd.clock import Clock
from psd.observe.metrics import Metrics

log = logging.getLogger(__name__)

DIFFERENCE_MAX_S = 2.0
"""What NTP keeps with room to spare, and more than an answer takes (redis.timeout_s is 1.5 s)."""


class SlowerClock:
    """This machine's clock or the store's, whichever is behind.

    For what may be done only once a time has passed, and is never taken back: one clock that is
    ahead must not end a week.
    """

    def __init__(self, clock: Clock, clocks: Clocks) -> None:
        self._clock = clock
        self._clocks = clocks

    def now_s(self) -> int:
        """Whole Unix seconds, UTC."""
        return self.now_ms() // 1000

    def now_ms(self) -> int:
        """Whole Unix milliseconds, UTC."""
        return self._clock.now_ms() + round(min(0.0, self._clocks.ahead_s) * 1000)


class Clocks:
    """What this process has heard of its store's clocks, by node."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._ahead_s: dict[str, float] = {}
        self._differed: set[str] = set()
        self._told: set[str] = set()

    def heard(self, node: str, store_us: int) -> None:
        """A server has just said what time it is, in microseconds."""
        ahead_s = (store_us / 1000 - self._clock.now_ms()) / 1000
        self._ahead_s[node] = ahead_s
        self._metrics.clock_difference.set(self.ahead_s)
        if abs(ahead_s) <= DIFFERENCE_MAX_S:
            self._differed.discard(node)
            if node in self._told:
                self._told.remove(node)
                log.info("the clocks of the store and of this machine agree again", extra=at(node))
        elif node not in self._differed:
            self._differed.add(node)
        elif node not in self._told:
            self._told.add(node)
            fields = {"ahead_s": round(ahead_s, 1), **at(node)}
            log.warning("the clocks of the store and of this machine differ", extra=fields)

    @property
    def ahead_s(self) -> float:
        """How far the server's clock is ahead that differs most; negative is behind."""
        return max(self._ahead_s.values(), key=abs, default=0.0)

    @property
    def agree(self) -> bool:
        """Whether no clock was found to differ, twice in a row."""
        return not self._told

    def check(self) -> str:
        """For readiness: ``ok``, or ``ok: ...`` with what differs. Work goes on all the same."""
        if self.agree:
            return "ok"
        node = max(self._told, key=lambda each: abs(self._ahead_s[each]))
        ahead_s = self._ahead_s[node]
        whose = f"the clock of {node}" if node else "the store's clock"
        word = "ahead of" if ahead_s > 0 else "behind"
        return f"ok: {whose} is {abs(ahead_s):.1f} s {word} this machine's"


def at(node: str) -> dict[str, str]:
    """Fields of a log line about a node; none for the one server."""
    return {"node": node} if node else {}
