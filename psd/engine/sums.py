"""Reading sums: pages of script calls, and what their replies say.

A page is at most PAGE_OWNERS_MAX owners that ask for one range; all pages of a request travel
in one trip.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgpack
import msgspec

from psd.engine.newest import Newest, asks
from psd.engine.plan import Levels, Range, plan_range
from psd.errors import DetailExpiredError, OutOfBoundsError, PsdError, StoreError
from psd.store.codec import pack_id, unpack_ids
from psd.store.owner_calls import Page, owner_pages
from psd.store.redis import Store
from psd.store.scripts import Script, load_script

PAGE_OWNERS_MAX = 100
"""Owners of one script call, so that a call holds Redis for a few milliseconds."""


class OwnerSums(msgspec.Struct, frozen=True):
    """Sums by thing number; ``activities`` maps aid to the atid of its earliest booking."""

    sums: dict[int, int]
    activities: dict[int, int]


class AtidSum(msgspec.Struct, frozen=True):
    """The bookings of one atid in a range: their sum, number, first and last second."""

    sum: int
    bookings: int
    first_s: int
    last_s: int


class SumReader:
    """The four scripts that read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sum = load_script("engine.sum")
        self._collect = load_script("engine.collect")
        self._activity_sum = load_script("engine.activity_sum")
        self._atids = load_script("engine.atids")

    async def of_roots(
        self,
        roots: Sequence[str],
        things: Sequence[int],
        ranges: Sequence[Range],
        atids: frozenset[int] | None,
        levels: Levels | None,
        newest: Newest | None = None,
    ) -> list[OwnerSums]:
        """Sums for each root over its range, by position.

        From totals, given the ``levels`` that may have lost keys; these tell the ``newest`` second
        too. Without them every booking is read, and the activities are told, of one atid at most.
        One script call per range and page of owners.
        """
        found: list[OwnerSums] = [OwnerSums({}, {})] * len(roots)

        async def read() -> None:
            pages = self._pages(roots, things, ranges, atids, levels, newest)
            replies = await self._store.reads.call_all([command for _, command in pages])
            for (page, _), reply in zip(pages, replies, strict=True):
                if newest is not None:
                    newest.note(reply[1])
                check_whole(reply[0], activities=levels is None)
                _place_sums(page, reply, things, levels is None, found)

        try:
            await self._store.reads.regrouped(read)
        except StoreError as exc:
            raise sum_error(exc) from exc
        return found

    def _pages(
        self,
        roots: Sequence[str],
        things: Sequence[int],
        ranges: Sequence[Range],
        atids: frozenset[int] | None,
        levels: Levels | None,
        newest: Newest | None,
    ) -> list[Page]:
        """The calls, and which places of the roots each is about."""
        pages: list[Page] = []
        places_by_range: dict[Range, list[int]] = defaultdict(list)
        for place, range_ in enumerate(ranges):
            places_by_range[range_].append(place)
        for asked, places in places_by_range.items():
            range_ = asked.clamped()
            script, arguments = self._asked(things, range_, atids, levels, newest)
            owners = [roots[place] for place in places]
            placement = self._store.placement
            for page, command in owner_pages(placement, script, owners, arguments, PAGE_OWNERS_MAX):
                pages.append(([places[at] for at in page], command))
        return pages

    async def of_activity(
        self, root: str, thing: int, aid: int, within: Range, atid: int | None
    ) -> int:
        """Sum of one activity. One script call."""
        arguments = (thing, pack_id(aid), within.start, within.end, _packed_or_empty(atid))
        try:
            reply = await self._store.run(self._activity_sum, root, *arguments)
        except StoreError as exc:
            raise sum_error(exc) from exc
        return int(reply)

    async def by_atid(self, root: str, thing: int, within: Range) -> dict[int, AtidSum]:
        """Bookings by atid, in the order in which they first come. One script call."""
        try:
            reply = await self._store.run(self._atids, root, thing, within.start, within.end)
        except StoreError as exc:
            raise sum_error(exc) from exc
        check_whole(reply[0], activities=True)
        return {int(reply[at]): AtidSum(*reply[at + 1 : at + 5]) for at in range(1, len(reply), 5)}

    def _asked(
        self,
        things: Sequence[int],
        range_: Range,
        atids: frozenset[int] | None,
        levels: Levels | None,
        newest: Newest | None,
    ) -> tuple[Script, tuple[bytes | int | str, ...]]:
        """The script that sums by a plan, or that reads every booking; and its arguments."""
        packed_things: bytes = msgpack.packb(list(things))
        if levels is None:
            atid = _packed_or_empty(None if atids is None else min(atids))
            return self._collect, (range_.start, range_.end, packed_things, atid)
        plan = plan_range(range_, levels)
        return self._sum, (plan, packed_things, packed_atids(atids), asks(newest))


def is_out_of_bounds(reply: Any) -> bool:
    """Whether a script refused because a number would pass +-(2^53 - 1)."""
    return isinstance(reply, StoreError) and "PSD_OUT_OF_BOUNDS" in str(reply)


def sum_error(error: StoreError) -> PsdError:
    """The error that a refused reading stands for."""
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
    width, first = (len(things) + 3, 1) if activities else (len(things), 2)
    for number, place in enumerate(page):
        row = reply[first + number * width : first + (number + 1) * width]
        kinds: dict[int, int] = {}
        if activities:
            aids, atids, count = row[-3:]
            kinds = dict(zip(unpack_ids(aids, count), unpack_ids(atids, count), strict=True))
        found[place] = OwnerSums(dict(zip(things, row, strict=False)), kinds)


def check_whole(resolution: bytes | None, *, activities: bool) -> None:
    """Raise :class:`~psd.errors.DetailExpiredError` for a reply that names a resolution."""
    if resolution is not None:
        level = resolution.decode()
        what = "sums of whole" if activities else "whole"
        raise DetailExpiredError(
            f"range: it needs detail that has expired; {what} {level}s are still exact", level
        )


def _packed_or_empty(atid: int | None) -> bytes:
    return b"" if atid is None else pack_id(atid)


def packed_atids(atids: frozenset[int] | None) -> bytes:
    """A set of atids as the scripts take it; None is all."""
    if atids is None:
        return b""
    packed: bytes = msgpack.packb([pack_id(atid) for atid in sorted(atids)], use_bin_type=False)
    return packed
