"""The engine as the server, the workers and the domains use it: book, sum, count.

One instance serves one event loop. Every method raises
:class:`~psd.errors.StoreUnavailableError` when Redis does not answer in time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from psd.clock import Clock
from psd.config import Settings
from psd.engine.booking import (
    LEVELS,
    Call,
    calls_for,
    lifetimes,
    reports_kept_s,
)
from psd.engine.events import Count, Event, Withdrawal
from psd.engine.named import Named, named_in
from psd.engine.outcomes import OUTCOMES, REFUSED, Outcome
from psd.engine.plan import Levels
from psd.engine.portions import TOO_MUCH, fitting, portions
from psd.engine.reads import Reads
from psd.engine.whole import is_out_of_bounds
from psd.engine.withdrawal import (
    PORTION_REPORTS,
    Step,
    WithdrawalScripts,
    Withdrawn,
    next_portion,
    steps_for,
    withdrawn_of,
)
from psd.errors import (
    ConflictError,
    StoreUnavailableError,
    TooLateError,
)
from psd.failpoints import reach
from psd.observe.metrics import Metrics
from psd.store.lane import Command
from psd.store.owner_calls import Page, owner_call
from psd.store.redis import Store
from psd.store.scripts import load_script

EVENT_US = 20.0
"""What an event holds Redis for, about (psd/store/costs.py)."""

Found = dict[int, Outcome]
"""Outcomes by position."""


class Engine(Reads):
    """Books events into the buckets and sums them over ranges."""

    def __init__(self, store: Store, settings: Settings, clock: Clock, metrics: Metrics) -> None:
        super().__init__(store, settings, clock)
        self._metrics = metrics
        self._book = load_script("engine.book")
        self._withdrawals = WithdrawalScripts()
        self._retention = settings.retention
        self._booking = settings.booking
        self._kept_s = reports_kept_s(settings.retention)
        self._marker_key = settings.booking.marker_key.encode()
        self._redis = settings.redis
        self._lifetimes = b""
        self._levels: Levels | None = None
        self._levels_of = 0

    async def _known_levels(self) -> Levels:
        """Which levels may lack keys, now or by an older setting.

        Asks the store once, and again when its server may be another one.
        """
        generation = self._store.standing.generation
        if self._levels is None or self._levels_of != generation:
            finite = [level for level in LEVELS if getattr(self._retention, level)]
            ever = await self._store.levels_with_lifetimes(finite)
            self._lifetimes = lifetimes(self._retention, self._booking, ever)
            self._levels_of = generation
            self._levels = Levels(
                months_expire="month_s" in ever,
                weeks_expire="week_s" in ever,
                days_expire="day_s" in ever,
                activities_expire="activity_s" in ever,
            )
        return self._levels

    def room_for(self, events: int) -> AbstractContextManager[None]:
        """Room in the store for so many events that are booked within.

        Raises :class:`~psd.errors.BusyError` where they would not be booked in time.
        """
        return self._store.writes.claimed(EVENT_US * events)

    async def book(self, events: Sequence[Event]) -> list[Outcome]:
        """Book events; outcomes by position, :class:`Withdrawn` that of a withdrawal.

        All in one trip, a few owners to a script call.

        Safe to repeat with the same events after an error: what was booked is found unchanged
        or duplicate. Returns once the writes are kept as the configured durability says.
        """
        await self._known_levels()
        outcomes: list[Outcome] = [OUTCOMES[0]] * len(events)
        positions = self.bookable(events, outcomes)
        named, epoch = named_in(events), self._store.writes.epoch
        if named and (unknown := self.names.unregistered(named)):
            positions = _without(await self.names.register(unknown), events, positions, outcomes)
        unindexed = self._index.missing(events, positions)
        ahead = await self._index.ahead(unindexed)
        reach("before_script")
        answers = await self._store.writes.call_pages(
            positions, lambda places: self._pages(events, places), ahead=ahead, after=self._waits()
        )
        await self._index.settle(events, positions, unindexed, answers.ahead)
        if named:
            await self.names.settle(named, epoch)
        reach("after_reply")
        found: dict[int, Outcome] = {}
        await self._settle(events, answers.pages, found)
        for place, outcome in found.items():
            outcomes[place] = outcome
        self._check_replicas(answers.after)
        self._count(outcomes)
        return outcomes

    async def _withdraw(self, withdrawal: Withdrawal, reports: int) -> Withdrawn:
        """Take an activity back, so many reports a call. Safe to repeat from any point."""
        portion = reports
        while True:
            command = self._withdrawals.withdraw(withdrawal, self._lifetimes, portion)
            reply, *waited = await self._store.writes.call_each([command, *self._waits()])
            portion = next_portion(reply, portion) or 0
            if not portion:
                found = withdrawn_of(reply)
                self._check_replicas(waited)
                return found

    async def knows_activity(self, uid: int, aid: int, things: Sequence[int]) -> bool:
        """Whether anything of these things was reported of it, or it was withdrawn."""
        return bool(await self._store.reads.call(self._withdrawals.find(uid, aid, things)))

    def bookable(self, events: Sequence[Event], outcomes: list[Outcome]) -> Sequence[int]:
        """Positions to book; with a retention of reports, older ones are refused in outcomes."""
        if not self._kept_s:
            return range(len(events))
        oldest = self._clock.now_s() - self._kept_s
        positions = []
        for position, event in enumerate(events):
            if isinstance(event, Withdrawal):
                positions.append(position)
                continue
            start = event.ts if isinstance(event, Count) else event.ts1
            if start >= oldest:
                positions.append(position)
                continue
            reason = f"ts1: {start} is before what is kept of reports ({self._kept_s} s)"
            outcomes[position] = Outcome("refused", TooLateError(reason, excess_s=oldest - start))
        return positions

    def _pages(self, events: Sequence[Event], places: Sequence[int]) -> list[Page]:
        """The calls for the events at these positions, and the positions that each is about."""
        steps = steps_for(events, places, self._marker_key, self._store.placement)
        return [self._page(step, events) for step in steps]

    def _page(self, step: Step, events: Sequence[Event]) -> Page:
        if not isinstance(step, int):
            return step.positions, self._book_command(step)
        withdrawal = events[step]
        assert isinstance(withdrawal, Withdrawal)
        return [step], self._withdrawals.withdraw(withdrawal, self._lifetimes)

    def _book_command(self, call: Call) -> Command:
        arguments = (call.packed(), self._lifetimes)
        return owner_call(self._store.placement, self._book, call.roots, arguments)

    async def _settle(
        self, events: Sequence[Event], pages: Sequence[tuple[Sequence[int], Any]], found: Found
    ) -> None:
        """Outcomes of a trip's calls; what was too much for one is booked again in portions."""
        heavy: list[tuple[int, int]] = []
        for at, (places, reply) in enumerate(pages):
            size = fitting(reply)
            if size is None or isinstance(events[places[0]], Withdrawal):
                for place, outcome in (await self._outcomes(events, places, reply)).items():
                    found.setdefault(place, outcome)
            elif len(places) == 1:
                found.setdefault(places[0], TOO_MUCH)
            else:
                heavy.append((at, size))
        for at, size in heavy:
            for part in portions(events, [places for places, _ in pages[at:]], size):
                answers = await self._store.writes.call_pages(
                    part, lambda places: self._pages(events, places), after=self._waits()
                )
                await self._settle(events, answers.pages, found)
                self._check_replicas(answers.after)

    async def _outcomes(self, events: Sequence[Event], places: Sequence[int], reply: Any) -> Found:
        withdrawal = events[places[0]]
        if isinstance(withdrawal, Withdrawal):
            rest = next_portion(reply, PORTION_REPORTS)
            found = await self._withdraw(withdrawal, rest) if rest else withdrawn_of(reply)
            return {places[0]: found}
        if not is_out_of_bounds(reply):
            codes = zip(places, _raised(reply), strict=True)
            return {place: OUTCOMES[code] for place, code in codes}
        if len(places) == 1:
            return {places[0]: REFUSED}
        return {place: await self._book_alone(events[place]) for place in places}

    async def _book_alone(self, event: Event) -> Outcome:
        """One event of a call that was refused whole, to find the one that it was for."""
        [call] = calls_for([event], [0], self._marker_key)
        command = self._book_command(call)
        reply, *waited = await self._store.writes.call_each([command, *self._waits()])
        if is_out_of_bounds(reply):
            return REFUSED
        if fitting(reply) is not None:
            return TOO_MUCH
        [code] = _raised(reply)
        self._check_replicas(waited)
        return OUTCOMES[code]

    def _waits(self) -> list[Command]:
        if self._redis.durability != "replicated":
            return []
        return [("WAIT", self._redis.replicas, self._redis.replica_timeout_ms)]

    def _check_replicas(self, waited: Sequence[Any]) -> None:
        for replicas in waited:
            if _raised(replicas) < self._redis.replicas:
                raise StoreUnavailableError(
                    f"redis: {replicas} of {self._redis.replicas} replicas have the batch after "
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


def _raised(reply: Any) -> Any:
    if isinstance(reply, BaseException):
        raise reply
    return reply
