"""Copies what a store holds at one moment, while everybody goes on writing to it.

Every key is read once, in the order of SCAN. Meanwhile the servers tell which keys change
(psd/store/changed_keys.py), and these are read again, until few are left. Then whoever writes is
held for a moment, the last ones are read, and where nothing changed from the last look before that
to the first one behind it, the copy is what the store held in between, all servers together::

    07:00:00  1,000,000 keys are read        41,200 have changed meanwhile
    07:00:40  41,200 are read again          1,690 have
    07:00:42  1,690 are read again           204 have
    07:00:42  held; 204 are read, 9 ms       0 have: this is the moment

Where the user may not hold anybody, the last step is tried until no one happens to write. A server
that is lost, or a slot that moves to another one, ends the copy, and it is begun anew by the next.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec

from psd.backup.copied_keys import CopiedKey
from psd.errors import StoreUnavailableError
from psd.failpoints import reach
from psd.store.changed_keys import ChangedKeys, changed_keys_of
from psd.store.fitness import role_problem
from psd.store.keys import OWNER_TAG
from psd.store.lane import Command, Lane
from psd.store.moved_names import OF_A_STORE
from psd.store.redis import Store

OWNERS_KEYS = 250
"""Keys of a trip: those of owners are small by design, at most some 100 kB."""

OTHER_KEYS = 8
"""Columns, streams and sets may have megabytes each."""

CHANGED_MAX = 100_000
"""So many names of changed keys are kept, some 10 MB; then they are read again at once."""

FEW = 2_000
"""So many are read while everybody is held: some 50 ms."""

SHRINKS = 0.7
"""Once a round leaves more than this of what the one before left, another one would not help."""

FREE_TRIES = 2
"""Before anybody is held: a store that is idle is copied without."""

TRIES = 40
AGAIN_AFTER_S = 0.02

_OWNERS = re.compile(rf"psd:\{{{OWNER_TAG}\}}:.+".encode(), re.DOTALL)

Write = Callable[[Sequence[CopiedKey]], None]


class Pace:
    """At most so many keys a second; 0 is as fast as it goes."""

    def __init__(self, keys_s: float) -> None:
        self._keys_s = keys_s
        self._due_s = 0.0

    async def took(self, keys: int) -> None:
        """Return when as many may have been read; what was late is not made up for."""
        if not self._keys_s:
            return
        now_s = time.monotonic()
        self._due_s = max(self._due_s, now_s) + keys / self._keys_s
        await asyncio.sleep(self._due_s - now_s)


class Copied(msgspec.Struct):
    """What a copy came to; ``as_of_ms`` is by the store's clock."""

    keys: int = 0
    read_again: int = 0
    held_ms: int = 0
    as_of_ms: int = 0


