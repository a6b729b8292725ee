"""A store that is being filled, from another one or from a backup: no psd works with it meanwhile.

A note in it says where from (``psd:migration:{psd:schema}``). Processes that have worked with it
look at least every second (psd/store/standing.py), and so long is waited before it is looked
whether it is empty::

    SET psd:migration:{psd:schema} redis://10.0.0.7:6379/0 NX      everybody else waits from here on
    ...                                                            keys are restored
    DEL psd:migration:{psd:schema}                                 the store is whole

What is broken off leaves its note, and only the same origin goes on with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from psd.errors import ConfigError, StoreError
from psd.store.fitness import migration_problem
from psd.store.keys import MIGRATION_KEY, RETENTION_KEY, STORE_KEY, stream_key
from psd.store.lane import Command, Lane
from psd.store.moved_names import BEGUN
from psd.store.redis import Store
from psd.store.routed import RoutedLane
from psd.store.standing import LOOK_EVERY_S

SCAN_KEYS = 250
"""Keys of a trip: some 0.3 ms of each server where they are small."""

SETTLES_S = 2 * LOOK_EVERY_S
"""By then every process that works with a store has seen a note in it."""

OLDER = "DUMP payload version"

OF_ANY_BEGUN = BEGUN | {STORE_KEY.encode(), RETENTION_KEY.encode()}
"""What a psd that starts on a store may write into it before anything is booked."""

STREAMS = stream_key("").encode()
"""So begin the streams of queues, which whoever waits for a message makes anew, empty."""


class Filling:
    """Fills one store; ``origin`` tells where from, ``what`` is the word for it."""

    def __init__(self, store: Store, origin: str, what: str) -> None:
        self._store = store
        self._origin = origin
        self._what = what
        self.is_begun_anew = False

    async def begin(self, *, clears: bool) -> None:
        """Note that the store is being filled, and make sure that it has nothing else.

        With ``clears`` what one that was broken off has left is deleted. Raises ConfigError for a
        store that has something, or is being filled from elsewhere.
        """
        lane = self._store.writes
        note: Command = ("SET", MIGRATION_KEY, self._origin, "NX")
        is_new, held = await lane.call_all([note, ("GET", MIGRATION_KEY)])
        if held.decode(errors="replace") != self._origin:
            raise ConfigError(f"redis.url: {migration_problem(held.decode(errors='replace'))}")
        self.is_begun_anew = not is_new
        if self.is_begun_anew and not clears:
            return
        await asyncio.sleep(SETTLES_S)
        async for at, page in pages_of(lane):
            found = await _holding(at, page)
            if found and is_new:
                await lane.call(("DEL", MIGRATION_KEY))
                raise self._not_empty(found[0])
            await at.call_all([("UNLINK", name) for name in found])

    async def check_empty(self, lane: RoutedLane) -> None:
        """Raise ConfigError where :meth:`begin` would, and write nothing."""
        held = (await lane.call(("GET", MIGRATION_KEY)) or b"").decode(errors="replace")
        if held == self._origin:
            return
        if held:
            raise ConfigError(f"redis.url: {migration_problem(held)}")
        async for at, page in pages_of(lane):
            for name in await _holding(at, page):
                raise self._not_empty(name)

    async def put(self, commands: Sequence[Command]) -> None:
        """Restore keys; raises ConfigError where the server cannot read them."""
        try:
            await self._store.writes.call_all(commands)
        except StoreError as error:
            if OLDER not in str(error):
                raise
            raise ConfigError(
                "redis.url: the server is older than the one that the keys come from, or another "
                "kind, and cannot read what that one writes"
            ) from error

    async def end(self) -> None:
        """The store is whole: whoever wants to may work with it."""
        await self._store.writes.call(("DEL", MIGRATION_KEY))

    def _not_empty(self, name: bytes) -> ConfigError:
        key = name.decode(errors="backslashreplace")
        return ConfigError(
            f"redis.url: the store is not empty: it has {key}; a {self._what} begins in an empty "
            "one"
        )


async def _holding(lane: Lane, names: Sequence[bytes]) -> list[bytes]:
    """Those that a psd without any data would not have. 1 trip more where there are streams."""
    found = [name for name in names if name not in OF_ANY_BEGUN]
    streams = [name for name in found if name.startswith(STREAMS)]
    lengths = await lane.call_all([("XLEN", name) for name in streams]) if streams else []
    empty = {name for name, length in zip(streams, lengths, strict=True) if length == 0}
    return [name for name in found if name not in empty]


async def pages_of(lane: RoutedLane) -> AsyncIterator[tuple[Lane, list[bytes]]]:
    """The names of psd's keys, some hundred of one server at a time; one may come twice."""
    for each in await lane.lanes():
        cursor = b"0"
        while True:
            asked: Command = ("SCAN", cursor, "MATCH", "psd:*", "COUNT", SCAN_KEYS)
            cursor, names = await each.call(asked)
            yield each, names
            if cursor == b"0":
                break
