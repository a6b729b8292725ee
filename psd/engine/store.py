"""The engine as the server, the workers and the domains use it: book, sum, count.

One instance serves one event loop. Every method raises
:class:`~psd.errors.StoreUnavailableError` when Redis does not answer in time.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import msgpack
import msgspec

from psd.clock import Clock
from psd.config import Settings
from psd.engine.booking import (
    COUNT_THING,
    LEVELS,
    OUTCOMES,
    REFUSED,
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
    PsdError,
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
        self._sum_seconds = metrics.script_seconds.labels(self._sum.name)
        self._collect_seconds = metrics.script_seconds.labels(self._collect.name)
        self._retention = settings.retention
        self._booking = settings.booking
        self._kept_s = reports_kept_s(settings.retention)
        self._activity_kept_s = settings.retention.activity_s
        self._marker_key = settings.booking.marker_key.encode()
        self._redis = settings.redis
        # Until the store has told otherwise, any level may once have had a lifetime.
        self.expect_lifetimes(LEVELS)

    def expect_lifetimes(self, levels: Collection[str]) -> None:
        """Retention levels whose keys may expire or have expired, now or by an older setting."""
        self._lifetimes = lifetimes(self._retention, self._booking, levels)
        self._levels = Levels(
            months_expire="month_s" in levels,
            weeks_expire="week_s" in levels,
            days_expire="day_s" in levels,
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
        commands = [self._book_command(call) for call in calls]
        started = time.perf_counter()
        replies = await self._store.writes.call_each([*commands, *self._waits(commands)])
        self._metrics.script_seconds.labels(self._book.name).observe(time.perf_counter() - started)
        for call, reply in zip(calls, replies, strict=False):
            if _is_out_of_bounds(reply) and len(call.positions) > 1:
                for position in call.positions:
                    outcomes[position] = await self._book_alone(events[position])
            elif _is_out_of_bounds(reply):
                outcomes[call.positions[0]] = REFUSED
            else:
                _place(call, _raised(reply), outcomes)
        self._check_replicas(replies, len(commands))
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
        arguments = (thing, pack_id(aid), within.start, within.end, _packed_or_empty(atid))
        try:
            reply = await self._store.run(self._activity_sum, owner_root(uid), *arguments)
        except StoreError as exc:
            raise _sum_error(exc) from exc
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
            raise _sum_error(exc) from exc
        seconds = self._collect_seconds if activities else self._sum_seconds
        seconds.observe(time.perf_counter() - started)
        found: list[OwnerSums] = [OwnerSums({}, {})] * len(roots)
        for (page, _), reply in zip(pages, replies, strict=True):
            _check_whole(reply[0], activities)
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

    def _book_command(self, call: Call) -> Command:
        roots = call.roots
        return (
            "EVALSHA",
            self._book.sha,
            len(roots),
            *roots,
            call.packed(),
            self._lifetimes,
        )

    async def _book_alone(self, event: Event) -> Outcome:
        """One event of a call that was refused whole, to find the one that it was for."""
        [call] = calls_for([event], [0], self._marker_key)
        command = self._book_command(call)
        replies = await self._store.writes.call_each([command, *self._waits([command])])
        if _is_out_of_bounds(replies[0]):
            return REFUSED
        [code] = _raised(replies[0])
        self._check_replicas(replies, 1)
        return OUTCOMES[code]

    def _waits(self, commands: Sequence[Command]) -> list[Command]:
        if self._redis.durability != "replicated" or not commands:
            return []
        return [("WAIT", self._redis.replicas, self._redis.replica_timeout_ms)]

    def _check_replicas(self, replies: Sequence[Any], commands: int) -> None:
        if len(replies) > commands and _raised(replies[-1]) < self._redis.replicas:
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


def _raised(reply: Any) -> Any:
    if isinstance(reply, BaseException):
        raise reply
    return reply


def _is_out_of_bounds(reply: Any) -> bool:
    return isinstance(reply, StoreError) and "PSD_OUT_OF_BOUNDS" in str(reply)


def _sum_error(error: StoreError) -> PsdError:
    if _is_out_of_bounds(error):
        return OutOfBoundsError("sum: the range adds up past +-(2^53 - 1)")
    return error


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


def _check_whole(resolution: bytes | None, activities: bool) -> None:
    if resolution is not None:
        level = resolution.decode()
        what = "sums of whole" if activities else "whole"
        raise DetailExpiredError(
            f"range: it needs detail that has expired; {what} {level}s are still exact", level
        )


def _packed_or_empty(atid: int | None) -> bytes:
    return b"" if atid is None else pack_id(atid)