class StoreCopy:
    """One copy; ``write`` takes what is read, ``tell`` hears of numbers of keys."""

    def __init__(
        self, store: Store, write: Write, tell: Callable[[int], None], pace: Pace | None = None
    ) -> None:
        self._store = store
        self._write = write
        self._tell = tell
        self._pace = pace or Pace(0)
        self._copied = Copied()

    async def run(self) -> Copied:
        """Copy everything; raises StoreUnavailableError where that cannot be of one moment."""
        async with self._servers() as servers:
            for server in servers:
                await self._read_all(server)
            await self._read_until_few(servers)
            await self._settle(servers)
        return self._copied

    @asynccontextmanager
    async def _servers(self) -> AsyncIterator[list[_Server]]:
        lane = self._store.new_lane()
        lanes = await lane.lanes()
        timeout_s = self._store.settings.timeout_s
        changed = changed_keys_of(self._store.cluster, timeout_s)
        servers = [_Server(each, keys) for each, keys in zip(lanes, changed, strict=True)]
        try:
            for server in servers:
                await server.changed.begin()
            yield servers
        finally:
            for server in servers:
                await server.changed.close()
            await lane.close()

    async def _read_all(self, server: _Server) -> None:
        async for names in server.pages():
            self._copied.keys += await self._read(server, names)
            reach("copied_page")
            await self._pace.took(len(names))
            await server.changed.heard()
            if len(server.changed) > CHANGED_MAX:
                await self._read_again([server])

    async def _read_until_few(self, servers: Sequence[_Server]) -> None:
        before = float("inf")
        while (left := await _left(servers)) > FEW and left < before * SHRINKS:
            before = left
            await self._read_again(servers)
            await self._pace.took(left)

    async def _read_again(self, servers: Sequence[_Server]) -> None:
        for server in servers:
            names = server.changed.take()
            await self._read(server, names)
            self._copied.read_again += len(names)

    async def _settle(self, servers: Sequence[_Server]) -> None:
        """Read the last ones so that all is of one moment."""
        for number in range(TRIES):
            async with _held(servers, tries=number >= FREE_TRIES) as hold:
                await _left(servers)
                await self._read_again(servers)
                now_ms = await self._store.time_ms()
                is_exact = not await _left(servers)
            self._copied.held_ms = max(self._copied.held_ms, hold.took_ms)
            if is_exact:
                await _check_roles(servers)
                self._copied.as_of_ms = now_ms
                return
            await asyncio.sleep(AGAIN_AFTER_S)
        raise StoreUnavailableError(
            "redis: the store is written to without a pause, and its user may not hold that for a "
            "moment: give it CLIENT PAUSE (docs/security.md), or run this when less is booked"
        )

    async def _read(self, server: _Server, names: Sequence[bytes]) -> int:
        """Read keys and write them down; how many."""
        wanted = [name for name in names if name not in OF_A_STORE]
        owners = [name for name in wanted if _OWNERS.fullmatch(name)]
        others = [name for name in wanted if not _OWNERS.fullmatch(name)]
        for few, each in ((OWNERS_KEYS, owners), (OTHER_KEYS, others)):
            for start in range(0, len(each), few):
                self._write(await server.read(each[start : start + few]))
        self._tell(len(wanted))
        return len(wanted)


class _Server(msgspec.Struct):
    """One server of the store."""

    lane: Lane
    changed: ChangedKeys

    async def pages(self) -> AsyncIterator[list[bytes]]:
        """The names of psd's keys; one may come twice."""
        cursor = b"0"
        while True:
            asked: Command = ("SCAN", cursor, "MATCH", "psd:*", "COUNT", OWNERS_KEYS)
            cursor, names = await self.lane.call(asked)
            yield names
            if cursor == b"0":
                return

    async def read(self, names: Sequence[bytes]) -> list[CopiedKey]:
        """What keys hold, and until when; what is gone without a dump."""
        asked: list[Command] = [("TIME",)]
        for name in names:
            asked += [("PTTL", name), ("DUMP", name)]
        (seconds, micros), *replies = await self.lane.call_all(asked)
        now_ms = int(seconds) * 1000 + int(micros) // 1000
        return [
            CopiedKey(name, now_ms + max(lives_ms, 1) if lives_ms >= 0 else 0, dump or b"")
            for name, lives_ms, dump in zip(names, replies[::2], replies[1::2], strict=True)
        ]


class _Hold:
    """Whether whoever writes is held, and for how long it was."""

    def __init__(self) -> None:
        self.began_s = 0.0
        self.took_ms = 0


@asynccontextmanager
async def _held(servers: Sequence[_Server], *, tries: bool) -> AsyncIterator[_Hold]:
    """Hold whoever writes to any of the servers, if that may be done."""
    hold = _Hold()
    held: list[_Server] = []
    try:
        if tries:
            hold.began_s = time.monotonic()
            held = [server for server in servers if await server.changed.hold()]
        yield hold
    finally:
        for server in held:
            await server.changed.release()
        if held:
            hold.took_ms = round((time.monotonic() - hold.began_s) * 1000)


async def _left(servers: Sequence[_Server]) -> int:
    """How many keys have changed since they were read."""
    for server in servers:
        await server.changed.heard()
    return sum(len(server.changed) for server in servers)


async def _check_roles(servers: Sequence[_Server]) -> None:
    for server in servers:
        if problem := role_problem(await server.lane.call(("INFO", "replication"))):
            raise StoreUnavailableError(f"redis: {problem}; run this once more")
