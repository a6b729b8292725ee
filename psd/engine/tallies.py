"""What packed bookings come to: sums, activities, moments, buckets. Redis is asked nothing here.

Each function reads the bookings of one owner and thing, in the order of time, at the pace of the
question (psd/engine/leaves.py)::

    +10 at 100 (activity 1), -4 at 200 (activity 2), +3 at 300 (activity 1)
    summed            9, activities {1: atid, 2: atid}
    reached 10        at 100, although 9 is the sum: a running sum may rise and fall
    tallied           sum 9, 2 activities, first 100, last 300

Few are read one by one, many in arrays (psd/engine/array_tallies.py).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import islice

import msgspec

from psd.engine.array_tallies import Bucketed, are_many, firsts, groups_of, reached, sum_of
from psd.engine.leaves import Atids, Parts, ReadingPace, leaves
from psd.engine.unpacking import handed_of, read_in_turns
from psd.engine.whole import checked_sum
from psd.slices import ROWS_AT_ONCE

ROW_RECORDS = 5
"""A row of an activity takes as long as to read so many records."""


class AtidSum(msgspec.Struct):
    """The bookings of one atid in a range: their sum, number, first and last second."""

    sum: int
    bookings: int
    first_s: int
    last_s: int


class ActivitySum(msgspec.Struct):
    """An activity's bookings in a range.

    ``atid`` is that of its earliest booking of the first thing that has one, ``sums`` are by
    thing, ``bookings`` and the seconds are those of all things.
    """

    aid: int
    atid: int
    sums: dict[int, int]
    first_s: int
    last_s: int
    bookings: int


class Tally(msgspec.Struct, frozen=True):
    """One owner's bookings of a thing in a range, all read at one moment.

    ``buckets`` are the sums between boundaries, if any were given.
    """

    sum: int
    activities: int
    first_s: int | None
    last_s: int | None
    buckets: list[int]


async def summed(parts: Parts, atids: Atids, pace: ReadingPace, kinds: dict[int, int]) -> int:
    """The sum; ``kinds`` gets the atid of each activity's earliest booking, if it has none yet."""
    total = 0
    if are_many(parts):
        async for records in read_in_turns(handed_of(0, parts), pace):
            some = records.of(atids)
            total += sum_of(some)
            aids, at = firsts(some.aids)
            first_kinds = dict(zip(aids.tolist(), some.atids[at].tolist(), strict=True))
            kinds |= {aid: atid for aid, atid in first_kinds.items() if aid not in kinds}
        return checked_sum(total)
    for leaf in leaves(parts):
        await pace.take(len(leaf))
        for _, _, atid, aid, delta in leaf.rows_of(atids):
            total += delta
            if aid not in kinds:
                kinds[aid] = atid
    return checked_sum(total)


async def summed_by_atid(parts: Parts, pace: ReadingPace) -> dict[int, AtidSum]:
    """Bookings by atid, in the order in which they first come."""
    found: dict[int, AtidSum] = {}
    if are_many(parts):
        async for records in read_in_turns(handed_of(0, parts), pace):
            for atid, _, total, bookings, first_s, last_s in groups_of(records, records.atids):
                each = found.setdefault(atid, AtidSum(0, 0, first_s, last_s))
                each.sum += total
                each.bookings += bookings
                each.last_s = last_s
        return _checked(found)
    for leaf in leaves(parts):
        await pace.take(len(leaf))
        start = leaf.start
        for high, low, atid, _, delta in leaf.rows():
            second = start + (high << 16) + low
            known = found.get(atid)
            if known is None:
                found[atid] = AtidSum(delta, 1, second, second)
            else:
                known.sum += delta
                known.bookings += 1
                known.last_s = second
    return _checked(found)


def _checked(found: dict[int, AtidSum]) -> dict[int, AtidSum]:
    for each in found.values():
        checked_sum(each.sum)
    return found


