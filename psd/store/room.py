"""Whether there is room on a lane for what somebody brings. Asked before anything of it is done.

All that is admitted fits into ROOM_PART of what a trip may take, so it is answered in time, in
whatever order it is served. A group of callers (psd/store/callers.py) may hold as much of the room
as is left free after it: alone half of it, two of them a third each, and who comes next always
finds as much as each of them has. What is small is admitted while there is any room; and whatever
comes to an idle lane is tried, because nobody else stands in its way::

    room of 1.2 s, a token sends bodies of 100 ms    -> 6 are admitted, the 7th is told 429
    a phone's write of 0.03 ms                       -> admitted
    another token's body of 100 ms                   -> admitted
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType

from psd.errors import BusyError
from psd.store.callers import Caller
from psd.store.fair_queue import FairQueue

ROOM_PART = 0.8
"""Of ``redis.timeout_s``: what was there before must be answered with what is admitted."""

SMALL_US = 1_000.0
IDLE_US = 50_000.0
"""What is answered within this stands in nobody's way: a lane with no more is idle."""

RETRY_MAX_S = 30

PACE_FIRST, PACE_MIN, PACE_MAX = 2.0, 0.1, 20.0
"""Of a process that has measured nothing yet it is not known what it runs on."""

TRIP_STEP, CLAIM_STEP = 0.1, 0.3
TELLING_US = 2_000.0
"""What costs less says more of the network than of what it costs."""


class MeasuredPace:
    """How long things take for what they were estimated; the newest count most."""

    def __init__(self, step: float) -> None:
        self.found = PACE_FIRST
        self._step = step

    def learn(self, cost_us: float, seconds: float) -> None:
        """Something of this estimate took so long."""
        found = min(max(seconds * 1e6 / cost_us, PACE_MIN), PACE_MAX)
        self.found += self._step * (found - self.found)


class Claim:
    """A claim on the room of a lane, held for as long as it is entered."""

    __slots__ = ("_caller", "_cost_us", "_room", "_since_s", "_waited_us")

    def __init__(self, room: LaneRoom, caller: Caller, cost_us: float) -> None:
        self._room = room
        self._caller = caller
        self._cost_us = cost_us

    def __enter__(self) -> None:
        self._waited_us = self._room.begin(self._caller, self._cost_us)
        self._since_s = time.monotonic()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._room.end(self._caller, self._waited_us, time.monotonic() - self._since_s)


NO_CLAIM: AbstractContextManager[None] = nullcontext()
"""Of nobody in particular, for whom there is always room."""


class LaneRoom:
    """The room of one lane: what waits there, and what was admitted and is still to come."""

    def __init__(self, queue: FairQueue, timeout_s: float, connections: int = 1) -> None:
        self._queue = queue
        self._connections = connections
        self._room_us = ROOM_PART * timeout_s * 1e6 * connections
        self._claims: dict[Caller, float] = {}
        self._claimed_us = 0.0
        self._trips, self._claimed = MeasuredPace(TRIP_STEP), MeasuredPace(CLAIM_STEP)
        self.pace = PACE_FIRST
        """Seconds that a second of estimated cost takes until it is answered: on another machine,
        under load, and with all that is done beside Redis."""

    def learn(self, cost_us: float, seconds: float) -> None:
        """A trip of this estimate took so long."""
        self._learn(self._trips, cost_us, seconds)

    def check(self, caller: Caller | None, cost_us: float) -> None:
        """Raise BusyError where there is no room for the first that somebody brings.

        Who is no named caller, or was admitted with something before, always has it.
        """
        if caller is None:
            return
        if self._claims and (left_us := self._claims.get(caller)):
            # What was claimed waits from now on.
            now_us = min(left_us, cost_us)
            self._claims[caller] = left_us - now_us
            self._claimed_us -= now_us
        if not caller.is_admitted:
            self._admit(caller, cost_us)

    def claimed(self, caller: Caller | None, cost_us: float) -> AbstractContextManager[None]:
        """Room for what is still to come; raises BusyError where there is none."""
        return NO_CLAIM if caller is None else Claim(self, caller, cost_us)

    def begin(self, caller: Caller, cost_us: float) -> float:
        """Keep room for a claim; what is to be done until it is, itself included."""
        self._admit(caller, cost_us)
        before_us = self._queue.cost_us + self._claimed_us
        self._claims[caller] = cost_us
        self._claimed_us += cost_us
        return before_us + cost_us

    def end(self, caller: Caller, waited_us: float, seconds: float) -> None:
        """A claim has ended, after so long for what there was to be done."""
        self._claimed_us -= self._claims.pop(caller)
        self._learn(self._claimed, waited_us, seconds)

    def _learn(self, pace: MeasuredPace, cost_us: float, seconds: float) -> None:
        if cost_us >= TELLING_US:
            pace.learn(cost_us, seconds)
            self.pace = max(self._trips.found, self._claimed.found)

    def _admit(self, caller: Caller, cost_us: float) -> None:
        waits_us = self._queue.cost_us + self._claimed_us
        room_us = self._room_us / self.pace
        is_idle = waits_us * self.pace <= IDLE_US
        if not is_idle and waits_us + cost_us > room_us - waits_us - cost_us:
            self._admit_beside(self._held(), caller.group, cost_us, room_us)
        caller.is_admitted = True

    def _admit_beside(
        self, held: Mapping[object, float], group: object, cost_us: float, room_us: float
    ) -> None:
        """Admit it beside what groups hold; raises BusyError."""
        # Who came to an idle lane may have brought more than his part: others do not pay for it.
        held_us = sum(min(each, room_us / 2) for each in held.values())
        free_us = room_us - held_us - cost_us
        if (0 if cost_us <= SMALL_US else held.get(group, 0.0) + cost_us) <= free_us:
            return
        wait_s = sum(held.values()) * self.pace / self._connections / 1e6
        raise BusyError(
            f"busy: some {wait_s:.1f} s of work wait for the store; nothing of this was done",
            retry_after_s=min(max(1, math.ceil(wait_s)), RETRY_MAX_S),
        )

    def _held(self) -> dict[object, float]:
        """What each group has waiting, or still to come."""
        held = self._queue.held_us()
        for caller, us in self._claims.items():
            held[caller.group] = held.get(caller.group, 0.0) + us
        return held
