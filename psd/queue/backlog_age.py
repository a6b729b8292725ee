"""How old the oldest message is that nobody has finished yet, from a queue's own counts. Pure.

A queue that hands out what came first tells two numbers: how many messages ever came, and how many
of them are unfinished. What is finished are then the first ones, and the oldest unfinished came
with the look at which the count passed them::

    at 0 s    100 came,   0 unfinished    nothing waits                       0 s
    at 5 s    140 came,  40 unfinished    the 101st came between 0 s and 5 s  0 s
    at 10 s   140 came,  40 unfinished    still the 101st                     5 s
    at 15 s   190 came,  60 unfinished    the 131st came with the 101st      10 s
    at 20 s   190 came,  50 unfinished    the 141st came between 10 and 15    5 s

It is the message's own age, whatever the events in it are about: a backfill of last year that is
booked as it comes is no lag. The age is never told too great, and too small by at most the time
between two looks. What was there at the first look is as old as that look, and what is put back
for later counts as if it had come last.
"""

from __future__ import annotations

from collections import deque

LOOKS_MAX = 512
"""Past it every second look is forgotten, and new ones are kept as far apart: of a week's backlog
up to 40 minutes are as one."""


class BacklogAge:
    """Keeps the looks at one queue that still say something."""

    def __init__(self) -> None:
        # When each count was reached, the oldest first; the count rises.
        self._reached: deque[tuple[float, int]] = deque()
        self._unfinished = 0
        self._apart_s = 0.0

    def note(self, now_s: float, came: int, unfinished: int) -> float:
        """What a look found; the age of the oldest unfinished message in seconds."""
        self._reach(now_s, came)
        self._unfinished = unfinished
        if unfinished <= 0:
            self._reached, self._apart_s = deque([self._reached[-1]]), 0.0
            return 0.0
        while len(self._reached) > 1 and self._reached[0][1] <= came - unfinished:
            self._reached.popleft()
        if len(self._reached) > LOOKS_MAX:
            self._reached = deque(_every_second([*self._reached]))
            self._apart_s = 2 * (now_s - self._reached[0][0]) / LOOKS_MAX
        return max(0.0, now_s - self._reached[0][0])

    def _reach(self, now_s: float, came: int) -> None:
        if self._reached and came < self._reached[-1][1]:
            # The queue began to count anew, and what it kept is as old as it was.
            since_s = self._reached[0][0] if self._unfinished else now_s
            self._reached = deque([(since_s, came)])
        elif not self._reached or came > self._reached[-1][1]:
            if len(self._reached) > 1 and now_s - self._reached[-2][0] < self._apart_s:
                self._reached.pop()
            self._reached.append((now_s, came))


def _every_second(reached: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """Half of the looks; messages of one that goes count as come with the next, which is later."""
    return [*reached[:-1:2], reached[-1]]
