"""Boards of everybody, read out of the columns of a thing.

::

    vector = await reader.everybody(STEPS, 1459468800, 1462060800, spend)
    vector.uids, vector.values           -> array([1503960366, ...]), array([374546, ...])

A thing whose partitions have little is a command each, all in one trip. Where the last board was
of more, sizes are asked for first, and what is much is read in pieces
(psd/columns/column_pieces.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from psd.columns.column_keys import CELL_BYTES, LEVELS, LOG, OWNERS, SEALED
from psd.columns.column_owners import OwnerPlaces
from psd.columns.column_pieces import (
    CALLS_AT_ONCE,
    PIECE_BYTES,
    AnewError,
    PartitionRead,
    Wanted,
    pieces_of,
)
from psd.columns.column_plan import plan_columns
from psd.columns.vector import Adding, Vector
from psd.errors import StoreUnavailableError
from psd.store.keys import RETENTION_KEY, columns_root
from psd.store.lane import Command, Lane
from psd.store.lifetimes import ended
from psd.store.redis import Store
from psd.store.scripts import Script

ATTEMPTS = 10
"""What makes a board be read anew happens once to a unit: its first booking, its sealing."""

WHOLE_PIECES = 2
"""What a partition has of a board is one command up to so many pieces."""

HAD_LIFETIMES: Command = ("SMEMBERS", RETENTION_KEY)

Spend = Callable[[int], None]
"""Told the bytes that are read; raises TooLargeError for too many."""


class EndedError(Exception):
    """A level has got a lifetime: whoever books with it writes no columns any more."""


class ColumnReader:
    """Boards of everybody from one store; knows whose positions are which."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._script = Script("columns.sizes")
        self._places: dict[int, OwnerPlaces] = {}
        self._there = Script("columns.there")
        self._little: set[int] = set()
        self._seen: dict[int, set[str]] = {}

    async def everybody(self, thing: int, start: int, end: int, spend: Spend) -> Vector:
        """Everybody's sum from ``start`` to before ``end``, each owner's of one moment.

        One trip where that is little, and one more for uids that are new to this process. Raises
        what ``spend`` raises: before anything is read where it is much. Raises EndedError where a
        level has a lifetime that this process was not told of when it began.
        """
        wanted = Wanted(plan_columns(start, end))
        for _ in range(ATTEMPTS):
            try:
                return await self._store.reads.followed(lambda: self._read(thing, wanted, spend))
            except AnewError:
                continue
        raise StoreUnavailableError("redis: columns change faster than they are read")

    async def _read(self, thing: int, wanted: Wanted, spend: Spend) -> Vector:
        await self._store.placed()
        partitions = self._store.partitions
        roots = [columns_root(partitions.tag(each), thing) for each in range(partitions.count)]
        reads = [
            PartitionRead(self._store.reads, root, wanted, number)
            for number, root in enumerate(roots)
        ]
        places = self._places_of(thing, len(roots))
        given = max(places.given(number) for number in range(len(roots)))
        certain = len(wanted.suffixes) - len(wanted.rare)
        if thing not in self._little or CELL_BYTES * given * certain > WHOLE_PIECES * PIECE_BYTES:
            return await self._read_sized(thing, wanted, roots, reads, places, spend)
        return await self._read_whole(thing, wanted, roots, reads, places, spend)

    async def _read_whole(
        self,
        thing: int,
        wanted: Wanted,
        roots: Sequence[str],
        reads: Sequence[PartitionRead],
        places: OwnerPlaces,
        spend: Spend,
    ) -> Vector:
        """The same where it is little, a command a partition."""
        texts = await self._whole(thing, roots, wanted)
        sizes = [sum(len(each or b"") for each in found) for found in texts]
        if max(sizes) > WHOLE_PIECES * PIECE_BYTES:
            self._little.discard(thing)
        spend(sum(sizes))
        given = [len(found[0] or b"") // CELL_BYTES for found in texts]
        adding = Adding(given)
        await self._learn(places, roots, given)
        for read, found in zip(reads, texts, strict=True):
            await read.add_whole(adding, found)
        return await adding.vector(places.uids(given))

    async def _read_sized(
        self,
        thing: int,
        wanted: Wanted,
        roots: Sequence[str],
        reads: Sequence[PartitionRead],
        places: OwnerPlaces,
        spend: Spend,
    ) -> Vector:
        """The same where nobody knows how much it is."""
        sizes = await self._store.reads.call_all(
            [("EVALSHA", self._script.sha, 1, root, *wanted.suffixes) for root in roots]
        )
        spend(sum(map(sum, sizes)))
        if max(map(sum, sizes)) <= WHOLE_PIECES * PIECE_BYTES:
            self._little.add(thing)
            return await self._read_whole(thing, wanted, roots, reads, places, lambda _: None)
        given = [found[0] // CELL_BYTES for found in sizes]
        adding, room = Adding(given), asyncio.Semaphore(CALLS_AT_ONCE)
        await self._learn(places, roots, given)
        await asyncio.gather(
            *(
                read.add_pieces(adding, found, room)
                for read, found in zip(reads, sizes, strict=True)
                if found[0]
            )
        )
        _check_kept(await self._store.reads.call(HAD_LIFETIMES), thing)
        return await adding.vector(places.uids(given))

    async def _whole(
        self, thing: int, roots: Sequence[str], wanted: Wanted
    ) -> list[list[bytes | None]]:
        """All that is wanted of each partition, each of one moment. One trip.

        Most days and hours have nothing of their own, and to name them to 16 partitions takes more
        than to read the rest. Those of which nothing was ever seen are only looked for, behind the
        rest on its connection: what is not there then was not there before. Raises AnewError.
        """
        seen = self._seen.setdefault(thing, set())
        rare = [each for each in wanted.rare if each not in seen] if len(roots) > 1 else []
        unseen = frozenset(rare)
        asked = [each for each in wanted.suffixes if each not in unseen]
        if not rare:
            *replies, ever = await self._store.reads.call_all(
                [*mget_commands(roots, asked), HAD_LIFETIMES]
            )
            _check_kept(ever, thing)
            return replies
        replies, there, ever = await self._with_rare(roots, asked, "".join(rare))
        _check_kept(ever, thing)
        if any(there):
            for suffix in {suffix.decode() for found in there for suffix in found}:
                # Sealing moves what a unit has from one log into the other, and back.
                _, kind, label = suffix.split(":")
                seen |= {f":{each}:{label}" for each in ({LOG, SEALED} | {kind})}
            raise AnewError
        texts = [dict(zip(asked, told, strict=True)) for told in replies]
        return [[told.get(suffix) for suffix in wanted.suffixes] for told in texts]

    async def _with_rare(
        self, roots: Sequence[str], asked: Sequence[str], rare: str
    ) -> tuple[list[list[bytes | None]], list[list[bytes]], list[bytes]]:
        """What is asked of each partition, which rare ones are there then; HAD_LIFETIMES' reply."""
        lane_of = self._store.reads.lane_of
        places: dict[Lane, list[int]] = {}
        for number, root in enumerate(roots):
            places.setdefault(await lane_of(root), []).append(number)
        kept_by = await lane_of(RETENTION_KEY)
        places.setdefault(kept_by, [])

        async def of_lane(lane: Lane, numbers: Sequence[int]) -> list[Any]:
            mine = [roots[number] for number in numbers]
            there = [("EVALSHA", self._there.sha, 1, root, rare) for root in mine]
            kept = [HAD_LIFETIMES] if lane is kept_by else []
            return await lane.call_in_order([*mget_commands(mine, asked), *there, *kept])

        replies: list[list[bytes | None]] = [[] for _ in roots]
        found: list[list[bytes]] = [[] for _ in roots]
        of_lanes = await asyncio.gather(*(of_lane(*each) for each in places.items()))
        for numbers, told in zip(places.values(), of_lanes, strict=True):
            for place, number in enumerate(numbers):
                replies[number], found[number] = told[place], told[len(numbers) + place]
        return replies, found, of_lanes[list(places).index(kept_by)][-1]

    async def _learn(self, places: OwnerPlaces, roots: Sequence[str], given: Sequence[int]) -> None:
        """Read the uids at positions that this process does not know."""
        room = asyncio.Semaphore(CALLS_AT_ONCE)
        for number, (root, stop) in enumerate(zip(roots, given, strict=True)):
            known = places.given(number)
            if known < stop:
                key = f"{root}:{OWNERS}"
                pieces = await pieces_of(
                    self._store.reads, key, CELL_BYTES * known, CELL_BYTES * stop, room
                )
                places.add(number, known, pieces)
                if places.given(number) < stop:
                    raise AnewError

    def _places_of(self, thing: int, partitions: int) -> OwnerPlaces:
        """Whose positions are known; those of another store are forgotten."""
        epoch = self._store.reads.epoch
        known = self._places.get(thing)
        if known is None or known.epoch != epoch:
            known = self._places[thing] = OwnerPlaces(partitions, epoch)
        return known


def _check_kept(ever: Sequence[bytes], thing: int) -> None:
    """Raises EndedError; ``ever`` are the levels that have or had a lifetime, by now."""
    if not LEVELS.isdisjoint(ended([level.decode() for level in ever], thing)):
        raise EndedError


def mget_commands(roots: Sequence[str], suffixes: Sequence[str]) -> list[Command]:
    """A command for each partition; as bytes, which redis-py packs in half the time."""
    ends = [suffix.encode() for suffix in suffixes]
    commands: list[Command] = []
    for root in roots:
        start = root.encode()
        commands.append(("MGET", *[start + end for end in ends]))
    return commands
