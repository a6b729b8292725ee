"""Who has bookings of a thing: an index of owners that is written before what is booked.

It is a set of uids for each thing and each of SHARDS parts of the uids, in keys of its own slots.
Owner 7's first steps (thing 1) are booked by two commands of one trip::

    SADD psd:owners:{o42}:1 7
    EVALSHA <engine.book> psd:{7} ...

So whoever has bookings is in it; who is in it may have none (the booking was refused, or all was
taken back). Each process remembers whom it has put there, until a connection has to be made anew:
then the store may be another, or an older state of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from psd.engine.events import Accepted, Report, Withdrawal
from psd.store.keys import NEWEST_KEY, OWNER_SHARDS, owner_shard, owners_key
from psd.store.lane import Command
from psd.store.owner_calls import Placement
from psd.store.redis import Store

REMEMBERED_MAX = 500_000
"""Owners' things that a process knows to be indexed, some 60 MB; past it, it begins anew."""

MEMBERS_MAX = 500
"""Members of one command."""

OwnerThing = tuple[int, int]
"""(thing, uid)."""


class Unindexed(msgspec.Struct, frozen=True):
    """Owners to index, as known when so many connections had been made.

    ``newest`` are seconds by thing that are newer than any that this process has sent before.
    """

    epoch: int
    owners: set[OwnerThing]
    newest: dict[int, int] = {}


class OwnerIndex:
    """The index, and what this process knows to be in it."""

    def __init__(self, store: Store, placement: Placement) -> None:
        self._store = store
        self._placement = placement
        self._known: set[OwnerThing] = set()
        self._newest: dict[int, int] = {}
        self._epoch = -1

    def missing(self, events: Sequence[Accepted], positions: Iterable[int]) -> Unindexed:
        """Owners' things of the events there, unless this process knows them to be indexed.

        A withdrawal alone books nothing, and has keys all the same.
        """
        if self._epoch != self._store.writes.epoch or len(self._known) > REMEMBERED_MAX:
            self._known.clear()
            self._newest.clear()
            self._epoch = self._store.writes.epoch
        found = [events[position] for position in positions]
        owners = {(e.thing, e.uid) for e in found if type(e) is Report}
        owners |= {(t, e.uid) for e in found if type(e) is Withdrawal for t in e.things}
        newest = dict(self._newest)
        for event in found:
            if type(event) is Report and event.ts2 > newest.get(event.thing, -1):
                newest[event.thing] = event.ts2
        newer = {t: second for t, second in newest.items() if second > self._newest.get(t, -1)}
        return Unindexed(self._epoch, owners - self._known, newer)

    async def ahead(self, unindexed: Unindexed) -> list[Command]:
        """Commands that go ahead of the bookings on their connection.

        In a cluster, where there are several connections, owners are indexed before: a trip more.
        """
        commands = [*index_commands(unindexed.owners), *_newest_commands(unindexed.newest)]
        if commands and self._placement.is_spread:
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
            again = [*index_commands(unindexed.owners), *_newest_commands(unindexed.newest)]
            await self._store.writes.call_all(again)
        if unindexed.epoch == self._epoch:
            self._known |= unindexed.owners
            for thing, second in unindexed.newest.items():
                self._newest[thing] = max(second, self._newest.get(thing, -1))

    async def add(self, owners: Iterable[OwnerThing]) -> None:
        """Put owners into the index. One trip."""
        await self._store.writes.call_all(index_commands(owners))

    async def newest(self, thing: int) -> int | None:
        """The newest second that anybody sent to be booked; None in a store from before. 1 call."""
        found = await self._store.reads.call(("ZSCORE", NEWEST_KEY, thing))
        return None if found is None else int(float(found))

    async def population(self, thing: int) -> list[int]:
        """All owners of a thing, ascending. One trip."""
        commands: list[Command] = [
            ("SMEMBERS", owners_key(shard, thing)) for shard in range(OWNER_SHARDS)
        ]
        shards = await self._store.reads.call_all(commands)
        return sorted(int(uid) for members in shards for uid in members)


def _newest_commands(newest: dict[int, int]) -> list[Command]:
    return [("ZADD", NEWEST_KEY, "GT", second, thing) for thing, second in newest.items()]


def index_commands(owners: Iterable[OwnerThing]) -> list[Command]:
    """The commands that put owners into the index, one a shard and thing (or a few)."""
    by_key: dict[str, list[int]] = defaultdict(list)
    for thing, uid in sorted(owners):
        by_key[owners_key(owner_shard(uid), thing)].append(uid)
    return [("SADD", key, *part) for key, uids in by_key.items() for part in _parts(uids)]


def _parts(uids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (uids[at : at + MEMBERS_MAX] for at in range(0, len(uids), MEMBERS_MAX))
