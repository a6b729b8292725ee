"""The registry of names: which name a number is of, written before what is booked for it.

The number of a name follows from the name (psd/users.py), so nothing is looked up on the way in.
The way back is kept, 1 of 64 hashes a name, with a name's first event::

    HSETNX psd:names:{n59}:user 6640487069386845243 alice@example.com      1
    HGET   psd:names:{n59}:user 6640487069386845243                        alice@example.com

What HGET says is compared: where it is another name, that one came first, and everything of this
one is refused as ``conflict`` before anything is booked. Users by number cost nothing.

Each process remembers what it has written and read, as :mod:`psd.engine.owner_index` does and for
as long: until a connection is made anew or the store is found to be emptied. An erased user is
forgotten with the next look at the store (``Standing.generation``, psd/store/standing.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from psd.engine.events import Count, Event
from psd.engine.recent import Recent
from psd.errors import ConflictError
from psd.store.kept import write_kept
from psd.store.keys import NAME_SHARDS, names_key, names_shard
from psd.store.lane import Command
from psd.store.redis import Store
from psd.store.trail import Aside
from psd.users import USERS, is_named

REMEMBERED_MAX = 200_000
"""Names that a process remembers for each of writing and reading, some 40 MB; past it, it begins
anew."""

SCANNED = 1000
"""Names of one call, some 0.5 ms."""

Named = tuple[int, str]
"""(uid, name)."""


class Epoch(Protocol):
    """What changes whenever the store behind it may be another one, or an older state of it."""

    @property
    def epoch(self) -> int:
        """A number."""
        ...


class Remembered:
    """Names that a process knows, as long as they are in the store for sure."""

    def __init__(self, lane: Epoch) -> None:
        self._lane = lane
        self._epoch = -1
        self._names: dict[int, str] = {}

    def current(self) -> dict[int, str]:
        """Names by uid."""
        if self._epoch != self._lane.epoch or len(self._names) > REMEMBERED_MAX:
            self._names.clear()
            self._epoch = self._lane.epoch
        return self._names

    def add(self, names: Mapping[int, str], epoch: int) -> None:
        """Remember what was found when ``epoch`` was."""
        if epoch == self._lane.epoch:
            self.current().update(names)


def named_in(events: Iterable[Event]) -> set[Named]:
    """Owners of events that were given by name. 0.04 us an event."""
    return {
        (event.uid, event.name)
        for event in events
        if not isinstance(event, Count) and event.name is not None
    }


class NamedUsers:
    """The registry of users' names, and what this process knows of it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._written = Remembered(store.writes)
        self._read = Remembered(store.reads)
        self._recent: Recent[Named] = Recent()
        self._epoch = -1

    def unregistered(self, named: set[Named]) -> set[Named]:
        """Those that this process does not know to be registered.

        Where the store may have been emptied, those of the last seconds are among them: they may
        be thought to be registered in what is gone.
        """
        known = self._written.current()
        if self._epoch != self._store.writes.epoch:
            self._epoch = self._store.writes.epoch
            named = named | self._recent.all()
        self._recent.add(named)
        return {each for each in named if known.get(each[0]) != each[1]}

    async def register(self, named: Iterable[Named]) -> dict[Named, ConflictError]:
        """Put names into the registry; those whose number another name has. One trip.

        Safe to repeat. Nobody who was refused is remembered, so that each is asked for again.
        """
        listed = sorted(named)
        epoch = self._store.writes.epoch
        commands: list[Command] = []
        for uid, name in listed:
            key = names_key(names_shard(uid), USERS)
            commands += [("HSETNX", key, uid, name.encode()), ("HGET", key, uid)]
        # A name alone is nothing that a request has done.
        with Aside():
            replies = await write_kept(self._store, commands)
        taken = {
            (uid, name): _taken(name)
            for (uid, name), held in zip(listed, replies[1::2], strict=True)
            if held != name.encode()
        }
        kept = {uid: name for uid, name in listed if (uid, name) not in taken}
        self._written.add(kept, epoch)
        return taken

    async def settle(self, named: set[Named], epoch: int) -> None:
        """Register names anew where a connection was made since ``epoch``.

        What was known before may not be in the store that has been booked in.
        """
        while epoch != self._store.writes.epoch:
            epoch = self._store.writes.epoch
            await self.register(self.unregistered(named))

    async def ensure(self, named: Mapping[int, str]) -> None:
        """Register names that stand in a request as a whole; raises ConflictError."""
        unknown = self.unregistered(set(named.items()))
        if unknown:
            taken = await self.register(unknown)
            for error in taken.values():
                raise error

    async def remove(self, uid: int) -> None:
        """Take the name of a user out who is erased. One trip."""
        await write_kept(self._store, [("HDEL", names_key(names_shard(uid), USERS), uid)])
        for remembered in (self._written, self._read):
            remembered.current().pop(uid, None)

    def known(self, uids: Iterable[int]) -> dict[int, str]:
        """The names of these users that this process knows without asking."""
        read, written = self._read.current(), self._written.current()
        found = {uid: read.get(uid) or written.get(uid) for uid in uids if is_named(uid)}
        return {uid: name for uid, name in found.items() if name is not None}

    async def names(self, uids: Iterable[int]) -> dict[int, str]:
        """The names of those of these users that have one.

        No trip for numbers and for names that this process knows, one for all others.
        """
        named = [uid for uid in uids if is_named(uid)]
        if not named:
            return {}
        found = self.known(named)
        missing = [uid for uid in named if uid not in found]
        if missing:
            epoch = self._store.reads.epoch
            asked = await self._asked(missing)
            self._read.add(asked, epoch)
            found.update(asked)
        return found

    async def beginning(self, prefix: str, limit: int) -> list[Named]:
        """Names that begin so, in their order, at most so many. Reads all, 1,000 a call."""
        found: dict[int, str] = {}
        for shard in range(NAME_SHARDS):
            cursor = b"0"
            while True:
                asked = ("HSCAN", names_key(shard, USERS), cursor, "COUNT", SCANNED)
                cursor, pairs = await self._store.reads.call(asked)
                for uid, held in zip(pairs[::2], pairs[1::2], strict=True):
                    if (name := held.decode()).startswith(prefix):
                        found[int(uid)] = name
                if cursor == b"0":
                    break
        in_order = sorted(found.items(), key=lambda each: each[1])
        return in_order[:limit]

    async def _asked(self, uids: Sequence[int]) -> dict[int, str]:
        shards: dict[int, list[int]] = {}
        for uid in uids:
            shards.setdefault(names_shard(uid), []).append(uid)
        commands: list[Command] = [
            ("HMGET", names_key(shard, USERS), *some) for shard, some in shards.items()
        ]
        replies = await self._store.reads.call_all(commands)
        return {
            uid: held.decode()
            for some, reply in zip(shards.values(), replies, strict=True)
            for uid, held in zip(some, reply, strict=True)
            if held is not None
        }


def _taken(name: str) -> ConflictError:
    return ConflictError(
        f"uid: {name!r} has the number of another name, which came first; give this user another"
    )
