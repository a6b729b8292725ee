r"""Takes over a store whose version does not tell its shapes, once, or refuses it.

Until version 3 the number did not rise with each changed shape, and whoever opened a store wrote
``2`` over a ``1``. So one that says 1 or 2, or nothing, is looked through: every key by its name,
and by its content where the first shapes had another one::

    psd:{7}:1:i:2416                   issuance weeks in keys of their own
    psd:{7}:1:y         2016:0 = 9:2   parts of types with their counts
    psd:{7}:1:l:201604                 a month's leaf of more than 128 bookings
    psd:{7}:1:d:201604  12:0 = 9       parts of types among the days

This psd would answer wrong of each, so the store is refused; ``psd verify --repair`` writes all of
it anew, from the reports of activities, whose shape was always the same. Everything since is read
as it stands, and moves with its next write (docs/architecture.md has the list). Then the store is
marked with version 3, and from there on the number tells.

A store of more than KEYS_MAX is not looked through while a process waits to start: a repair does
it.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from psd.errors import PsdError
from psd.store.keys import (
    LEFTOVERS,
    SCHEMA_KEY,
    SCHEMA_VERSION,
    SCHEMAS_BEFORE,
    owner_shard,
    owners_key,
)
from psd.store.lane import Command, Lane
from psd.store.routed import RoutedLane

log = logging.getLogger(__name__)

KEYS_MAX = 1_000_000
"""Some 15 s: 440,000 keys of 20,000 owners took 4 to 7 s, no command longer than 2 ms."""

AGAIN_AFTER_S = 60.0
"""A store that could not be taken over may be another one by then."""

SCAN_KEYS = 1_000

MONTH_BOOKINGS = 128
"""A leaf of a month has no more (lua/lib/units.lua); at first it had up to 512."""

_YEARS = re.compile(r"psd:(?:c:)?\{[^{}]*\}:\d+:y")
_YEARS_OF_OWNER = re.compile(r"psd:\{(-?\d{1,19})\}:(\d{1,9}):y")
_DAYS = re.compile(r"psd:(?:c:)?\{[^{}]*\}:\d+:d:\d{6}")
_MONTH_LEAF = re.compile(r"psd:(?:c:)?\{[^{}]*\}:\d+:l:\d{6}")
_ISSUANCE_WEEK = re.compile(r"psd:(?:c:)?\{[^{}]*\}:\d+:i:-?\d+")
_LEFTOVER = re.compile(LEFTOVERS)

_WIDTHS = (1, 2, 4, 8)
_LEAF_CODES = range(64, 128)
_SECONDS_BYTES = 3

REMEDY = "stop every psd that uses it and run `psd verify --repair`, which writes all of it anew"


class Takeover:
    """The looking through of one process: at most one at a time, beside whatever else goes on."""

    def __init__(self, open_lane: Callable[[], AbstractAsyncContextManager[RoutedLane]]) -> None:
        self.misread = ""
        """Why the store cannot be worked with, once that is known."""

        self._open_lane = open_lane
        self._task: asyncio.Task[None] | None = None
        self._began_at_s = 0.0

    def begin(self) -> None:
        """Look through the store, unless that is under way or has just come to no good end."""
        if self._task is not None and not self._task.done():
            return
        now_s = time.monotonic()
        if not self.misread or now_s - self._began_at_s >= AGAIN_AFTER_S:
            self._began_at_s = now_s
            self._task = asyncio.create_task(self._run(), name="takeover")

    async def ended(self) -> None:
        """Wait for the end of what is under way."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def close(self) -> None:
        """Break off what is under way."""
        if self._task is not None:
            self._task.cancel()
        await self.ended()

    async def _run(self) -> None:
        try:
            async with self._open_lane() as lane:
                self.misread = await take_over(lane)
        except PsdError as error:
            # The next connection that finds the store as it was begins anew.
            log.warning("the store could not be looked through", extra={"reason": str(error)})


async def take_over(lane: RoutedLane) -> str:
    """Mark a store of an older version, or of none, with this one; any other is left as it is.

    Why it cannot be, where it has shapes that this psd would misread, or is too large to be looked
    through now; else an empty text. Owners whom the index lacks are in it afterwards.
    """
    version = await _version(lane)
    if version is None:
        return ""
    seen, left = 0, set[str]()
    async for names in _pages(lane):
        seen += len(names)
        left.update(name for name in names if _LEFTOVER.fullmatch(name))
        if seen > KEYS_MAX:
            found = f"more than {KEYS_MAX:,} keys that may have shapes"
        else:
            found = await _found_in(lane, names)
        if found:
            return f"{version}, and {found} that this psd would misread; {REMEDY}"
    await _mark(lane, left)
    return ""


