"""Joins the ledger to the books: what messages ask for is kept in their order, then booked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from psd.engine.events import Change, Report
from psd.engine.outcomes import BOOKED, DUPLICATE, UNCHANGED, Outcome
from psd.errors import InputError
from psd.swaps.answers import Appended
from psd.swaps.ledger import Ledger
from psd.swaps.swap_events import LedgerChange, Registration, StocktakeAsked, SwapAsked

LedgerOf = Callable[[str], Ledger]


class LedgerFollower:
    """A :class:`~psd.engine.books.Follower`; with ``is_dry`` it says what would become of it."""

    keeps: frozenset[type[Change]] = frozenset({Registration, SwapAsked, StocktakeAsked})

    def __init__(
        self, ledger_of: LedgerOf, things: frozenset[int], *, is_dry: bool = False
    ) -> None:
        self._ledger_of = ledger_of
        self.things = things
        self._is_dry = is_dry

    async def follow(self, events: Sequence[Report], outcomes: Sequence[Outcome]) -> None:
        """Nothing follows from what is booked: it follows from the ledger itself."""

    async def keep(self, changes: Sequence[LedgerChange]) -> list[Outcome]:
        """Append each in its order, as the next may be about what this one says; book all at once.

        What was appended when something fails is booked by the next try, or by the clock.
        """
        outcomes: list[Outcome] = []
        appended: dict[str, list[Appended]] = {}
        for asked in changes:
            try:
                done = await self._taken(asked)
            except InputError as error:
                outcomes.append(Outcome("refused", error))
            else:
                appended.setdefault(asked.network, []).append(done)
                outcomes.append(outcome_of(done))
        if not self._is_dry:
            for network, listed in appended.items():
                await self._ledger_of(network).settle(listed)
        return outcomes

    def preview(self) -> LedgerFollower:
        """The same without writing."""
        return LedgerFollower(self._ledger_of, self.things, is_dry=True)

    async def _taken(self, asked: LedgerChange) -> Appended:
        ledger = self._ledger_of(asked.network)
        return await (ledger.would_accept(asked) if self._is_dry else ledger.append(asked))


def outcome_of(appended: Appended) -> Outcome:
    """As the books tell it."""
    if appended.is_new:
        return BOOKED
    return DUPLICATE if appended.n else UNCHANGED