async def listed(
    by_thing: dict[int, Parts], atids: Atids, pace: ReadingPace
) -> dict[int, ActivitySum]:
    """Activities by aid, with their bookings of all of these things."""
    found: dict[int, ActivitySum] = {}
    for thing, parts in by_thing.items():
        if are_many(parts):
            await _list_in_arrays(found, by_thing, thing, atids, pace)
            continue
        for leaf in leaves(parts):
            await pace.take(len(leaf))
            start = leaf.start
            for high, low, atid, aid, delta in leaf.rows_of(atids):
                second = start + (high << 16) + low
                known = found.get(aid)
                if known is None:
                    known = found[aid] = ActivitySum(
                        aid, atid, dict.fromkeys(by_thing, 0), second, second, 0
                    )
                known.sums[thing] += delta
                known.bookings += 1
                known.first_s = min(known.first_s, second)
                known.last_s = max(known.last_s, second)
    for each in found.values():
        for total in each.sums.values():
            checked_sum(total)
    return found


async def _list_in_arrays(
    found: dict[int, ActivitySum],
    by_thing: dict[int, Parts],
    thing: int,
    atids: Atids,
    pace: ReadingPace,
) -> None:
    """Add the bookings of one of the things, a row of Python for each activity alone."""
    none = dict.fromkeys(by_thing, 0)
    async for records in read_in_turns(handed_of(0, by_thing[thing]), pace):
        some = records.of(atids)
        groups = groups_of(some, some.aids)
        while rows := list(islice(groups, ROWS_AT_ONCE)):
            await pace.spend(ROW_RECORDS * len(rows))
            for aid, atid, total, bookings, first_s, last_s in rows:
                known = found.get(aid)
                if known is None:
                    sums = {**none, thing: total}
                    found[aid] = ActivitySum(aid, atid, sums, first_s, last_s, bookings)
                else:
                    known.sums[thing] += total
                    known.bookings += bookings
                    known.first_s = min(known.first_s, first_s)
                    known.last_s = max(known.last_s, last_s)


async def tallied(
    parts: Parts, atids: Atids, boundaries: Sequence[int], pace: ReadingPace
) -> Tally:
    """All that is told of an owner's thing; buckets between ascending boundaries, if any."""
    if are_many(parts):
        return await _tallied_in_arrays(parts, atids, boundaries, pace)
    buckets, aids = [0] * max(len(boundaries) - 1, 0), set()
    total, first_s, last_s = 0, None, None
    at, bucket_end = -1, boundaries[0] if boundaries else None
    for leaf in leaves(parts):
        await pace.take(len(leaf))
        start = leaf.start
        for high, low, _, aid, delta in leaf.rows_of(atids):
            last_s = start + (high << 16) + low
            if first_s is None:
                first_s = last_s
            total += delta
            aids.add(aid)
            if bucket_end is not None:
                if last_s >= bucket_end:
                    at = bisect_right(boundaries, last_s) - 1
                    bucket_end = boundaries[at + 1]
                buckets[at] += delta
    return Tally(checked_sum(total), len(aids), first_s, last_s, buckets)


async def _tallied_in_arrays(
    parts: Parts, atids: Atids, boundaries: Sequence[int], pace: ReadingPace
) -> Tally:
    total, aids, buckets = 0, set[int](), Bucketed(boundaries)
    first_s: int | None = None
    last_s: int | None = None
    async for records in read_in_turns(handed_of(0, parts), pace):
        some = records.of(atids)
        if not len(some):
            continue
        first_s = int(some.seconds[0]) if first_s is None else first_s
        last_s = int(some.seconds[-1])
        total += sum_of(some)
        aids.update(firsts(some.aids)[0].tolist())
        buckets.add(some)
    return Tally(checked_sum(total), len(aids), first_s, last_s, buckets.told())


async def reached_at(parts: Parts, score: int, atids: Atids, pace: ReadingPace) -> int | None:
    """The first second with a booking at whose end the running sum is ``score`` or more."""
    if are_many(parts):
        return await reached(parts, score, atids, pace)
    total, second = 0, None
    for leaf in leaves(parts):
        await pace.take(len(leaf))
        start = leaf.start
        for high, low, _, _, delta in leaf.rows_of(atids):
            at = start + (high << 16) + low
            if at != second:
                if second is not None and total >= score:
                    return second
                second = at
            total = checked_sum(total + delta)
    return second if second is not None and total >= score else None
