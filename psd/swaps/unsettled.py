"""Books what was appended: derived from the newest state, fenced by the newest event.

An event is in ``unsettled`` from its append until its bookings are kept. Whoever appended it books
it, together with what others of this process have appended meanwhile; what is left of somebody who
was killed is found by the next append and by a worker, each 10 s::

    append 7 ── archive swap_accepted 7 ── derive ── book with ("swaps", 7) ── unsettled without 7
                                             ▲            │
                                             └ superseded ┘ somebody knew of 8
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence

from psd.archive.decisions import entry_of
from psd.archive.writer import Appends
from psd.clock import Clock
from psd.engine.engine import Engine
from psd.engine.outcomes import SUPERSEDED
from psd.errors import StoreUnavailableError
from psd.failpoints import reach
from psd.swaps.accepted import SwapAccepted
from psd.swaps.derivations import derivations
from psd.swaps.instruments import SwapsMetrics
from psd.swaps.measured import measured_against
from psd.swaps.store import SwapsStore
from psd.swaps.swap_bookings import FENCE, Bookkeeper
from psd.swaps.swap_events import Correction, Numbered, Swap

log = logging.getLogger("swaps")

TRIES = 20
"""Bookings of one batch that others overtook, each by an event that came meanwhile."""

BATCH = 100
"""Events that are settled together: some 800 reports."""


class Settler:
    """Settles the events of one network, one batch after the other."""

    def __init__(
        self,
        network: str,
        store: SwapsStore,
        engine: Engine,
        bookkeeper: Bookkeeper,
        archive: Appends,
        clock: Clock,
        metrics: SwapsMetrics,
    ) -> None:
        self._network = network
        self._store = store
        self._engine = engine
        self._bookkeeper = bookkeeper
        self._archive = archive
        self._clock = clock
        self._metrics = metrics
        self._lock = asyncio.Lock()
        self._waiting: set[int] = set()

    async def settle(self, numbers: Iterable[int]) -> None:
        """Return once these are booked; what waits is booked together."""
        mine = {*numbers}
        self._waiting |= mine
        async with self._lock:
            while mine & self._waiting:
                batch = sorted(self._waiting)[:BATCH]
                self._waiting.difference_update(batch)
                try:
                    with self._metrics.settle_seconds.time():
                        await self._settle(batch)
                except BaseException:
                    # Others in it have their own call, and try again.
                    self._waiting |= {*batch} - mine
                    raise

    async def settle_left(self) -> int:
        """Settle what is left of whoever was killed; how much that was."""
        left = await self._store.unsettled(self._network)
        self._metrics.unsettled.set(len(left))
        for start in range(0, len(left), BATCH):
            await self.settle(left[start : start + BATCH])
        self._metrics.unsettled.set(0)
        return len(left)

    async def _settle(self, batch: Sequence[int]) -> None:
        found = await self._store.events(self._network, batch)
        entries = [
            SwapAccepted(version=n, network=self._network, n=n, event=found[n]) for n in found
        ]
        now_ms = self._clock.now_ms()
        await self._archive.append(entry_of(each, now_ms) for each in entries)
        changed = await self._whole_chains(
            [Numbered(n, event) for n, event in found.items() if isinstance(event, Swap)]
        )
        if changed:
            await self._book(changed)
        reach("swaps_booked")
        await self._store.settled(self._network, batch)

    async def _whole_chains(self, changed: Sequence[Numbered]) -> list[Numbered]:
        """With each transaction the wrong ones that it stands for, and all that stand for it.

        They may have been booked in the same windows, and only what is live counts there.
        """
        known = {each.n: each for each in changed}
        asked: set[int] = set()
        while missing := known.keys() - asked:
            asked |= missing
            wrong = {
                each.swap.corrects
                for n in missing
                if isinstance((each := known[n]).swap, Correction)
            }
            following = await self._store.corrections(self._network, sorted(missing))
            wanted = (wrong | {*following.values()}) - known.keys()
            known |= await self._store.transactions(self._network, wanted)
        return list(known.values())

    async def _book(self, changed: Sequence[Numbered]) -> None:
        for _ in range(TRIES):
            if await self._booked(changed):
                return
            self._metrics.again.inc()
        raise StoreUnavailableError(
            f"swaps: others went on changing {self._network} for {TRIES} tries; "
            "what is accepted is booked within 10 s"
        )

    async def _booked(self, changed: Sequence[Numbered]) -> bool:
        """Book these and what is measured against them; False where somebody knew of more."""
        # The fence is of the first moment: whoever appends behind it books all that is changed
        # by that with a greater number, whatever of it is seen here.
        around = await measured_against(self._store, self._network, changed)
        touched = {each.n: each for each in [*changed, *(each for each in around.found if each)]}
        rejected = await self._store.corrections(self._network, sorted(touched))
        live = [each for n, each in touched.items() if n not in rejected]
        derived = await derivations(self._store, self._network, live)
        reports = self._bookkeeper.reports(
            zip(live, derived, strict=True),
            [each for n, each in touched.items() if n in rejected],
        )
        fences = {report.uid: (FENCE, around.last) for report in reports}
        outcomes = await self._engine.book(reports, fences)
        for outcome in outcomes:
            if outcome.error is not None:
                raise outcome.error
        return SUPERSEDED not in outcomes
