"""What follows from a booking for vehicles: the rewards' part in whatever is booked.

After activity or earnings were booked, their vehicles are registered, and weeks that the weekly
job may have read already are marked dirty; changes of vehicles go to the registry::

    begun = 96        activity in week 95 -> dirty 95 + 1        activity in week 97 -> nothing

The order is what makes late activity safe. The job raises ``begun`` before it reads a week's
activity, and whoever books looks at ``begun`` after booking. So either the job's reading came
after the booking and has it, or ``begun`` was raised before it was looked at and the week is
marked. What was unchanged is marked too: it may be the second delivery of what was booked by
somebody who died before marking. A week that is marked for nothing is computed again with the
same result.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psd.engine.events import Change, Report
from psd.engine.outcomes import Outcome
from psd.engine.plan import ISSUANCE_START_S
from psd.rewards.keys import rewards_key
from psd.rewards.preview import VehiclesPreview
from psd.rewards.registry import Registry, registration
from psd.rewards.vehicle_events import VehicleChange
from psd.rewards.weeks import week_of
from psd.store.kept import write_in_order, write_kept
from psd.store.lane import Command
from psd.store.redis import Store


class VehicleFollower:
    """A :class:`~psd.engine.books.Follower`; ``things`` are the numbers of those about vehicles."""

    keeps: frozenset[type[Change]] = frozenset({VehicleChange})

    def __init__(self, registry: Registry, store: Store, things: frozenset[int]) -> None:
        self._registry = registry
        self._store = store
        self.things = things

    async def keep(self, changes: Sequence[VehicleChange]) -> list[Outcome]:
        """Have the registry keep what was said of vehicles."""
        return await self._registry.change(changes)

    def preview(self) -> VehiclesPreview:
        """Reads the registry, and writes nothing."""
        return VehiclesPreview(self._store, self.things)

    async def follow(self, events: Sequence[Report], _outcomes: Sequence[Outcome]) -> None:
        """Register the vehicles that were booked for, and mark weeks that may have been read.

        1 trip, 2 where weeks are marked.
        """
        vehicles: set[int] = set()
        weeks: set[int] = set()
        for event in events:
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
