"""How long what meters send is kept, and what of it came too late for that.

Readings live as long as the reports of the thing that their flow is booked as, so with::

    [things] energy_import = { id = 20, unit = "mWh", activity_s = 7776000 }

an import channel keeps 90 days of them. What is older is refused where it comes in
(:meth:`~psd.engine.event_rules.EventRules.check_kept`). What got too old on its way, in a queue or
the archive, is left out here: by then the others that came with it are kept as they should be.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from psd.config import Settings
from psd.energy.channels import THINGS, Flow
from psd.energy.meter_events import Intervals, Readings
from psd.errors import TooLateError
from psd.store.lifetimes import ended, finite_levels, retention_of
from psd.store.redis import Store

Sent = Readings | Intervals


FOR_EVER_AGAIN = -1
"""A lifetime that keys had is taken off them."""


class ChannelLifetimes:
    """How long keys of channels live, as the scripts of energy have it; 0 is for ever."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._ever: set[str] = set()
        self._generation = -1

    async def readings_s(self, flow: Flow) -> int:
        """Of what a channel of a flow has said. 1 trip once."""
        thing = self._settings.things.get(THINGS[flow])
        keep, ever = self._settings.retention, await self._levels()
        if thing is not None:
            keep, ever = retention_of(keep, thing), ended(ever, thing.id)
        if keep.activity_s:
            return keep.activity_s + self._settings.booking.max_event_lead_s
        return FOR_EVER_AGAIN if "activity_s" in ever else 0

    async def runs_s(self) -> int:
        """Of what tells when it was metered: as the sums of its days. 1 trip once."""
        ever = await self._levels()
        return self._settings.retention.day_s or (FOR_EVER_AGAIN if "day_s" in ever else 0)

    async def _levels(self) -> Collection[str]:
        """Levels that have or ever had a lifetime in this store."""
        generation = self._store.standing.generation
        if self._generation != generation:
            finite = finite_levels(self._settings)
            self._ever = await self._store.levels_with_lifetimes(finite)
            self._generation = generation
        return self._ever


def still_kept(change: Sent, oldest_s: int, cell_s: int) -> Sent:
    """What of it is not before the oldest second that is kept; TooLateError for nothing.

    Of readings energy is booked in cells, so that the first whole cell is the first that can be.
    """
    if isinstance(change, Readings):
        oldest_s = -(-oldest_s // cell_s) * cell_s
    seconds = [each[0] for each in _listed(change)]
    if min(seconds) >= oldest_s:
        return change
    newest = max(seconds)
    if newest < oldest_s:
        raise TooLateError(
            f"time: {newest} is before what is kept of readings, which begins at {oldest_s}",
            excess_s=oldest_s - newest,
        )
    left = tuple(each for each in _listed(change) if each[0] >= oldest_s)
    field = "points" if isinstance(change, Readings) else "rows"
    return msgspec.structs.replace(change, **{field: left})


def _listed(change: Sent) -> Sequence[tuple[int, ...]]:
    return change.points if isinstance(change, Readings) else change.rows