async def mark(lane: RoutedLane) -> None:
    """Mark a store that has no shapes left which this psd would misread."""
    left = {name async for names in _pages(lane) for name in names if _LEFTOVER.fullmatch(name)}
    await _mark(lane, left)


async def _mark(lane: RoutedLane, leftovers: Iterable[str]) -> None:
    unlinks: list[Command] = [("UNLINK", name) for name in leftovers]
    await lane.call_all([*unlinks, ("SET", SCHEMA_KEY, SCHEMA_VERSION)])


async def _version(lane: RoutedLane) -> str | None:
    """What the store says of itself, in words; None where the number tells its shapes."""
    held = await lane.call(("GET", SCHEMA_KEY))
    if held is None:
        return f"{SCHEMA_KEY}: the store holds no version"
    version = held.decode(errors="replace")
    return f"{SCHEMA_KEY}: the store holds version {version}" if version in SCHEMAS_BEFORE else None


async def _pages(lane: RoutedLane) -> AsyncIterator[list[str]]:
    """The names of all keys of psd, some thousand at a time; one may come twice."""
    for each in await lane.lanes():
        async for names in _pages_of(each):
            yield names


async def _pages_of(lane: Lane) -> AsyncIterator[list[str]]:
    cursor = b"0"
    while True:
        cursor, names = await lane.call(("SCAN", cursor, "MATCH", "psd:*", "COUNT", SCAN_KEYS))
        # What is no UTF-8 was not written by psd, and comes out as a name that no pattern has.
        yield [name.decode(errors="backslashreplace") for name in names]
        if cursor == b"0":
            return


async def _found_in(lane: RoutedLane, names: Sequence[str]) -> str:
    """A shape of before among these keys, in words; empty where there is none."""
    for name in names:
        if _ISSUANCE_WEEK.fullmatch(name):
            return f"{name}: an issuance week in a key of its own,"
    asked = [(name, *question) for name in names if (question := _question(name))]
    replies = await lane.call_each([command for _, command, _ in asked])
    index = [owners for name in names if (owners := _place_in_index(name))]
    await lane.call_all(index)
    for (name, _, read), reply in zip(asked, replies, strict=True):
        if found := read(_told(reply)):
            return f"{name}: {found},"
    return ""


def _question(name: str) -> tuple[Command, Callable[[Any], str]] | None:
    """What tells whether a key has a shape of before, and what reads that out of the reply."""
    if _YEARS.fullmatch(name):
        return ("HGETALL", name), _found_in_years
    if _DAYS.fullmatch(name):
        return ("HKEYS", name), _found_in_days
    return (("GET", name), _found_in_leaf) if _MONTH_LEAF.fullmatch(name) else None


def _told(reply: Any) -> Any:
    """The reply; of a key of another type, which is none of psd, nothing."""
    if not isinstance(reply, Exception):
        return reply
    if "WRONGTYPE" in str(reply):
        return b""
    raise reply


def _place_in_index(name: str) -> Command | None:
    """Puts an owner into the index who was booked before there was one."""
    match = _YEARS_OF_OWNER.fullmatch(name)
    if match is None:
        return None
    uid, thing = int(match[1]), int(match[2])
    return ("SADD", owners_key(owner_shard(uid), thing), uid)


def _found_in_years(flat: Sequence[bytes]) -> str:
    parts = zip(flat[::2], flat[1::2], strict=True)
    part = next((field for field, value in parts if b":" in field and b":" in value), None)
    return "" if part is None else f"the part {part.decode()} with a count of its own"


def _found_in_days(fields: Sequence[bytes]) -> str:
    part = next((field for field in fields if b":" in field), None)
    return "" if part is None else f"the part {part.decode()} of a type among the days"


def _found_in_leaf(leaf: bytes) -> str:
    if not leaf or leaf[0] not in _LEAF_CODES:
        return ""
    code = leaf[0] - _LEAF_CODES.start
    widths = sum(_WIDTHS[part] for part in (code // 16, code // 4 % 4, code % 4))
    bookings = (len(leaf) - 1) // (_SECONDS_BYTES + widths)
    return f"{bookings} bookings in the leaf of a month" if bookings > MONTH_BOOKINGS else ""
