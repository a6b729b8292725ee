"""What was accepted, with its number, as the archive keeps it beside the message that asked for it.

A message says "battery_in is what the vehicle carries": what that was depends on what came before
it. So the event that became of it is archived too, and a replay on an empty store appends these
first, by their numbers, and then what has none: whoever sent it was killed in between::

    {"command":"decision","decision":{"kind":"swap_accepted","version":7,"network":"main",
                                      "n":7,"event":{"kind":"swap","id":"f3b1",...}}}
"""

from __future__ import annotations

from psd.archive.decisions import Decision, Kinds, Redone, Tail, kinds_of
from psd.errors import ConflictError
from psd.swaps.append import Append
from psd.swaps.appends import append_of, registration_of, versioned
from psd.swaps.store import SwapsStore
from psd.swaps.swap_events import AnyEvent, Correction, Numbered, Registered, Stocktake


class SwapAccepted(Decision, frozen=True, tag="swap_accepted", kw_only=True):
    """An event of a network, and the number that it got."""

    network: str
    n: int
    event: AnyEvent


ACCEPTED_KINDS: Kinds = kinds_of(SwapAccepted)


class AcceptedKeeper:
    """Appends again what an archive has, before its messages are booked."""

    kinds: Kinds = ACCEPTED_KINDS

    def __init__(self, store: SwapsStore) -> None:
        self._store = store

    def redo(self, redone: Redone, _tail: Tail, *, is_dry: bool) -> AcceptedRedo:
        """Holds all until they have come: they are appended in the order of their numbers."""
        return AcceptedRedo(self._store, redone, is_dry=is_dry)


class AcceptedRedo:
    """Appends the events of one archive."""

    def __init__(self, store: SwapsStore, redone: Redone, *, is_dry: bool) -> None:
        self._store = store
        self._redone = redone
        self._is_dry = is_dry
        self._held: dict[tuple[str, int], AnyEvent] = {}

    async def take(self, decision: SwapAccepted) -> None:
        """Hold it; one that was archived twice is one."""
        self._held[decision.network, decision.n] = decision.event

    async def finish(self) -> None:
        """Append what the store has not, in the order of numbers."""
        for (network, n), event in sorted(self._held.items(), key=lambda each: each[0]):
            number = await self._store.seen(network, event.id)
            if number is None and not self._is_dry:
                try:
                    await self._store.append(
                        network, await appended_again(self._store, network, n, event)
                    )
                except ConflictError as error:
                    self._redone.refusals.append(f"swaps: {network} {n}: {error}")
                    continue
            self._redone.count(number is None)


async def appended_again(store: SwapsStore, network: str, n: int, event: AnyEvent) -> Append:
    """What moves with an event that was accepted once: nothing is decided about it again."""
    if isinstance(event, Registered):
        return await _registered_again(store, network, n, event)
    if isinstance(event, Stocktake):
        return Append(event=event, n=n, lists=["stocktakes"])
    wrong: Numbered | None = None
    if isinstance(event, Correction):
        wrong = (await store.transactions(network, [event.corrects])).get(event.corrects)
    named = versioned(event) + (versioned(wrong.swap) if wrong else [])
    held = await store.objects(network, named)
    return append_of(event, wrong, {each: int(held[each]["version"]) for each in held}, n)


async def _registered_again(store: SwapsStore, network: str, n: int, event: Registered) -> Append:
    of = (event.of, event.number)
    held = (await store.objects(network, [of])).get(of, {})
    return registration_of(event, held, n)
