"""Who has bookings of a thing: an index of owners that is written before what is booked.

It is a set of uids for each thing and each of SHARDS parts of the uids, in keys of its own slots.
Owner 7's first steps (thing 1) are booked by two commands of one trip::

    SADD psd:owners:{o42}:1 7
    EVALSHA <engine.book> psd:{p0}:7 ...

So every owner with bookings is in it. An owner in it may have none: the booking was refused, it was
a report of 0 or of an activity that is withdrawn, or all was taken back. Owners stay in it, because
somebody else may be booking just now. The *population* of a thing are the owners with bookings: the
hash of their years tells, which every question about them reads anyway.

Each process remembers the owners that it has put there and those that it has found there, until a
connection is made anew or the store turns out to be emptied: then it may be another store, or an
older state of it. Only an erasure removes an owner, and all processes forget then; otherwise an
unchanged set size means an unchanged set. An emptied store is noticed some second later
(psd/store/standing.py); owners that were known before and were booked meanwhile are put there with
the next batch.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from psd.engine.events import Accepted, Report, Withdrawal
from psd.engine.owner_reads import OwnerReader
from psd.engine.recent import Recent
from psd.errors import TooLargeError
from psd.slices import give_way, in_slices, sorted_in_slices
from psd.store.kept import write_kept
from psd.store.keys import OWNER_SHARDS, owner_shard, owners_key
from psd.store.lane import Command
from psd.store.owner_calls import owner_call, owner_pages
from psd.store.redis import Store
from psd.store.scripts import Script

REMEMBERED_MAX = 500_000
"""Owners' things that a process knows to be indexed, some 60 MB; past it, it begins anew."""

POPULATION_MAX = 1_000_000
"""Owners of a thing that are kept in memory for the next question, some 80 MB."""

MEMBERS_MAX = 500
"""Members of one command."""

SHARDS_AT_ONCE = 8
"""Parts that are read before others have their turn: of 100,000 owners 12,500."""

BOOKED_OWNERS_MAX = 1000
"""Owners of one call that only tells who has bookings: some 1 ms of Redis."""

T = TypeVar("T")

OwnerThing = tuple[int, int]
"""(thing, uid)."""


class Unindexed(msgspec.Struct, frozen=True):
    """Owners to index, as known when so many connections had been made."""

    epoch: int
    owners: set[OwnerThing]


class Indexed(msgspec.Struct, frozen=True):
    """Everybody in the index of a thing as it was: by its parts, and all of them, ascending."""

    epoch: int
    shards: list[list[int]]
    uids: list[int]


