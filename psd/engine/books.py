"""What all of psd books through: the engine, and whoever keeps what the engine does not.

A *follower* belongs to a domain. It names the things that it follows and the kinds of change that
it keeps; of a batch it sees those alone, the reports after the engine has booked them::

    steps of user 1       -> engine
    signals of vehicle 7  -> engine, then follow([report], [booked]) of its domain
    owner of vehicle 7    -> keep([change]) of its domain               -> outcomes by position

A batch that is about no follower costs one look at each event, 0.03 us. Followers are known when
the process starts (psd/runtime.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeGuard

from psd.engine.events import Accepted, Change, Event, Report
from psd.engine.outcomes import Outcome
from psd.observe.metrics import Metrics
from psd.store.highest import Order


class EventBooker(Protocol):
    """What is needed of :class:`psd.engine.preview.Preview`, and of what stands for an engine."""

    async def book(self, events: Sequence[Event]) -> list[Outcome]:
        """Outcomes by position; raises :class:`psd.errors.StoreUnavailableError`."""
        ...


class RoomyBooker(EventBooker, Protocol):
    """What is needed of the engine."""

    def room_for(self, events: int) -> AbstractContextManager[None]:
        """Room in the store for so many events; raises :class:`psd.errors.BusyError`."""
        ...


class Follower(Protocol):
    """Whoever keeps what the engine does not, or has something to do once it has booked.

    All of it is safe to repeat: a batch that failed anywhere is booked again from its beginning.
    """

    @property
    def things(self) -> frozenset[int]:
        """Numbers of the things whose reports it follows; the uids of these are no users."""
        ...

    @property
    def keeps(self) -> frozenset[type[Change]]:
        """The kinds of change that it keeps, each exactly as it is named: no subclass of it."""
        ...

    async def follow(self, events: Sequence[Report], outcomes: Sequence[Outcome]) -> None:
        """The engine has booked these reports of its things, or knew them; none was refused.

        What was unchanged comes too: it may be the second delivery of what was booked by somebody
        who died before following.
        """
        ...

    async def keep(self, changes: Sequence[Any]) -> list[Outcome]:
        """Keep changes of its kinds, in their order; outcomes by position."""
        ...

    def preview(self) -> Follower:
        """Stands for it in one run that writes nothing: says what would become of changes."""
        ...


class _Desk:
    """Hands everything of a batch to whom it concerns, the engine first."""

    def __init__(self, engine: EventBooker, followers: Sequence[Follower]) -> None:
        kinds = [kind for follower in followers for kind in follower.keeps]
        assert len(kinds) == len({*kinds}), f"two followers keep one kind: {kinds}"
        self._engine = engine
        self._followers = followers
        self._kinds = frozenset(kinds)
        self.things = frozenset[int]().union(*(follower.things for follower in followers))

    async def _parted(self, events: Sequence[Accepted]) -> list[Outcome]:
        if _concern_no_follower(events, self.things):
            return await self._engine.book(events)
        unkept = {type(event) for event in events if isinstance(event, Change)} - self._kinds
        assert not unkept, f"changes that nobody keeps: {unkept}"
        of_engine = [event for event in events if not isinstance(event, Change)]
        booked = await self._engine.book(of_engine) if of_engine else []
        await self._follow(of_engine, booked)
        if len(of_engine) == len(events):
            return booked
        kept, rest = await self._kept(events), iter(booked)
        return [
            kept[at] if isinstance(event, Change) else next(rest) for at, event in enumerate(events)
        ]

    async def _follow(self, events: Sequence[Event], outcomes: Sequence[Outcome]) -> None:
        """Show each follower the reports of its things that are booked now."""
        for follower in self._followers:
            followed: list[Report] = []
            found: list[Outcome] = []
            for event, outcome in zip(events, outcomes, strict=True):
                if not isinstance(event, Report) or event.thing not in follower.things:
                    continue
                if outcome.error is None:
                    followed.append(event)
                    found.append(outcome)
            if followed:
                await follower.follow(followed, found)

    async def _kept(self, events: Sequence[Accepted]) -> dict[int, Outcome]:
        """Have every change kept; outcomes by position."""
        kept: dict[int, Outcome] = {}
        for follower in self._followers:
            places = [at for at, event in enumerate(events) if type(event) in follower.keeps]
            if places:
                outcomes = await follower.keep([events[at] for at in places])
                self._count(outcomes)
                kept.update(zip(places, outcomes, strict=True))
        return kept

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        """What is previewed is not counted."""


class Books(_Desk):
    """Books whatever a message may hold; ``things`` are those of followers."""

    def __init__(
        self,
        engine: RoomyBooker,
        order: Order,
        metrics: Metrics,
        followers: Sequence[Follower] = (),
    ) -> None:
        super().__init__(engine, followers)
        self._roomy = engine
        self._order = order
        self._metrics = metrics

    def room_for(self, events: int) -> AbstractContextManager[None]:
        """Room in the store for so many events that are kept in the archive and booked within.

        Raises :class:`psd.errors.BusyError`, before either has anything, where there is none.
        """
        return self._roomy.room_for(events)

    async def book(self, events: Sequence[Accepted]) -> list[Outcome]:
        """Book events; outcomes by position. Safe to repeat, as of the engine.

        Followers take trips of their own, after the engine's.
        """
        return await self._order.with_telling(self._parted(events))

    def preview(self, engine: EventBooker) -> BooksPreview:
        """Stands for these books in one run that writes nothing; ``engine`` previews too."""
        return BooksPreview(engine, [follower.preview() for follower in self._followers])

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        for status, number in Counter(outcome.status for outcome in outcomes).items():
            self._metrics.events.labels(status).inc(number)
        for outcome in outcomes:
            if outcome.error is not None:
                self._metrics.events_refused.labels(outcome.error.code).inc()


class BooksPreview(_Desk):
    """Says what would become of events: of engine and followers that write nothing."""

    async def book(self, events: Sequence[Accepted]) -> list[Outcome]:
        """Outcomes by position, as booking would have them."""
        return await self._parted(events)


def _concern_no_follower(
    events: Sequence[Accepted], things: frozenset[int]
) -> TypeGuard[Sequence[Report]]:
    """Whether these are reports, none of them of a thing that is followed."""
    return not [each for each in events if type(each) is not Report or each.thing in things]
