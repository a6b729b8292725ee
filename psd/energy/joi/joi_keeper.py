"""Keeps what the JOI face took, and has the energy of it kept and booked as any meter's.

It stands before the keeper of meters, which sees the power of a batch as if a meter had sent it::

    JoiBatch of smart-meter-0    batch kept, then Readings(power, i0) of smart-meter-0

What of a batch is no energy (below 0, out of time, beside intervals of the same meter) is refused
there, and nobody is told: to the original every number was good.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from psd.energy.joi.joi_batches import BatchStore, JoiBatch
from psd.engine.books import Follower
from psd.engine.events import Change, Report
from psd.engine.outcomes import BOOKED, UNCHANGED, Outcome

IsNew = Callable[[JoiBatch], Awaitable[bool]]


class JoiKeeper:
    """A :class:`~psd.engine.books.Follower` around that of meters.

    ``keep`` tells whether a batch is new; that of the store keeps it too.
    """

    def __init__(self, meters: Follower, batches: BatchStore, keep: IsNew | None = None) -> None:
        self._meters = meters
        self._batches = batches
        self._keep = batches.keep if keep is None else keep
        self.things = meters.things
        self.keeps: frozenset[type[Change]] = meters.keeps | {JoiBatch}

    async def follow(self, events: Sequence[Report], outcomes: Sequence[Outcome]) -> None:
        """Reports are the meters' alone."""
        await self._meters.follow(events, outcomes)

    def preview(self) -> JoiKeeper:
        """Stands for it in a run that writes nothing, and says what was new before the run."""
        return JoiKeeper(self._meters.preview(), self._batches, self._is_new)

    async def keep(self, changes: Sequence[Any]) -> list[Outcome]:
        """Keep what came, in its order; outcomes by position. Safe to repeat."""
        batches = {
            place: await self._keep(each)
            for place, each in enumerate(changes)
            if isinstance(each, JoiBatch)
        }
        if not batches:
            return await self._meters.keep(changes)
        passed = [each.power if isinstance(each, JoiBatch) else each for each in changes]
        told = iter(await self._meters.keep([each for each in passed if each is not None]))
        outcomes = []
        for place, each in enumerate(passed):
            outcome = UNCHANGED if each is None else next(told)
            if place in batches:
                outcome = BOOKED if batches[place] else UNCHANGED
            outcomes.append(outcome)
        return outcomes

    async def _is_new(self, batch: JoiBatch) -> bool:
        return not await self._batches.has(batch)
