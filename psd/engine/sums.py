"""Reading sums: pages of script calls, and what their replies say.

A page is at most PAGE_OWNERS_MAX owners that ask for one range; all pages of a request travel
in one trip.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgpack
import msgspec

from psd.engine.plan import Levels, Range, plan_range
from psd.errors import DetailExpiredError, OutOfBoundsError, PsdError, StoreError
from psd.observe.metrics import Metrics
from psd.store.codec import pack_id, unpack_ids
from psd.store.lane import Command
from psd.store.redis import Store
from psd.store.scripts import load_script

PAGE_OWNERS_MAX = 100
"""Owners of one script call, so that a call holds Redis for a few milliseconds."""


class OwnerSums(msgspec.Struct, frozen=True):
    """Sums by thing number; ``activities`` maps aid to the atid of its earliest booking."""

    sums: dict[int, int]
    activities: dict[int, int]


class SumReader:
    """The three scripts that read."""

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store = store
        self._sum = load_script("engine.sum")
        self._collect = load_script("engine.collect")
        self._activity_sum = load_script("engine.activity_sum")
        self._sum_seconds = metrics.script_seconds.labels(self._sum.name)
        self._collect_seconds = metrics.script_seconds.labels(self._collect.name)

    async def of_roots(
        self,
        roots: Sequence[str],
        things: Sequence[int],
        ranges: Sequence[Range],
        atid: int | None,
        levels: Levels | None,
    ) -> list[OwnerSums]:
        """Sums for each root over its range, by position.

        From totals, given the ``levels`` that may have lost keys; without them every booking is
        read, and the activities are told too. One script call per range and page of owners.
        """
        pages: list[tuple[list[int], Command]] = []
        places_by_range: dict[Range, list[int]] = defaultdict(list)
        for place, range_ in enumerate(ranges):
            places_by_range[range_].append(place)
        for asked, places in places_by_range.items():
            range_ = asked.clamped()
            for start in range(0, len(places), PAGE_OWNERS_MAX):
                page = places[start : start + PAGE_OWNERS_MAX]
                owners = [roots[place] for place in page]
                plan = None if levels is None else plan_range(range_, levels)
                pages.append((page, self._sum_command(owners, things, range_, atid, plan)))
        started = time.perf_counter()
        try:
            replies = await self._store.reads.call_all([command for _, command in pages])
        except StoreError as exc:
            raise _sum_error(exc) from exc
        seconds = self._collect_seconds if levels is None else self._sum_seconds
        seconds.observe(time.perf_counter() - started)
        found: list[OwnerSums] = [OwnerSums({}, {})] * len(roots)
        for (page, _), reply in zip(pages, replies, strict=True):
            _check_whole(reply[0], levels is None)
            _place_sums(page, reply, things, levels is None, found)
        return found

    async def of_activity(
        self, root: str, thing: int, aid: int, within: Range, atid: int | None
    ) -> int:
        """Sum of one activity. One script call."""
        arguments = (thing, pack_id(aid), within.start, within.end, _packed_or_empty(atid))
        try:
            reply = await self._store.run(self._activity_sum, root, *arguments)
        except StoreError as exc:
            raise _sum_error(exc) from exc
        return int(reply)

    def _sum_command(
        self,
        roots: Sequence[str],
        things: Sequence[int],
        range_: Range,
        atid: int | None,
        plan: bytes | None,
    ) -> Command:
        """The call that sums by ``plan``, or that reads every booking where there is none."""
        packed_things = msgpack.packb(list(things))
        if plan is None:
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
        arguments = (plan, packed_things, _packed_or_empty(atid))
        return ("EVALSHA", self._sum.sha, len(roots), *roots, *arguments)


def is_out_of_bounds(reply: Any) -> bool:
    """Whether a script refused because a number would pass +-(2^53 - 1)."""
    return isinstance(reply, StoreError) and "PSD_OUT_OF_BOUNDS" in str(reply)


def _sum_error(error: StoreError) -> PsdError:
    if is_out_of_bounds(error):
        return OutOfBoundsError("sum: the range adds up past +-(2^53 - 1)")
    return error


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
