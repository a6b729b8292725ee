"""The engine as the server, the workers and the domains use it: book, sum, count.

One instance serves one event loop. Every method raises
:class:`~psd.errors.StoreUnavailableError` when Redis does not answer in time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager

from prometheus_client import Counter

from psd.clock import Clock
from psd.columns import column_keys
from psd.config import Settings
from psd.engine.batch import EventBatch, Tools
from psd.engine.booking import COUNT_THING, kept_seconds, lifetimes, reports_kept_s
from psd.engine.column_modes import keep_modes, modes_of
from psd.engine.events import Count, Event, Withdrawal
from psd.engine.fences import NO_FENCES, Fence, fences_of
from psd.engine.named import Named, named_in
from psd.engine.outcomes import OUTCOMES, Outcome
from psd.engine.plan import Levels
from psd.engine.reads import Reads
from psd.engine.withdrawal import WithdrawalScripts
from psd.errors import ConflictError, TooLateError
from psd.failpoints import reach
from psd.observe.metrics import Metrics
from psd.store.lifetimes import finite_levels, numbers_of
from psd.store.redis import Store

EVENT_US = 20.0
"""What an event holds Redis for, about (psd/store/costs.py)."""


class Engine(Reads):
    """Books events into the buckets and sums them over ranges."""

    def __init__(self, store: Store, settings: Settings, clock: Clock, metrics: Metrics) -> None:
        super().__init__(store, settings, clock)
        self._metrics = metrics
        self._counters: dict[str, Counter] = {}
        self._withdrawals = WithdrawalScripts()
        self._tools = Tools(store, settings, self._withdrawals)
        self._retention = settings.retention
        self._booking = settings.booking
        self._kept_s = kept_seconds(settings)
        self._kept_s_of_others = reports_kept_s(settings.retention)
        self._finite = finite_levels(settings)
        self._modes = modes_of(settings.things)
        self._lifetimes = b""
        self._levels: Levels | None = None
        self._levels_of = 0

    async def _known_levels(self) -> Levels:
        """Which levels may lack keys, now or by an older setting.

        Asks the store once, and again when its server may be another one.
        """
        generation = self._store.standing.generation
        if self._levels is None or self._levels_of != generation:
            ever = await self._store.levels_with_lifetimes(self._finite)
            await keep_modes(self._store, self._modes)
            self._lifetimes = lifetimes(
                self._retention, self._booking, ever, self._modes, self._lifetimes_of
            )
            self._levels_of = generation
            self._levels = Levels(
                months_expire="month_s" in ever,
                weeks_expire="week_s" in ever,
                days_expire="day_s" in ever,
                activities_expire="activity_s" in ever,
                columns_expire=not ever.isdisjoint(column_keys.LEVELS),
                activities_of=numbers_of(ever, "activity_s"),
                columns_of=numbers_of(ever, "second_s"),
            )
        return self._levels

    def room_for(self, events: int) -> AbstractContextManager[None]:
        """Room in the store for so many events that are booked within.

        Raises :class:`~psd.errors.BusyError` where they would not be booked in time.
        """
        return self._store.writes.claimed(EVENT_US * events)

    async def book(
        self, events: Sequence[Event], fences: Mapping[int, Fence] | None = None
    ) -> list[Outcome]:
        """Book events; outcomes by position, :class:`Withdrawn` that of a withdrawal.

        All in one trip, a few owners to a script call. ``fences`` are a name and a number by uid:
        reports of a uid for whom somebody has booked with a greater number of that name are
        ``superseded`` (psd/engine/fences.py). Counts and withdrawals are not fenced.

        Safe to repeat with the same events after an error: what was booked is found unchanged
        or duplicate. Returns once the writes are kept as the configured durability says.
        """
        placement = await self._store.placed()
        by_root = fences_of(fences, placement.owner_root) if fences else NO_FENCES
        await self._store.look_at_marks()
        await self._known_levels()
        outcomes: list[Outcome] = [OUTCOMES[0]] * len(events)
        positions = self.bookable(events, outcomes)
        named = named_in(events)
        epoch = self._store.writes.epoch if named else 0
        if named and (unknown := self.names.unregistered(named)):
            positions = _without(await self.names.register(unknown), events, positions, outcomes)
        unindexed = self._index.missing(events, positions)
        ahead = await self._index.ahead(unindexed)
        reach("before_script")
        batch = EventBatch(self._tools, events, self._lifetimes, by_root)
        answers = await batch.sent(positions, ahead)
        await self._index.settle(events, positions, unindexed, answers.ahead)
        if named:
            await self.names.settle(named, epoch)
        reach("after_reply")
        for place, outcome in (await batch.settled(answers)).items():
            outcomes[place] = outcome
        self._count(outcomes)
        return outcomes

    async def knows_activity(self, uid: int, aid: int, things: Sequence[int]) -> bool:
        """Whether anything of these things was reported of it, or it was withdrawn."""
        root = (await self._store.placed()).owner_root(uid)
        return bool(await self._store.reads.call(self._withdrawals.find(root, aid, things)))

    def bookable(self, events: Sequence[Event], outcomes: list[Outcome]) -> Sequence[int]:
        """Positions to book; with a retention of reports, older ones are refused in outcomes."""
        if not self._kept_s and not self._kept_s_of_others:
            return range(len(events))
        positions, oldest = [], dict[int, int]()
        for position, event in enumerate(events):
            if isinstance(event, Withdrawal):
                positions.append(position)
                continue
            thing = COUNT_THING if isinstance(event, Count) else event.thing
            start = event.ts if isinstance(event, Count) else event.ts1
            if thing not in oldest:
                oldest[thing] = self.oldest_s(thing)
            excess_s = oldest[thing] - start
            if excess_s <= 0:
                positions.append(position)
                continue
            reason = f"ts1: {start} is before what is kept of reports ({self.kept_s(thing)} s)"
            outcomes[position] = Outcome("refused", TooLateError(reason, excess_s=excess_s))
        return positions

    def kept_s(self, thing: int) -> int:
        """How long a report of a thing can be told from a new one; 0 is for ever."""
        if thing in self._lifetimes_of:
            return self._kept_s.get(thing, 0)
        return self._kept_s_of_others

    def oldest_s(self, thing: int) -> int:
        """The first second of which reports of a thing are booked now."""
        kept_s = self.kept_s(thing)
        return max(self._clock.now_s() - kept_s, 0) if kept_s else 0

    async def index(self, uid: int, things: Iterable[int]) -> None:
        """Put a user into the index of things of which he has keys. 1 trip."""
        await self._index.add((thing, uid) for thing in things)

    async def forget(self, uid: int, things: Iterable[int]) -> None:
        """Take a user out of the index who is erased. 1 trip."""
        await self._index.remove((thing, uid) for thing in things)

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        counted: dict[str, int] = defaultdict(int)
        too_late = 0
        for outcome in outcomes:
            counted[outcome.status] += 1
            if outcome.error is not None:
                self._metrics.events_refused.labels(outcome.error.code).inc()
                too_late += isinstance(outcome.error, TooLateError)
        for status, number in counted.items():
            counter = self._counters.get(status)
            if counter is None:
                counter = self._counters[status] = self._metrics.events.labels(status)
            counter.inc(number)
        if too_late:
            self._metrics.too_late.inc(too_late)


def _without(
    taken: Mapping[Named, ConflictError],
    events: Sequence[Event],
    positions: Sequence[int],
    outcomes: list[Outcome],
) -> Sequence[int]:
    """The positions but those of owners whose number another name has: refused in outcomes."""
    if not taken:
        return positions
    left = []
    for position in positions:
        event = events[position]
        error = None if isinstance(event, Count) else taken.get((event.uid, event.name or ""))
        if error is None:
            left.append(position)
        else:
            outcomes[position] = Outcome("refused", error)
    return left
