"""What booking would change, asked of the store without writing: ``psd replay --dry-run``.

The script is that of a booking without its writes (lua/engine/preview.lua), so a store that has
all of a window answers as it would when it is booked. What the same run would have booked
before is not in the store; here that much of it is remembered::

    ids of increments and counts         the second one with an id is a duplicate
    withdrawals                          reports behind one are of a withdrawn activity
    reports of one activity              seen together, as those of a batch go in one call

So the outcomes differ from those of a real run only where an activity has reports in several
batches or more than ``CALL_REPORTS_MAX`` in one, and the store has lost earlier ones of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from psd.config import Settings
from psd.engine.booking import COUNT_THING, Call, calls_for, lifetimes
from psd.engine.engine import Engine
from psd.engine.events import Count, Event, Report, Withdrawal
from psd.engine.outcomes import BOOKED, DUPLICATE, OUTCOMES, REFUSED, UNCHANGED, WITHDRAWN, Outcome
from psd.engine.portions import TOO_MUCH, fitting, portions
from psd.engine.whole import is_out_of_bounds
from psd.engine.windows import Window
from psd.store.lane import Command
from psd.store.owner_calls import Page, owner_call
from psd.store.redis import Store
from psd.store.scripts import Script

DAY_S = 86_400
Id = tuple[int | str, int, int, str]
"""Owner, thing, day and id: an increment is applied once for these."""


class Preview:
    """Stands for the engine in one run that books nothing."""

    def __init__(self, engine: Engine, store: Store, settings: Settings) -> None:
        self._engine = engine
        self._store = store
        self._script = Script("engine.preview")
        self._marker_key = settings.booking.marker_key.encode()
        self._lifetimes = lifetimes(settings.retention, settings.booking, ())
        self._ids: set[Id] = set()
        self._withdrawn: set[tuple[int, int, int]] = set()

    async def book(self, events: Sequence[Event]) -> list[Outcome]:
        """Outcomes by position. A call as of the engine for some owners, in one trip."""
        outcomes = [UNCHANGED] * len(events)
        due, withdrawn = [], []
        for position in self._engine.bookable(events, outcomes):
            event = events[position]
            if isinstance(event, Withdrawal):
                outcomes[position] = await self._withdraw(event)
            elif (known := self._known(event)) is not None:
                outcomes[position] = known
            else:
                due.append(position)
                if self._is_withdrawn(event):
                    withdrawn.append(position)
        await self._ask(events, _by_activity(events, due), outcomes)
        for position in withdrawn:
            # An increment: whether it is a duplicate is looked at first.
            if outcomes[position] is not DUPLICATE:
                outcomes[position] = WITHDRAWN
        self._ids.update(
            id_
            for position in due
            if outcomes[position].status != "refused" and (id_ := _id_of(events[position]))
        )
        return outcomes

    async def _ask(
        self, events: Sequence[Event], due: Sequence[int], outcomes: list[Outcome]
    ) -> None:
        answers = await self._store.reads.call_pages(due, lambda some: self._pages(events, some))
        for places, reply in answers.pages:
            if is_out_of_bounds(reply):
                await self._each_alone(events, places, outcomes)
            elif (size := fitting(reply)) is not None:
                await self._in_portions(events, places, size, outcomes)
            elif isinstance(reply, BaseException):
                raise reply
            else:
                for place, code in zip(places, reply, strict=True):
                    outcomes[place] = OUTCOMES[code]

    async def _in_portions(
        self, events: Sequence[Event], places: Sequence[int], size: int, outcomes: list[Outcome]
    ) -> None:
        if len(places) == 1:
            outcomes[places[0]] = TOO_MUCH
            return
        for part in portions(events, [places], size):
            await self._ask(events, part, outcomes)

    async def _each_alone(
        self, events: Sequence[Event], places: Sequence[int], outcomes: list[Outcome]
    ) -> None:
        for place in places:
            [call] = calls_for([events[place]], [0], self._marker_key, self._store.placement)
            [reply] = await self._store.reads.call_each([self._command(call)])
            if is_out_of_bounds(reply):
                outcomes[place] = REFUSED
            elif fitting(reply) is not None:
                outcomes[place] = TOO_MUCH
            elif isinstance(reply, BaseException):
                raise reply
            else:
                outcomes[place] = OUTCOMES[reply[0]]

    def _known(self, event: Event) -> Outcome | None:
        """What this run would have made of it, whatever the store holds."""
        if _id_of(event) in self._ids:
            return DUPLICATE
        if self._is_withdrawn(event) and _id_of(event) is None:
            return WITHDRAWN
        return None

    def _is_withdrawn(self, event: Event) -> bool:
        if not isinstance(event, Report):
            return False
        return (event.uid, event.aid, event.thing) in self._withdrawn

    async def _withdraw(self, event: Withdrawal) -> Outcome:
        """One that comes again changes nothing; any other leaves its mark at least. 1 trip."""
        marks = [(event.uid, event.aid, thing) for thing in event.things]
        new = [mark for mark in marks if mark not in self._withdrawn]
        self._withdrawn.update(new)
        windows = [Window(thing, uid, aid, 0, 0) for uid, aid, thing in new]
        standing = await self._engine.reported(windows) if windows else []
        return BOOKED if any(each.status != "withdrawn" for each in standing) else UNCHANGED

    def _pages(self, events: Sequence[Event], places: Sequence[int]) -> list[Page]:
        calls = calls_for(events, places, self._marker_key, self._store.placement)
        return [(call.positions, self._command(call)) for call in calls]

    def _command(self, call: Call) -> Command:
        arguments = (call.packed(), self._lifetimes)
        return owner_call(self._script, call.roots, arguments)


def _by_activity(events: Sequence[Event], positions: Sequence[int]) -> list[int]:
    """The positions in their order, but all of an activity together, where its first one is."""
    firsts: dict[tuple[str, int, int, int], int] = {}
    for position in positions:
        firsts.setdefault(_activity_of(events[position]), position)
    return sorted(positions, key=lambda position: firsts[_activity_of(events[position])])


def _activity_of(event: Event) -> tuple[str, int, int, int]:
    if isinstance(event, Count):
        return (event.name, 0, 0, 0)
    assert isinstance(event, Report), "a withdrawal is asked for alone"
    return ("", event.uid, event.thing, event.aid)


def _id_of(event: Event) -> Id | None:
    if isinstance(event, Count):
        return (event.name, COUNT_THING, event.ts // DAY_S, event.event_id)
    if isinstance(event, Report) and event.event_id is not None:
        return (event.uid, event.thing, event.ts2 // DAY_S, event.event_id)
    return None
