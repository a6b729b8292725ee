"""Moves what one store holds into another, whose owners lie otherwise: ``psd migrate``.

From a store of a version before, or of another number of partitions, on one server or in a cluster;
the first is only read. Each key is dumped and restored, some hundred a trip, with its lifetime::

    DUMP psd:{7}:1:y   PTTL psd:{7}:1:y        RESTORE psd:{p0}:7:1:y 0 <dump> REPLACE

The other store is empty when it begins, and a note says from then on that it is not whole
(psd/store/filling.py). What is broken off is begun anew: what was moved so far is deleted first.

Nobody may book in the first store meanwhile. Its servers count their changes, and a migration
during which they did is told to be none, and left with its note.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from psd.config import is_partition_count
from psd.errors import ConfigError, StoreUnavailableError
from psd.failpoints import reach
from psd.store.filling import Filling, pages_of
from psd.store.fitness import info_field, migration_problem, schema_problem
from psd.store.keys import (
    MIGRATION_KEY,
    PARTITIONS_KEY,
    SCHEMA_KEY,
    SCHEMA_VERSION,
    SCHEMAS_BEFORE,
)
from psd.store.lane import Command, Lane
from psd.store.moved_names import MovedNames
from psd.store.partitions import Partitions
from psd.store.routed import RoutedLane

POSITION = "at"
"""The field of an owner's years that is its position in columns."""


class Origin(msgspec.Struct, frozen=True):
    """What the first store says of itself; ``partitions`` is None up to version 3."""

    schema: str
    partitions: Partitions | None
    keys: int


class MovedKeys(msgspec.Struct):
    """How many keys are moved, how many of them under another tag, and how many are left."""

    keys: int = 0
    tagged: int = 0
    left: int = 0


async def origin_of(lane: RoutedLane) -> Origin:
    """What a store is; raises ConfigError for one that cannot be moved."""
    schema, held, note = (
        (reply or b"").decode(errors="replace")
        for reply in await lane.call_all(
            [("GET", SCHEMA_KEY), ("GET", PARTITIONS_KEY), ("GET", MIGRATION_KEY)]
        )
    )
    if schema and schema != SCHEMA_VERSION and schema not in SCHEMAS_BEFORE:
        problem = schema_problem(schema)
        raise ConfigError(f"--from: {problem.found}{problem.remedy}")
    if note:
        raise ConfigError(f"--from: {migration_problem(note)}")
    is_told = held.isdigit() and is_partition_count(int(held))
    if schema == SCHEMA_VERSION and not is_told:
        raise ConfigError(f"--from: {PARTITIONS_KEY}: the store does not hold its partitions")
    keys = sum([int(await each.call(("DBSIZE",))) for each in await lane.lanes()])
    return Origin(schema, Partitions(int(held)) if is_told else None, keys)


async def counted(lane: RoutedLane, names: MovedNames) -> MovedKeys:
    """What would be moved."""
    moved = MovedKeys()
    async for _, page in pages_of(lane):
        _count(moved, [(name, names.moved(name)) for name in page])
    return moved


class Migration:
    """Moves what is in the store of ``source`` into the one that is being filled.

    ``tell`` is called with the number of keys of each page.
    """

    def __init__(
        self, source: RoutedLane, filling: Filling, names: MovedNames, tell: Callable[[int], None]
    ) -> None:
        self._source = source
        self._filling = filling
        self._names = names
        self._tell = tell

    async def move(self) -> MovedKeys:
        """Move all keys; raises StoreUnavailableError where somebody wrote meanwhile."""
        moved, before = MovedKeys(), await _changes(self._source)
        async for at, page in pages_of(self._source):
            pairs = [(name, self._names.moved(name)) for name in page]
            _count(moved, pairs)
            await self._move(at, [(name, to) for name, to in pairs if to is not None])
            reach("migrated_page")
            self._tell(len(page))
        if await _changes(self._source) != before:
            raise StoreUnavailableError(
                "--from: the store was written to while it was moved, so what was moved is not "
                "whole; stop every psd on it, and run this once more"
            )
        return moved

    async def _move(self, at: Lane, pairs: list[tuple[bytes, bytes]]) -> None:
        asked: list[Command] = []
        for name, _ in pairs:
            asked += [("DUMP", name), ("PTTL", name)]
        replies = await at.call_all(asked)
        restored: list[Command] = []
        for (name, to), dump, lives_ms in zip(pairs, replies[::2], replies[1::2], strict=True):
            if dump is not None:
                restored.append(("RESTORE", to, max(lives_ms, 0), dump, "REPLACE"))
                if self._names.has_position(name):
                    restored.append(("HDEL", to, POSITION))
        await self._filling.put(restored)


def _count(moved: MovedKeys, pairs: list[tuple[bytes, bytes | None]]) -> None:
    moved.keys += sum(to is not None for _, to in pairs)
    moved.left += sum(to is None for _, to in pairs)
    moved.tagged += sum(to is not None and to != name for name, to in pairs)


async def _changes(lane: RoutedLane) -> dict[str, list[str]]:
    """What servers count of their changes, and since when."""
    told = await lane.each_node([("INFO", "persistence"), ("INFO", "server")])
    return {
        node: [
            info_field(persistence, "rdb_changes_since_last_save"),
            info_field(persistence, "rdb_last_save_time"),
            info_field(server, "run_id"),
        ]
        for node, (persistence, server) in told.items()
    }
