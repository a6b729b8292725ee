"""One batch on its way: its events as script calls, and the replies as outcomes.

A batch is one trip most often. What was too much for one call goes again in portions
(psd/engine/portions.py), a call that was refused whole report by report, and a long withdrawal
portion by portion. Fences (psd/engine/fences.py) go with each of these::

    book 300 reports of owner 7    200 in a call: PSD_HEAVY 90    100 in a call: booked
                                   -> 100, 90, 90, 20 in calls of their own
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psd.config import Settings
from psd.engine.booking import Call, calls_for
from psd.engine.events import Event, Withdrawal
from psd.engine.fences import Fences
from psd.engine.outcomes import OUTCOMES, REFUSED, Outcome
from psd.engine.portions import TOO_MUCH, fitting, portions
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
from psd.errors import StoreUnavailableError
from psd.store.joined_calls import joinable
from psd.store.lane import Command
from psd.store.owner_calls import Page, owner_call
from psd.store.redis import Store
from psd.store.routed import Answers
from psd.store.scripts import Script

Found = dict[int, Outcome]
"""Outcomes by position."""


class Tools:
    """What every batch of an engine is booked with."""

    def __init__(self, store: Store, settings: Settings, withdrawals: WithdrawalScripts) -> None:
        self.store = store
        self.book = Script("engine.book")
        self.withdrawals = withdrawals
        self.marker_key = settings.booking.marker_key.encode()
        self._redis = settings.redis

    def waits(self) -> list[Command]:
        """What follows each trip, so that it ends when the writes are kept as they should be."""
        if self._redis.durability != "replicated":
            return []
        return [("WAIT", self._redis.replicas, self._redis.replica_timeout_ms)]

    def check_replicas(self, waited: Sequence[Any]) -> None:
        """Raise StoreUnavailableError where too few replicas have what a trip wrote."""
        for replicas in waited:
            if _raised(replicas) < self._redis.replicas:
                raise StoreUnavailableError(
                    f"redis: {replicas} of {self._redis.replicas} replicas have the batch after "
                    f"{self._redis.replica_timeout_ms} ms"
                )


class EventBatch:
    """Events that are booked together; positions are theirs. Made for one booking."""

    def __init__(
        self, tools: Tools, events: Sequence[Event], lifetimes: bytes, fences: Fences
    ) -> None:
        self._tools = tools
        self._events = events
        self._lifetimes = lifetimes
        self._fences = fences
        self._found: Found = {}

    async def sent(self, positions: Sequence[int], ahead: Sequence[Command] = ()) -> Answers:
        """The replies to the events at these positions. One trip."""
        return await self._tools.store.writes.call_pages(
            positions, self._pages, ahead=ahead, after=self._tools.waits()
        )

    async def settled(self, answers: Answers) -> Found:
        """The outcomes of what was sent, once it is kept; no trip more where all went well."""
        await self._settle(answers.pages)
        self._tools.check_replicas(answers.after)
        return self._found

    def _pages(self, places: Sequence[int]) -> list[Page]:
        """The calls for the events at these positions, and the positions that each is about."""
        tools = self._tools
        steps = steps_for(self._events, places, tools.marker_key, tools.store.placement)
        if len(steps) == 1 and isinstance(steps[0], Call) and not self._fences:
            return [self._only_page(steps[0])]
        return [self._page(step) for step in steps]

    def _only_page(self, call: Call) -> Page:
        """All of a batch in one call, which may go with those of other batches in one."""
        group = self._tools.store.placement.group_of(call.roots[0])
        return call.positions, joinable(self._command(call), group, len(call.positions))

    def _page(self, step: Step) -> Page:
        if not isinstance(step, int):
            return step.positions, self._command(step)
        withdrawal = self._events[step]
        assert isinstance(withdrawal, Withdrawal)
        return [step], self._withdrawing(withdrawal)

    def _withdrawing(self, withdrawal: Withdrawal, reports: int = PORTION_REPORTS) -> Command:
        root = self._tools.store.placement.owner_root(withdrawal.uid)
        return self._tools.withdrawals.withdraw(root, withdrawal, self._lifetimes, reports)

    def _command(self, call: Call) -> Command:
        arguments = (call.packed(self._fences), self._lifetimes)
        return owner_call(self._tools.book, call.roots, arguments)

    async def _settle(self, pages: Sequence[tuple[Sequence[int], Any]]) -> None:
        """Outcomes of a trip's calls; what was too much for one is booked again in portions."""
        heavy: list[tuple[int, int]] = []
        # Positions of one trip are all different; what is told already is told by an earlier one.
        is_first = not self._found
        for at, (places, reply) in enumerate(pages):
            size = fitting(reply)
            is_withdrawal = isinstance(self._events[places[0]], Withdrawal)
            if is_first and isinstance(reply, list) and not is_withdrawal:
                self._found.update(zip(places, [OUTCOMES[code] for code in reply], strict=True))
            elif size is None or is_withdrawal:
                for place, outcome in (await self._outcomes(places, reply)).items():
                    self._found.setdefault(place, outcome)
            elif len(places) == 1:
                self._found.setdefault(places[0], TOO_MUCH)
            else:
                heavy.append((at, size))
        for at, size in heavy:
            for part in portions(self._events, [places for places, _ in pages[at:]], size):
                await self.settled(await self.sent(part))

    async def _outcomes(self, places: Sequence[int], reply: Any) -> Found:
        withdrawal = self._events[places[0]]
        if isinstance(withdrawal, Withdrawal):
            rest = next_portion(reply, PORTION_REPORTS)
            found = await self._withdraw(withdrawal, rest) if rest else withdrawn_of(reply)
            return {places[0]: found}
        if not is_out_of_bounds(reply):
            codes = zip(places, _raised(reply), strict=True)
            return {place: OUTCOMES[code] for place, code in codes}
        if len(places) == 1:
            return {places[0]: REFUSED}
        return {place: await self._alone(self._events[place]) for place in places}

    async def _alone(self, event: Event) -> Outcome:
        """One event of a call that was refused whole, to find the one that it was for."""
        [call] = calls_for([event], [0], self._tools.marker_key, self._tools.store.placement)
        commands = [self._command(call), *self._tools.waits()]
        reply, *waited = await self._tools.store.writes.call_each(commands)
        if is_out_of_bounds(reply):
            return REFUSED
        if fitting(reply) is not None:
            return TOO_MUCH
        [code] = _raised(reply)
        self._tools.check_replicas(waited)
        return OUTCOMES[code]

    async def _withdraw(self, withdrawal: Withdrawal, reports: int) -> Withdrawn:
        """Take an activity back, so many reports a call. Safe to repeat from any point."""
        portion = reports
        while True:
            command = self._withdrawing(withdrawal, portion)
            commands = [command, *self._tools.waits()]
            reply, *waited = await self._tools.store.writes.call_each(commands)
            portion = next_portion(reply, portion) or 0
            if not portion:
                found = withdrawn_of(reply)
                self._tools.check_replicas(waited)
                return found


def _raised(reply: Any) -> Any:
    if isinstance(reply, BaseException):
        raise reply
    return reply