class OwnerIndex:
    """The index, and what this process knows to be in it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: set[OwnerThing] = set()
        self._recent: Recent[OwnerThing] = Recent()
        self._epoch = -1
        self._indexed: dict[int, Indexed] = {}
        self._reader = OwnerReader(store)
        self._counts = Script("engine.owner_counts")
        self._booked = Script("engine.booked")

    def missing(self, events: Sequence[Accepted], positions: Iterable[int]) -> Unindexed:
        """Owners' things of the events there, unless this process knows them to be indexed.

        A withdrawal alone books nothing, and has keys all the same.
        """
        found = [events[position] for position in positions]
        owners = {(e.thing, e.uid) for e in found if type(e) is Report}
        owners |= {(t, e.uid) for e in found if type(e) is Withdrawal for t in e.things}
        if self._epoch != self._store.writes.epoch or len(self._known) > REMEMBERED_MAX:
            self._known.clear()
            self._epoch = self._store.writes.epoch
            owners |= self._recent.all()
        else:
            self._recent.add(owners)
        return Unindexed(self._epoch, owners - self._known)

    async def ahead(self, unindexed: Unindexed) -> list[Command]:
        """Commands that go ahead of the bookings on their connection.

        In a cluster, where there are several connections, owners are indexed before: a trip more.
        """
        commands = index_commands(unindexed.owners)
        if commands and self._store.placement.is_spread:
            await self._store.writes.call_all(commands)
            return []
        return commands

    async def settle(
        self,
        events: Sequence[Accepted],
        positions: Iterable[int],
        unindexed: Unindexed,
        replies: Iterable[Any],
    ) -> None:
        """Remember owners that were indexed; raises what their commands were answered.

        Where a connection was made meanwhile, what was known before may not be in the store that
        has been booked in, so all owners of the batch are indexed again before it is answered.
        """
        for reply in replies:
            if isinstance(reply, BaseException):
                raise reply
        while unindexed.epoch != self._store.writes.epoch:
            unindexed = self.missing(events, positions)
            await self._store.writes.call_all(index_commands(unindexed.owners))
        if unindexed.epoch == self._epoch:
            self._known |= unindexed.owners

    async def remove(self, owners: Iterable[OwnerThing]) -> None:
        """Take owners out who are erased; all processes forget them with the next look. 1 trip."""
        gone = list(owners)
        await write_kept(
            self._store,
            [("SREM", owners_key(owner_shard(uid), thing), uid) for thing, uid in gone],
        )
        self._known.difference_update(gone)
        for thing, _ in gone:
            self._indexed.pop(thing, None)

    async def add(self, owners: Iterable[OwnerThing]) -> None:
        """Put owners into the index. One trip."""
        await self._store.writes.call_all(index_commands(owners))

    async def population(self, thing: int, most: int | None = None) -> list[int]:
        """All who have bookings of a thing, ascending. Two trips, three where some are new.

        Raises TooLargeError where more than ``most`` may have some.
        """
        parts = await self.of_everybody(thing, lambda uids: self._having(uids, thing), most)
        if len(parts) == 1:
            return parts[0]
        return await sorted_in_slices([uid for part in parts for uid in part])

    async def indexed(self, thing: int, most: int | None = None) -> list[int]:
        """All who may have bookings, ascending. One trip, two where some are new.

        How many they are is known before any of them is read: raises TooLargeError past ``most``.
        """
        changed = list(range(OWNER_SHARDS))
        sizes = await self._sizes(thing)
        _check_number(sum(sizes), most)
        # The store that tells the sizes may be another than the one that was asked before.
        known = self._remembered(thing)
        if known is not None:
            changed = [shard for shard in changed if sizes[shard] != len(known.shards[shard])]
            if not changed:
                return known.uids
        epoch = self._store.reads.epoch
        commands: list[Command] = [("SMEMBERS", owners_key(shard, thing)) for shard in changed]
        members = await self._store.reads.call_all(commands)
        if known is not None and epoch != self._store.reads.epoch:
            return await self.indexed(thing, most)
        shards = list(known.shards) if known is not None else [[]] * OWNER_SHARDS
        for shard, found in zip(changed, members, strict=True):
            shards[shard] = [int(uid) for uid in found]
            if shard % SHARDS_AT_ONCE == SHARDS_AT_ONCE - 1:
                await give_way()
        uids = await sorted_in_slices([uid for found in shards for uid in found])
        self._indexed.pop(thing, None)
        if epoch == self._store.reads.epoch and len(uids) <= POPULATION_MAX:
            self._indexed[thing] = Indexed(epoch, shards, uids)
        return uids

    async def of_everybody(
        self,
        thing: int,
        ask: Callable[[Sequence[int]], Awaitable[T]],
        most: int | None = None,
    ) -> list[T]:
        """What is answered about all who may have bookings of a thing, in one part or two.

        Those who were there when somebody asked before are asked about while it is found out
        whether there are more; then these are asked about, too. Raises TooLargeError past ``most``.
        """
        known = self._remembered(thing)
        if known is None:
            uids = await self.indexed(thing, most)
            return [await ask(uids)]
        _check_number(len(known.uids), most)
        answer, uids = await asyncio.gather(ask(known.uids), self.indexed(thing, most))
        if known.epoch != self._store.reads.epoch:
            return [await ask(uids)]
        more = sorted(set(uids).difference(known.uids)) if uids is not known.uids else []
        return [answer, await ask(more)] if more else [answer]

    async def _having(self, uids: Sequence[int], thing: int) -> list[int]:
        """Those of these owners who have bookings of a thing, in their order."""
        roots = await self._reader.roots(uids)
        pages = await self._reader.of_pages(
            owner_pages(self._store.placement, self._booked, roots, (thing,), BOOKED_OWNERS_MAX)
        )
        found_at = await sorted_in_slices([places[at] for places, found in pages for at in found])
        return await in_slices(found_at, lambda some: [uids[at] for at in some])

    def _remembered(self, thing: int) -> Indexed | None:
        known = self._indexed.get(thing)
        return known if known is not None and known.epoch == self._store.reads.epoch else None

    async def _sizes(self, thing: int) -> list[int]:
        """How many owners each part has. One trip; on one server one call, which costs a third."""
        keys = [owners_key(shard, thing) for shard in range(OWNER_SHARDS)]
        if (await self._store.placed()).is_spread:
            sizes: list[int] = await self._store.reads.call_all([("SCARD", key) for key in keys])
        else:
            _, *sizes = await self._store.reads.call(owner_call(self._counts, keys, ()))
        return sizes


def _check_number(owners: int, most: int | None) -> None:
    if most is not None and owners > most:
        raise TooLargeError(
            f"all: {owners} users may have bookings of this thing, at most {most} can be asked "
            "about at once in this way (server.user_sums_max); name users (uid), ask about a board "
            "with members, or about whole days"
        )


def index_commands(owners: Iterable[OwnerThing]) -> list[Command]:
    """The commands that put owners into the index, one a shard and thing (or a few)."""
    by_key: dict[str, list[int]] = defaultdict(list)
    for thing, uid in sorted(owners):
        by_key[owners_key(owner_shard(uid), thing)].append(uid)
    return [("SADD", key, *part) for key, uids in by_key.items() for part in _parts(uids)]


def _parts(uids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (uids[at : at + MEMBERS_MAX] for at in range(0, len(uids), MEMBERS_MAX))
