"""The original daemon's layout and access pattern, as a baseline.

An event is five hashes ``hz:<thing>:<uid>:<bucket>`` (year, month, day, hour, minute) with
fields ``<finer bucket>:<atid>:<aid>``; each write first reads the activity's sum in the
report's window (HGETALL of every hash in the window), then increments in MULTI/EXEC and
renews a lifetime of 90 days. A sum reads each hash of the range whole and filters.

Two ways to do it: :class:`OriginalLayout` in Lua on the server, which spares the layout every
round trip and is what psd's Redis time is compared with, and :func:`write_event` and
:func:`read_sum` with the client round trips of the original.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from redis.asyncio import Redis

from bench.model import Answer
from bench.peers.original_plan import digits, original_plan
from psd.engine.events import Report
from psd.engine.plan import Range

LIFETIME_S = 7_776_000
LEVELS = ((4, 6), (6, 8), (8, 10), (10, 12), (12, 14))
"""Digits of the hash's bucket and of its field, per level."""

FOLDER = Path(__file__).parent


class OriginalLayout:
    """Booking and sums by one script call each."""

    name = "original"

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self._redis = Redis(unix_socket_path=str(socket))
        self._book = self._redis.register_script((FOLDER / "original.lua").read_text())
        self._sums = self._redis.register_script((FOLDER / "original_sums.lua").read_text())

    async def book(self, reports: Sequence[Report]) -> None:
        """All reports in one call."""
        packed = [
            (
                _prefix(report.thing, report.uid),
                digits(report.ts2),
                str(report.atid),
                str(report.aid),
                report.value,
                original_plan(report.ts1, report.ts2 + 1),
            )
            for report in reports
        ]
        await self._book(args=[msgspec.msgpack.encode(packed), LIFETIME_S])

    async def sums(
        self, uids: Sequence[int], things: Sequence[int], range_: Range, *, activities: bool = False
    ) -> list[Answer]:
        """Sums (and activities) of each user, in one call."""
        users = [[_prefix(thing, uid) for thing in things] for uid in uids]
        request = msgspec.msgpack.encode((users, original_plan(range_.start, range_.end)))
        rows = await self._sums(args=[request, int(activities)])
        return [_answer(things, [int(cell) for cell in row]) for row in rows]

    async def close(self) -> None:
        """Leave the server."""
        await self._redis.aclose()


async def write_event(redis: Redis, report: Report) -> None:
    """Book one report as the original does: read, then MULTI; two round trips."""
    prefix = _prefix(report.thing, report.uid)
    aid = str(report.aid)
    delta = report.value - await _read(
        redis, prefix, Range(report.ts1, report.ts2 + 1), field_end=f":{aid}"
    )
    if delta == 0:
        return
    second = digits(report.ts2)
    async with redis.pipeline(transaction=True) as multi:
        for bucket_chars, field_chars in LEVELS:
            key = prefix + second[:bucket_chars]
            multi.hincrby(key, f"{second[:field_chars]}:{report.atid}:{aid}", delta)
            multi.expire(key, LIFETIME_S)
        await multi.execute()


async def read_sum(redis: Redis, uid: int, thing: int, range_: Range) -> int:
    """The sum of one range as the original reads it: one pipeline of HGETALL."""
    return await _read(redis, _prefix(thing, uid), range_)


async def _read(redis: Redis, prefix: str, range_: Range, field_end: str = "") -> int:
    plan = original_plan(range_.start, range_.end)
    if not plan:
        return 0
    async with redis.pipeline(transaction=False) as pipeline:
        for bucket, _, _ in plan:
            pipeline.hgetall(prefix + bucket)
        hashes = await pipeline.execute()
    total = 0
    ending = field_end.encode()
    for (_, first, last), fields in zip(plan, hashes, strict=True):
        low, high, chars = first.encode(), last.encode(), len(first)
        for field, delta in fields.items():
            if low <= field[:chars] <= high and field.endswith(ending):
                total += int(delta)
    return total


def _prefix(thing: int, uid: int) -> str:
    return f"hz:{thing}:{uid}:"


def _answer(things: Sequence[int], row: Sequence[int]) -> Answer:
    listed = row[len(things) :]
    sums = dict(zip(things, row, strict=False))
    return Answer(sums, dict(zip(listed[::2], listed[1::2], strict=True)))
