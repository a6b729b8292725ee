"""Every index of a network from its stream alone, and what follows from each transaction. Pure.

What lua/swaps/append.lua moves with an event in the store, is moved here in dictionaries, so that
both can be compared::

    rebuilt = Rebuilt("main")
    rebuilt.take(9, swap)
    rebuilt.hashes["psd:swaps:{main}:seen"]           -> {"f3b1": "9"}
    rebuilt.sets["psd:swaps:{main}:tx:driver:1"]      -> {"000000000009:000000000009": 1598950800}

All of it is held in memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from psd.swaps.append import Append
from psd.swaps.appends import append_of, registration_of, versioned
from psd.swaps.derived import Derived, derive
from psd.swaps.keys import (
    counts_key,
    index_key,
    names_key_of,
    noted_key,
    object_key,
    rejected_key,
    seen_key,
)
from psd.swaps.swap_events import AnyEvent, Correction, Numbered, Registered, Swap
from psd.swaps.swap_places import DIGITS, member_of, place_of


class Rebuilt:
    """A network's keys by their names; ``hashes`` and sorted ``sets`` with scores."""

    def __init__(self, network: str) -> None:
        self.network = network
        self.last = 0
        self.hashes: defaultdict[str, dict[str, str]] = defaultdict(dict)
        self.sets: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self.transactions: dict[int, Numbered] = {}

    def take(self, n: int, event: AnyEvent) -> None:
        """Move what moves with an event; each has a greater number than the one before."""
        self.last = n
        self.hashes[seen_key(self.network)][event.id] = str(n)
        if isinstance(event, Registered):
            held = self.hashes[object_key(self.network, event.of, event.number)]
            self._register(n, registration_of(event, held))
        elif isinstance(event, Swap):
            self._move(Numbered(n, event))
        else:
            self._note("stocktakes", event.second, n)

    @property
    def rejected(self) -> set[int]:
        """Numbers of transactions that were corrected."""
        return set(map(int, self.hashes[rejected_key(self.network)]))

    def live(self) -> Iterator[tuple[Numbered, Derived]]:
        """Live transactions in the order of their places, each with what follows from it."""
        rejected = self.rejected
        ordered = sorted(self.transactions.values(), key=place_of)
        last: dict[int, Numbered] = {}
        came_in: dict[int | None, Swap] = {}
        for each in ordered:
            if each.n in rejected:
                continue
            swap = each.swap
            yield each, derive(swap, last.get(swap.driver), came_in.get(swap.battery_out))
            last[swap.driver] = each
            if swap.battery_in is not None:
                came_in[swap.battery_in] = swap

    def _register(self, n: int, append: Append) -> None:
        assert append.of is not None, "an object is registered"
        held = self.hashes[object_key(self.network, *append.of)]
        held.update({field: str(value) for field, value in append.fields.items()})
        held["version"] = str(n)
        if append.name is not None:
            kind, name, number, given_up, is_new = append.name
            names = self.hashes[names_key_of(self.network, kind)]
            if given_up:
                names.pop(given_up, None)
            names[name] = str(number)
            if is_new:
                self.hashes[counts_key(self.network)][kind] = str(number)
        self._list(n, append)

    def _move(self, transaction: Numbered) -> None:
        self.transactions[transaction.n] = transaction
        swap, wrong = transaction.swap, None
        if isinstance(swap, Correction):
            wrong = self.transactions[swap.corrects]
            self.hashes[rejected_key(self.network)][str(wrong.n)] = str(transaction.n)
        append = append_of(swap, wrong, {}, transaction.n)
        for index, member in append.left:
            assert wrong is not None, "it leaves indexes of what it corrects"
            self.sets[index_key(self.network, *index)].pop(member, None)
            self.sets[index_key(self.network, *index, "gone")][member] = wrong.swap.second
        for index in append.indexes:
            self.sets[index_key(self.network, *index)][member_of(transaction)] = swap.second
        for named in versioned(swap) + (versioned(wrong.swap) if wrong else []):
            self.hashes[object_key(self.network, *named)]["version"] = str(transaction.n)
        self._list(transaction.n, append)

    def _list(self, n: int, append: Append) -> None:
        for name in append.lists:
            self._note(name, append.event.second, n)

    def _note(self, name: str, second: int, n: int) -> None:
        self.sets[noted_key(self.network, name)][f"{n:0{DIGITS}}"] = second
