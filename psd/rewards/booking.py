"""Booking with everything that follows from it for vehicles: what all of psd books through.

The engine books reports, increments and counts; changes of vehicles go to the registry. After a
booking that is about vehicles (activity, earnings) they are registered, and weeks that the weekly
job may have read already are marked dirty::

    begun = 96        activity in week 95 -> dirty 95 + 1        activity in week 97 -> nothing

The order is what makes late activity safe. The job raises ``begun`` before it reads a week's
activity, and whoever books looks at ``begun`` after booking. So either the job's reading came
after the booking and has it, or ``begun`` was raised before it was looked at and the week is
marked. What was unchanged is marked too: it may be the second delivery of what was booked by
somebody who died before marking. A week that is marked for nothing is computed again with the
same result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeGuard

from psd.engine.events import Accepted, Change, Event, Report
from psd.engine.outcomes import Outcome
from psd.engine.plan import ISSUANCE_START_S
from psd.observe.metrics import Metrics
from psd.rewards.events import VehicleChange
from psd.rewards.registry import Registry, registration
from psd.rewards.weeks import week_of
from psd.store.kept import write_in_order, write_kept
from psd.store.keys import rewards_key
from psd.store.lane import Command
from psd.store.redis import Store


class EngineBooks(Protocol):
    """What is needed of the engine."""

    async def book(self, events: Sequence[Event]) -> list[Outcome]:
        """Outcomes by position; raises :class:`psd.errors.StoreUnavailableError`."""
        ...

    def room_for(self, events: int) -> AbstractContextManager[None]:
        """Room in the store for so many events; raises :class:`psd.errors.BusyError`."""
        ...


class RewardsBooks:
    """Books whatever a message may hold; ``things`` are the numbers of those about vehicles.

    Where nothing is about vehicles this costs one look at each event, 0.03 us.
    """

    def __init__(
        self,
        engine: EngineBooks,
        registry: Registry,
        store: Store,
        metrics: Metrics,
        things: frozenset[int],
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._store = store
        self._metrics = metrics
        self.things = things

    def room_for(self, events: int) -> AbstractContextManager[None]:
        """Room in the store for so many events that are kept in the archive and booked within.

        Raises :class:`psd.errors.BusyError`, before either has anything, where there is none.
        """
        return self._engine.room_for(events)

    async def book(self, events: Sequence[Accepted]) -> list[Outcome]:
        """Book events; outcomes by position. Safe to repeat, as of the engine.

        With vehicles 1 trip more, 2 where weeks are marked, and those of
        :meth:`Registry.change <psd.rewards.registry.Registry.change>`.
        """
        return await self._store.order.with_telling(self._book(events))

    async def _book(self, events: Sequence[Accepted]) -> list[Outcome]:
        if _is_about_nothing_of(events, self.things):
            return await self._engine.book(events)
        of_engine = [event for event in events if not isinstance(event, Change)]
        booked = await self._engine.book(of_engine) if of_engine else []
        await self._follow_up(of_engine, booked)
        if len(of_engine) == len(events):
            return booked
        changes = [event for event in events if isinstance(event, VehicleChange)]
        assert len(of_engine) + len(changes) == len(events), "a change that no domain keeps"
        kept = await self._registry.change(changes)
        for status, number in Counter(outcome.status for outcome in kept).items():
            self._metrics.events.labels(status).inc(number)
        of_book, of_registry = iter(booked), iter(kept)
        return [next(of_registry if isinstance(each, Change) else of_book) for each in events]

    async def _follow_up(self, events: Sequence[Event], outcomes: Sequence[Outcome]) -> None:
        """Register the vehicles that were booked for, and mark weeks that may have been read."""
        things = self.things
        vehicles: set[int] = set()
        weeks: set[int] = set()
        for event, outcome in zip(events, outcomes, strict=True):
            if not isinstance(event, Report) or event.thing not in things or outcome.error:
                continue
            # Only a plain metric can name a number below 0, which is no vehicle's.
            if event.uid >= 0:
                vehicles.add(event.uid)
                if event.ts2 >= ISSUANCE_START_S:
                    weeks.add(week_of(event.ts2))
        if not vehicles:
            return
        # `begun` last: the job lists the vehicles after it has raised it.
        begun: list[Command] = [("GET", rewards_key("begun"))]
        *_, newest = await write_in_order(self._store, *registration(vehicles), begun)
        if newest is not None:
            await self._mark(week for week in weeks if week <= int(newest))

    async def _mark(self, weeks: Iterable[int]) -> None:
        dirty = rewards_key("dirty")
        await write_kept(self._store, [("HINCRBY", dirty, week, 1) for week in sorted(weeks)])


def _is_about_nothing_of(
    events: Sequence[Accepted], things: frozenset[int]
) -> TypeGuard[Sequence[Report]]:
    """Whether these are reports, none of which is about a vehicle."""
    return not [each for each in events if type(each) is not Report or each.thing in things]
