"""The battery ledger of a network: everything is accepted through it, and asked of it.

::

    ledger = swaps.ledger("main")
    await ledger.accept(asked)            -> Appended(7, is_new=True)    archived and booked too
    await ledger.driver(1)                -> DriverState(driver, vehicle, battery, last=7)
    await ledger.battery(3, at=NOON)      as it was at the end of that second
    await ledger.transaction(2)           with its chain of corrections, and what is derived of it
    await ledger.days(1, range_, tz)      a row a day, empty ones too

What is asked for is a :class:`~psd.swaps.swap_events.LedgerChange`, made of a message by
psd/swaps/asking.py; what is refused is an InputError that names the field. Questions are in
psd/swaps/ledger_reads.py. Nothing here knows HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from psd.clock import Clock
from psd.engine.reads import Reads
from psd.errors import (
    ChangedError,
    IdempotencyMismatchError,
    InputError,
    StoreUnavailableError,
)
from psd.failpoints import reach
from psd.foreign_texts import shown
from psd.swaps.answers import Appended
from psd.swaps.append import Append
from psd.swaps.instruments import SwapsMetrics
from psd.swaps.ledger_reads import LedgerReads
from psd.swaps.preparing import Preparing
from psd.swaps.settings import SwapsSettings
from psd.swaps.store import SwapsStore
from psd.swaps.swap_events import (
    LedgerChange,
    Registered,
    Registration,
    StocktakeAsked,
    Swap,
    SwapAsked,
)
from psd.swaps.unsettled import Settler

FORESEEN_MAX = 256
"""Events that somebody asked about and has not appended: requests in hand, some kB each. A request
asks first, and appends what it was told then, which saves it a third of the trips."""

TRIES = 10
"""Appends of one event, each prepared anew because something it was made from changed."""


class Ledger(LedgerReads):
    """One network's; made by psd/swaps/part.py."""

    def __init__(
        self,
        network: str,
        store: SwapsStore,
        engine: Reads,
        clock: Clock,
        things: Mapping[str, int],
        settings: SwapsSettings,
        settler: Settler,
        metrics: SwapsMetrics,
    ) -> None:
        super().__init__(network, store, engine, clock, things)
        self._preparing = Preparing(store, settings)
        self._settler = settler
        self._metrics = metrics
        self._foreseen: dict[str, tuple[LedgerChange, Append]] = {}

    async def accept(self, asked: LedgerChange) -> Appended:
        """Append what is asked for, once for its id, and book what follows from it.

        Raises InputError for what is refused (then nothing was written), and
        StoreUnavailableError where others went on changing the same; it may be asked again.
        """
        appended = await self.append(asked)
        await self.settle([appended])
        return appended

    async def append(self, asked: LedgerChange) -> Appended:
        """The first half of :meth:`accept`; :meth:`settle` is the other, for many at once."""
        try:
            appended = await self._appended(asked)
        except InputError:
            self._count(asked, "refused")
            raise
        if not appended.n:
            self._count(asked, "unchanged")
            return appended
        self._count(asked, "booked" if appended.is_new else "duplicate")
        if appended.is_new:
            reach("swaps_appended")
            for warning in appended.warnings:
                self._metrics.warnings.labels(warning.partition(":")[0]).inc()
        return appended

    async def settle(self, appended: Iterable[Appended]) -> None:
        """Archive and book what was appended.

        Of what was known before, too: whoever appended it may have died before it was booked.
        """
        listed = [each for each in appended if each.n]
        known = [each.n for each in listed if not each.is_new]
        left = await self._store.unsettled_of(self.network, known)
        numbers = {each.n for each in listed if each.is_new or each.n in left}
        if numbers:
            await self._settler.settle(numbers)

    async def would_accept(self, asked: LedgerChange) -> Appended:
        """What :meth:`accept` would find, without writing: ``n`` is 0. Raises InputError."""
        known = await self._known_already(asked)
        if known is not None:
            return known
        prepared = await self._prepared(asked)
        if isinstance(prepared, int):
            return Appended(0, is_new=False, number=prepared)
        if len(self._foreseen) >= FORESEEN_MAX:
            del self._foreseen[next(iter(self._foreseen))]
        self._foreseen[asked.id] = (asked, prepared)
        return _told(0, prepared, is_new=True)

    async def settle_left(self) -> int:
        """Book what somebody appended who died before booking it; how many events that were."""
        return await self._settler.settle_left()

    async def _appended(self, asked: LedgerChange) -> Appended:
        looked, foreseen = self._foreseen.pop(asked.id, (None, None))
        # What was foreseen of just this is tried first: the script tells where it is so no more.
        prepared: Append | int | None = foreseen if looked is asked else None
        for _ in range(TRIES):
            if prepared is None:
                known = await self._known_already(asked)
                if known is not None:
                    return known
                prepared = await self._prepared(asked)
            if isinstance(prepared, int):
                return Appended(0, is_new=False, number=prepared)
            try:
                n, is_new = await self._store.append(self.network, prepared)
            except ChangedError:
                self._metrics.again.inc()
            else:
                if is_new:
                    return _told(n, prepared, is_new=True)
            prepared = None
        raise StoreUnavailableError(
            f"swaps: others went on changing the same objects of {self.network} for {TRIES} tries"
        )

    async def _known_already(self, asked: LedgerChange) -> Appended | None:
        """What became of the id before; raises IdempotencyMismatchError for other content."""
        n = await self.number_of(asked.id)
        if n is None:
            return None
        event = (await self._store.events(self.network, [n]))[n]
        if event.digest != asked.digest:
            raise IdempotencyMismatchError(
                f"id: {shown(asked.id)} came before with other content, as {n}"
            )
        warnings = event.warnings if isinstance(event, Swap) else ()
        number = event.number if isinstance(event, Registered) else None
        return Appended(n, is_new=False, warnings=warnings, number=number)

    async def _prepared(self, asked: LedgerChange) -> Append | int:
        if isinstance(asked, SwapAsked):
            return await self._preparing.swap(asked)
        if isinstance(asked, StocktakeAsked):
            return await self._preparing.stocktake(asked)
        assert isinstance(asked, Registration)
        return await self._preparing.registration(asked)

    def _count(self, asked: LedgerChange, outcome: str) -> None:
        self._metrics.events.labels(kind_of_change(asked), outcome).inc()


def kind_of_change(asked: LedgerChange) -> str:
    """The name of the command that asks for it."""
    if isinstance(asked, Registration):
        return asked.kind
    if isinstance(asked, SwapAsked):
        return "swap" if asked.corrects is None else "correction"
    return "stocktake"


def _told(n: int, prepared: Append, *, is_new: bool) -> Appended:
    event = prepared.event
    warnings = event.warnings if isinstance(event, Swap) else ()
    number = event.number if isinstance(event, Registered) else None
    return Appended(n, is_new=is_new, warnings=warnings, number=number)
