"""One owner's keys of one thing as they stood at one moment, and writes that only hit that moment.

Keys are read in a few trips under WATCH; an empty MULTI/EXEC afterwards tells whether any of
them changed meanwhile::

    WATCH psd:{p0}:7:1:y psd:{p0}:7:1:a:0   HGETALL ...  GET ...       one trip
    HGETALL psd:{p0}:7:1:w:2016:1                                   what the first did not know of
    MULTI  EXEC                                                  nil: it changed, read again

Not every key is watched, because a server looks through all keys that a connection watches
with each new one. Whatever books writes the year totals (a sum changes) or the activity's
shard or directory (a report that books 0), so these few are enough. A withdrawal writes the
activity's shard with the owner's log, which is read before the others for that reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import msgspec

from psd.audit.holdings import Bucket, Content, Holdings, weight_of
from psd.audit.layout import (
    DAY_S,
    Limits,
    Place,
    day_of,
    issuance_place,
    shard_count,
)
from psd.audit.true_totals import days_of
from psd.engine.withdrawal import log_entries, whole_log
from psd.errors import StoreError
from psd.slices import ROWS_AT_ONCE, beside_the_loop
from psd.store.lane import Command, Lane

WRONG_TYPE = "WRONGTYPE"


class Snapshot(msgspec.Struct):
    """What was read; ``foreign`` keys hold another type than psd writes there."""

    held: Holdings
    foreign: list[str]
    is_log_foreign: bool = False


class Watcher:
    """Reads and writes on a lane of its own, one owner and thing at a time."""

    def __init__(self, lane: Lane, limits: Limits) -> None:
        self.lane = lane
        self._limits = limits

    async def read(self, prefix: str, suffixes: Iterable[str]) -> Snapshot:
        """The keys with these suffixes and all that these lead to; they are watched from now."""
        return await self._read(prefix, suffixes, at_once=False)

    async def read_at_once(self, prefix: str, suffixes: Iterable[str]) -> Snapshot:
        """The same in one transaction, for an owner that is booked on all the time.

        Holds the server for as long as all its keys take: some 10 us each.
        """
        return await self._read(prefix, suffixes, at_once=True)

    async def is_unchanged(self) -> bool:
        """Whether what was read still stands; ends the watch."""
        return await self.write([])

    async def write(self, commands: Sequence[Command]) -> bool:
        """Write all of it, or nothing and return False when what was read has changed."""
        replies = await self.lane.call_all([("MULTI",), *commands, ("EXEC",)])
        done = replies[-1]
        if done is None:
            return False
        failed = next((reply for reply in done if isinstance(reply, Exception)), None)
        if failed is not None:
            raise StoreError(f"redis: {failed}")
        return True

    async def _read(self, prefix: str, suffixes: Iterable[str], at_once: bool) -> Snapshot:
        logged = await self._logged(prefix)
        contents: dict[str, Content] = {}
        known: set[str] = set()
        foreign: set[str] = set()
        missing = {"y", *suffixes}
        while missing:
            known |= missing
            read = sorted(known) if at_once else sorted(missing)
            if at_once:
                # All is read again: what an earlier round read may be gone since.
                contents, foreign = {}, set()
            for suffix, reply in zip(read, await self._replies(prefix, read, at_once), strict=True):
                if isinstance(reply, Exception):
                    if WRONG_TYPE not in str(reply):
                        raise reply
                    foreign.add(suffix)
                elif reply:
                    contents[suffix] = _content(reply)
            held = await beside_the_loop(
                weight_of(contents), partial(Holdings.of, contents), ROWS_AT_ONCE
            )
            missing = set(_leads_to(held, self._limits)) - known
        held.logged = logged or frozenset()
        return Snapshot(held, sorted(foreign), is_log_foreign=logged is None)

    async def _logged(self, prefix: str) -> frozenset[int] | None:
        """Activities of the thing that the owner's log calls withdrawn; None when it is no log."""
        root, thing, _ = prefix.rsplit(":", 2)
        [reply] = await self.lane.call_each([whole_log(root)])
        if isinstance(reply, Exception):
            if WRONG_TYPE not in str(reply):
                raise reply
            return None
        return frozenset(each.aid for each in log_entries(reply) if int(thing) in each.things)

    async def _replies(self, prefix: str, suffixes: Sequence[str], at_once: bool) -> list[Any]:
        reads: list[Command] = [(_read_verb(suffix), prefix + suffix) for suffix in suffixes]
        if at_once:
            replies = await self.lane.call_all([("MULTI",), *reads, ("EXEC",)])
            at_one_moment: list[Any] = replies[-1]
            return at_one_moment
        gates = [prefix + suffix for suffix in suffixes if _is_gate(suffix)]
        if not gates:
            return await self.lane.call_each(reads)
        watched, *replies = await self.lane.call_each([("WATCH", *gates), *reads])
        if isinstance(watched, Exception):
            raise watched
        return replies


def _read_verb(suffix: str) -> str:
    is_string = suffix[0] == "l" or (suffix[0] == "r" and suffix.count(":") == 2)
    return "GET" if is_string else "HGETALL"


def _is_gate(suffix: str) -> bool:
    return suffix[0] in "ya" or (suffix[0] == "r" and suffix.count(":") == 1)


def _content(reply: Any) -> Content:
    if isinstance(reply, bytes):
        return reply
    return dict(zip(reply[::2], reply[1::2], strict=True))


def _leads_to(held: Holdings, limits: Limits) -> Iterator[str]:
    """Suffixes of the keys that must be there because of what others hold."""
    for place, bucket in held.buckets.items():
        if bucket.count:
            yield from _below(place, bucket, limits)
    for number in range(shard_count(held.activity_count or 0, limits)):
        yield f"a:{number}"
    for aid, activity in held.activities.items():
        if activity.packed == b"":
            yield f"r:{aid}"
        for hour in activity.directory or ():
            if hour.removeprefix(b"-").isdigit():
                yield f"r:{aid}:{int(hour)}"


def _below(place: Place, bucket: Bucket, limits: Limits) -> Iterator[str]:
    key, field = place
    if not field.isdigit():
        return
    match key[0]:
        case "y":
            yield f"m:{int(field):04d}"
        case "m":
            month = f"{key[2:]}{int(field):02d}"
            yield from (f"d:{month}", f"d:{month}:t", f"l:{month}")
        case "d":
            day = f"{key[2:]}{int(field):02d}"
            yield f"h:{day}" if bucket.count > limits.day_bookings else f"l:{day}"
            yield from _weeks(place)
        case "h":
            hour = f"{key[2:]}{int(field):02d}"
            yield f"n:{hour}" if bucket.count > limits.hour_bookings else f"l:{hour}"
        case "n":
            minute = f"{key[2:]}{int(field):02d}"
            # One leaf of a minute may have more where schema 1 wrote it (lua/lib/units.lua).
            yield from (f"s:{minute}", f"l:{minute}")
        case "s":
            second = f"{key[2:]}{int(field):02d}"
            yield f"b:{second}" if bucket.count > limits.second_bookings else f"l:{second}"


def _weeks(place: Place) -> Iterator[str]:
    try:
        [number] = days_of(place)
    except (ValueError, OverflowError):
        return
    yield day_of(number).week_key
    yield issuance_place(number * DAY_S)[0]
