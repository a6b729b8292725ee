"""The engine as the server, the workers and the domains use it: book, sum, count.

One instance serves one event loop. Every method raises
:class:`~psd.errors.StoreUnavailableError` when Redis does not answer in time.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgpack
import msgspec

from psd.clock import Clock
from psd.config import Settings
from psd.engine.booking import (
    COUNT_THING,
    OUTCOMES,
    Call,
    Outcome,
    calls_for,
    lifetimes,
    reports_kept_s,
)
from psd.engine.events import Event, Report
from psd.engine.plan import Levels, Range, plan_range
from psd.errors import (
    DetailExpiredError,
    OutOfBoundsError,
    StoreError,
    StoreUnavailableError,
    TooLateError,
)
from psd.observe.metrics import Metrics
from psd.store.codec import pack_id, unpack_ids
from psd.store.keys import count_root, owner_root
from psd.store.lane import Command
from psd.store.redis import Store
from psd.store.scripts import load_script

__all__ = ["Engine", "Outcome", "OwnerSums"]

PAGE_OWNERS_MAX = 100
"""Owners of one script call, so that a call holds Redis for a few milliseconds."""


class OwnerSums(msgspec.Struct, frozen=True):
    """Sums by thing number; ``activities`` maps aid to the atid of its earliest booking."""

    sums: dict[int, int]
    activities: dict[int, int]


class Engine:
    """Books events into the buckets and sums them over ranges."""

    def __init__(self, store: Store, settings: Settings, clock: Clock, metrics: Metrics) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._book = load_script("engine.book")
        self._sum = load_script("engine.sum")
        self._collect = load_script("engine.collect")
        self._activity_sum = load_script("engine.activity_sum")
        self._lifetimes = lifetimes(settings.retention, settings.booking)
        self._kept_s = reports_kept_s(settings.retention)
        self._activity_kept_s = settings.retention.activity_s
        self._marker_key = settings.booking.marker_key.encode()
        self._redis = settings.redis
        self._levels = Levels(
            months_expire=settings.retention.month_s > 0,
            weeks_expire=settings.retention.week_s > 0,
            days_expire=settings.retention.day_s > 0,
        )

    async def book(self, events: Sequence[Event]) -> list[Outcome]:
        """Book events; outcomes by position.

        All in one trip, a few owners to a script call.

        Safe to repeat with the same events after an error: what was booked is found unchanged
        or duplicate. Returns once the writes are kept as the configured durability says.
        """
        outcomes: list[Outcome] = [OUTCOMES[0]] * len(events)
        positions = self._bookable(events, outcomes)
        calls = calls_for(events, positions, self._marker_key)
        commands: list[Command] = [
            (
                "EVALSHA",
                self._book.sha,
                len(call.roots),
                *call.roots,
                call.packed(),
                self._lifetimes,
            )
            for call in calls
        ]
        started = time.perf_counter()
        replies = await self._store.writes.call_all([*commands, *self._waits(commands)])
        self._metrics.script_seconds.labels(self._book.name).observe(time.perf_counter() - started)
        self._check_replicas(replies, len(commands))
        for call, codes in zip(calls, replies, strict=False):
            _place(call, codes, outcomes)
        self._count(outcomes)
        return outcomes

    async def sums(
        self,
        uids: Sequence[int],
        things: Sequence[int],
        ranges: Sequence[Range],
        *,
        atid: int | None = None,
        activities: bool = False,
    ) -> list[OwnerSums]:
        """Sums of each thing for each owner over the range at the owner's position.

        One script call per distinct range and page of owners, all in one trip. Raises
        :class:`~psd.errors.DetailExpiredError` when a range needs buckets that have expired.
        """
        return await self._roots_sums(
            [owner_root(uid) for uid in uids], things, ranges, atid, activities
        )

    async def counts(self, names: Sequence[str], range_: Range) -> list[int]:
        """The sum of each count over one range, by position."""
        found = await self._roots_sums(
            [count_root(name) for name in names], [COUNT_THING], [range_] * len(names), None, False
        )
        return [owner.sums[COUNT_THING] for owner in found]

    async def activity_sum(
        self, uid: int, thing: int, aid: int, range_: Range, atid: int | None = None
    ) -> int:
        """Sum of one activity's bookings over a range. One script call."""
        within = range_.clamped()
        if self._activity_kept_s and within.start < self._clock.now_s() - self._activity_kept_s:
            raise DetailExpiredError(
                f"start: {within.start} is before what is kept of single activities "
                f"({self._activity_kept_s} s)",
                "second",
            )
        reply = await self._store.run(
            self._activity_sum,
            owner_root(uid),
            thing,
            pack_id(aid),
            within.start,
            within.end,
            _packed_or_empty(atid),
        )
        return int(reply)

    async def _roots_sums(
        self,
        roots: Sequence[str],
        things: Sequence[int],
        ranges: Sequence[Range],
        atid: int | None,
        activities: bool,
    ) -> list[OwnerSums]:
        pages: list[tuple[list[int], Command]] = []
        places_by_range: dict[Range, list[int]] = defaultdict(list)
        for place, range_ in enumerate(ranges):
            places_by_range[range_.clamped()].append(place)
        for range_, places in places_by_range.items():
            for start in range(0, len(places), PAGE_OWNERS_MAX):
                page = places[start : start + PAGE_OWNERS_MAX]
                owners = [roots[place] for place in page]
                pages.append((page, self._sum_command(owners, things, range_, atid, activities)))
        started = time.perf_counter()
        try:
            replies = await self._store.reads.call_all([command for _, command in pages])
        except StoreError as exc:
            if "PSD_OUT_OF_BOUNDS" in str(exc):
                raise OutOfBoundsError("sum: the range adds up past +-(2^53 - 1)") from exc
            raise
        name = (self._collect if activities else self._sum).name
        self._metrics.script_seconds.labels(name).observe(time.perf_counter() - started)
        found: list[OwnerSums] = [OwnerSums({}, {})] * len(roots)
        for (page, _), reply in zip(pages, replies, strict=True):
            _check_whole(reply[0])
            _place_sums(page, reply, things, activities, found)
        return found

    def _sum_command(
        self,
        roots: Sequence[str],
        things: Sequence[int],
        range_: Range,
        atid: int | None,
        activities: bool,
    ) -> Command:
        packed_things = msgpack.packb(list(things))
        if activities:
            return (
                "EVALSHA",
                self._collect.sha,
                len(roots),
                *roots,
                range_.start,
                range_.end,
                packed_things,
                _packed_or_empty(atid),
            )
        plan = plan_range(range_, self._levels)
        arguments = (plan, packed_things, _packed_or_empty(atid))
        return ("EVALSHA", self._sum.sha, len(roots), *roots, *arguments)

    def _bookable(self, events: Sequence[Event], outcomes: list[Outcome]) -> Sequence[int]:
        """Positions to book; with a retention of reports, older ones are refused in outcomes."""
        if not self._kept_s:
            return range(len(events))
        oldest = self._clock.now_s() - self._kept_s
        positions = []
        for position, event in enumerate(events):
            start = event.ts1 if isinstance(event, Report) else event.ts
            if start >= oldest:
                positions.append(position)
                continue
            reason = f"ts1: {start} is before what is kept of reports ({self._kept_s} s)"
            outcomes[position] = Outcome("refused", TooLateError(reason))
        return positions

    def _waits(self, commands: Sequence[Command]) -> list[Command]:
        if self._redis.durability != "replicated" or not commands:
            return []
        return [("WAIT", self._redis.replicas, self._redis.replica_timeout_ms)]

    def _check_replicas(self, replies: Sequence[Any], commands: int) -> None:
        if len(replies) > commands and replies[-1] < self._redis.replicas:
            raise StoreUnavailableError(
                f"redis: {replies[-1]} of {self._redis.replicas} replicas have the batch after "
                f"{self._redis.replica_timeout_ms} ms"
            )

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        counted: dict[str, int] = defaultdict(int)
        too_late = 0
        for outcome in outcomes:
            counted[outcome.status] += 1
            too_late += isinstance(outcome.error, TooLateError)
        for status, number in counted.items():
            self._metrics.events.labels(status).inc(number)
        if too_late:
            self._metrics.too_late.inc(too_late)


def _place(call: Call, codes: Sequence[int], outcomes: list[Outcome]) -> None:
    for position, code in zip(call.positions, codes, strict=True):
        outcomes[position] = OUTCOMES[code]


def _place_sums(
    page: Sequence[int],
    reply: Sequence[Any],
    things: Sequence[int],
    activities: bool,
    found: list[OwnerSums],
) -> None:
    width = len(things) + (3 if activities else 0)
    for number, place in enumerate(page):
        row = reply[1 + number * width : 1 + (number + 1) * width]
        kinds: dict[int, int] = {}
        if activities:
            aids, atids, count = row[-3:]
            kinds = dict(zip(unpack_ids(aids, count), unpack_ids(atids, count), strict=True))
        found[place] = OwnerSums(dict(zip(things, row, strict=False)), kinds)


def _check_whole(resolution: bytes | None) -> None:
    if resolution is not None:
        level = resolution.decode()
        raise DetailExpiredError(
            f"range: it needs detail that has expired; whole {level}s are still exact", level
        )


def _packed_or_empty(atid: int | None) -> bytes:
    return b"" if atid is None else pack_id(atid)
