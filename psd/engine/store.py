"""The engine as the server, the workers and the domains use it: book, sum, count.

One instance serves one event loop. Every method raises
:class:`~psd.errors.StoreUnavailableError` when Redis does not answer in time.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from psd.clock import Clock
from psd.config import Settings
from psd.engine.booking import (
    COUNT_THING,
    LEVELS,
    OUTCOMES,
    REFUSED,
    Call,
    Outcome,
    calls_for,
    lifetimes,
    reports_kept_s,
)
from psd.engine.events import Event, Report
from psd.engine.plan import Levels, Range
from psd.engine.sums import OwnerSums, SumReader, is_out_of_bounds
from psd.errors import (
    DetailExpiredError,
    StoreUnavailableError,
    TooLateError,
)
from psd.failpoints import reach
from psd.observe.metrics import Metrics
from psd.store.keys import count_root, owner_root
from psd.store.lane import Command
from psd.store.redis import Store
from psd.store.scripts import load_script

__all__ = ["Engine", "Outcome", "OwnerSums"]


class Engine:
    """Books events into the buckets and sums them over ranges."""

    def __init__(self, store: Store, settings: Settings, clock: Clock, metrics: Metrics) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._book = load_script("engine.book")
        self._sums = SumReader(store, metrics)
        self._retention = settings.retention
        self._booking = settings.booking
        self._kept_s = reports_kept_s(settings.retention)
        self._activity_kept_s = settings.retention.activity_s
        self._marker_key = settings.booking.marker_key.encode()
        self._redis = settings.redis
        self._lifetimes = b""
        self._levels: Levels | None = None

    async def _known_levels(self) -> Levels:
        """Which levels may lack keys, now or by an older setting; asks the store once.

        The store must be fit to be written to: it may have been away when psd started.
        """
        if self._levels is None:
            await self._store.check_fit()
            finite = [level for level in LEVELS if getattr(self._retention, level)]
            ever = await self._store.levels_with_lifetimes(finite)
            self._lifetimes = lifetimes(self._retention, self._booking, ever)
            self._levels = Levels(
                months_expire="month_s" in ever,
                weeks_expire="week_s" in ever,
                days_expire="day_s" in ever,
            )
        return self._levels

    async def book(self, events: Sequence[Event]) -> list[Outcome]:
        """Book events; outcomes by position.

        All in one trip, a few owners to a script call.

        Safe to repeat with the same events after an error: what was booked is found unchanged
        or duplicate. Returns once the writes are kept as the configured durability says.
        """
        await self._known_levels()
        outcomes: list[Outcome] = [OUTCOMES[0]] * len(events)
        positions = self._bookable(events, outcomes)
        calls = calls_for(events, positions, self._marker_key)
        commands = [self._book_command(call) for call in calls]
        started = time.perf_counter()
        reach("before_script")
        replies = await self._store.writes.call_each([*commands, *self._waits(commands)])
        reach("after_reply")
        self._metrics.script_seconds.labels(self._book.name).observe(time.perf_counter() - started)
        for call, reply in zip(calls, replies, strict=False):
            if is_out_of_bounds(reply) and len(call.positions) > 1:
                for position in call.positions:
                    outcomes[position] = await self._book_alone(events[position])
            elif is_out_of_bounds(reply):
                outcomes[call.positions[0]] = REFUSED
            else:
                _place(call, _raised(reply), outcomes)
        self._check_replicas(replies, len(commands))
        self._count(outcomes)
        return outcomes

    async def sums(
        self,
        uids: Sequence[int],
        things: Sequence[int],
        ranges: Sequence[Range],
        *,
        atid: int | None = None,
        activities: bool = False,
    ) -> list[OwnerSums]:
        """Sums of each thing for each owner over the range at the owner's position.

        One script call per distinct range and page of owners, all in one trip. Raises
        :class:`~psd.errors.DetailExpiredError` when a range needs buckets that have expired.
        """
        return await self._sums.of_roots(
            [owner_root(uid) for uid in uids],
            things,
            ranges,
            atid,
            None if activities else await self._known_levels(),
        )

    async def counts(self, names: Sequence[str], range_: Range) -> list[int]:
        """The sum of each count over one range, by position."""
        found = await self._sums.of_roots(
            [count_root(name) for name in names],
            [COUNT_THING],
            [range_] * len(names),
            None,
            await self._known_levels(),
        )
        return [owner.sums[COUNT_THING] for owner in found]

    async def activity_sum(
        self, uid: int, thing: int, aid: int, range_: Range, atid: int | None = None
    ) -> int:
        """Sum of one activity's bookings over a range. One script call."""
        within = range_.clamped()
        if self._activity_kept_s and within.start < self._clock.now_s() - self._activity_kept_s:
            raise DetailExpiredError(
                f"start: {within.start} is before what is kept of single activities "
                f"({self._activity_kept_s} s)",
                "second",
            )
        return await self._sums.of_activity(owner_root(uid), thing, aid, within, atid)

    def _bookable(self, events: Sequence[Event], outcomes: list[Outcome]) -> Sequence[int]:
        """Positions to book; with a retention of reports, older ones are refused in outcomes."""
        if not self._kept_s:
            return range(len(events))
        oldest = self._clock.now_s() - self._kept_s
        positions = []
        for position, event in enumerate(events):
            start = event.ts1 if isinstance(event, Report) else event.ts
            if start >= oldest:
                positions.append(position)
                continue
            reason = f"ts1: {start} is before what is kept of reports ({self._kept_s} s)"
            outcomes[position] = Outcome("refused", TooLateError(reason))
        return positions

    def _book_command(self, call: Call) -> Command:
        roots = call.roots
        return (
            "EVALSHA",
            self._book.sha,
            len(roots),
            *roots,
            call.packed(),
            self._lifetimes,
        )

    async def _book_alone(self, event: Event) -> Outcome:
        """One event of a call that was refused whole, to find the one that it was for."""
        [call] = calls_for([event], [0], self._marker_key)
        command = self._book_command(call)
        replies = await self._store.writes.call_each([command, *self._waits([command])])
        if is_out_of_bounds(replies[0]):
            return REFUSED
        [code] = _raised(replies[0])
        self._check_replicas(replies, 1)
        return OUTCOMES[code]

    def _waits(self, commands: Sequence[Command]) -> list[Command]:
        if self._redis.durability != "replicated" or not commands:
            return []
        return [("WAIT", self._redis.replicas, self._redis.replica_timeout_ms)]

    def _check_replicas(self, replies: Sequence[Any], commands: int) -> None:
        if len(replies) > commands and _raised(replies[-1]) < self._redis.replicas:
            raise StoreUnavailableError(
                f"redis: {replies[-1]} of {self._redis.replicas} replicas have the batch after "
                f"{self._redis.replica_timeout_ms} ms"
            )

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        counted: dict[str, int] = defaultdict(int)
        too_late = 0
        for outcome in outcomes:
            counted[outcome.status] += 1
            too_late += isinstance(outcome.error, TooLateError)
        for status, number in counted.items():
            self._metrics.events.labels(status).inc(number)
        if too_late:
            self._metrics.too_late.inc(too_late)


def _raised(reply: Any) -> Any:
    if isinstance(reply, BaseException):
        raise reply
    return reply


def _place(call: Call, codes: Sequence[int], outcomes: list[Outcome]) -> None:
    for position, code in zip(call.positions, codes, strict=True):
        outcomes[position] = OUTCOMES[code]
