"""What tells that something else is booked than a moment ago: of a thing, of a user, of a board.

::

    of_things([STEPS])          GET psd:columns:{p0}:1:changes      one a thing and partition
    of_users([STEPS], [7])      HGETALL psd:{p0}:7:1:y              one a user and thing
    of_board("april", STEPS)    those of its thing, its definition and its members

The columns of a thing count their own writes, so a board of any size is watched by one number a
partition, and an owner's hash of years is another one with each booking. A thing that has no
columns may be another one each :data:`LOOK_EVERY_S`. What only time changes, as who falls out of
the last seven days, is told :data:`AGED_S` later at most.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from psd.clock import Clock
from psd.columns.column_keys import CHANGES, column_key
from psd.domain.question import Versioned
from psd.queries.boards.store import BoardsStore
from psd.queries.boards.writes import looked_at
from psd.store.keys import columns_root, year_key
from psd.store.lane import Command
from psd.store.redis import Store

LOOK_EVERY_S = 5
"""Things without columns are asked for again so often, while somebody watches."""

AGED_S = 60

HASHES_MAX = 20
"""Of one who watches: a hash of years is some 13 fields a year."""


class BookedVersions:
    """Makes versions over a store."""

    def __init__(self, store: Store, boards: BoardsStore, clock: Clock) -> None:
        self._store = store
        self._boards = boards
        self._clock = clock

    async def of_things(self, things: Iterable[int]) -> Versioned:
        """Of everybody's bookings of some things."""
        return Versioned(await self._changes(things), self._of_columns)

    async def of_board(self, name: str, thing: int) -> Versioned:
        """Of a named board of a thing; raises NotFoundError for none."""
        board = await self._boards.get(name)
        changes = await self._changes([thing])
        return Versioned((*changes, *looked_at(board)), self._of_named)

    async def of_users(self, things: Sequence[int], uids: Sequence[int]) -> Versioned:
        """Of some users' bookings of some things; many users are looked at as everybody is."""
        if len(things) * len(uids) > HASHES_MAX:
            return await self.of_things(things)
        partitions = (await self._store.placed()).partitions
        pairs = [(uid, thing) for uid in uids for thing in things]
        keys = [
            year_key(columns_root(partitions.tag(partitions.of(uid)), thing), uid)
            for uid, thing in pairs
        ]
        return Versioned(tuple(("HGETALL", key) for key in keys), self._of_users)

    async def _changes(self, things: Iterable[int]) -> tuple[Command, ...]:
        partitions = (await self._store.placed()).partitions
        tags = [partitions.tag(each) for each in range(partitions.count)]
        return tuple(
            ("GET", column_key(columns_root(tag, thing), CHANGES))
            for thing in things
            for tag in tags
        )

    def _of_columns(self, replies: Sequence[Any]) -> str:
        every_s = AGED_S if any(each is not None for each in replies) else LOOK_EVERY_S
        return mark_of(replies, self._clock.now_s() // every_s)

    def _of_named(self, replies: Sequence[Any]) -> str:
        *columns, definition, versions = replies
        return mark_of(self._of_columns(columns), definition, versions)

    def _of_users(self, replies: Sequence[Any]) -> str:
        return mark_of(replies, self._clock.now_s() // AGED_S)


def mark_of(*told: object) -> str:
    """A text that is another one whenever what was told is."""
    return hashlib.blake2b(repr(told).encode(), digest_size=8).hexdigest()
