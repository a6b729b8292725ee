"""What is summed over ranges: totals, series, everything that bookings tell; of owners and counts.

:class:`RangeSums` is the first half of :class:`psd.engine.reads.Reads`. An owner's sums come by its
position, those of a series by bucket::

    await reads.sums([7, 8], [STEPS], [APRIL, APRIL])          -> [OwnerSums({STEPS: 13158}), ...]
    await reads.series([7], BucketQuestion(STEPS, (a, b, c)))  -> [{None: Series(...)}]

A ``newest`` that is given takes the newest second of those who are asked (psd/engine/newest.py).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from psd.clock import Clock
from psd.config import Settings
from psd.engine.activities import BookingReader
from psd.engine.booking import COUNT_THING
from psd.engine.bookings import BookingsReader
from psd.engine.named import NamedUsers
from psd.engine.newest import Newest
from psd.engine.owner_index import OwnerIndex
from psd.engine.owner_reads import OwnerReader
from psd.engine.plan import Levels, Range
from psd.engine.series import BucketQuestion, SeriesReader
from psd.engine.series_columns import Series
from psd.engine.sums import OwnerSums, SumReader
from psd.engine.tallies import AtidSum, Tally
from psd.errors import DetailExpiredError
from psd.store.keys import count_root
from psd.store.lifetimes import by_number
from psd.store.redis import Store


class RangeSums(ABC):
    """Sums of owners and counts; raises what the engine raises."""

    def __init__(self, store: Store, settings: Settings, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lifetimes_of = by_number(settings)
        self._lifetimes_of_all = settings.retention
        self._owners = OwnerReader(store)
        self._listed = BookingsReader(self._owners, settings.server.bookings_max)
        self.names = NamedUsers(store)
        self._index = OwnerIndex(store)
        self._sums = SumReader(self._owners, self._listed)
        self._series = SeriesReader(self._owners, self._listed)
        self._bookings = BookingReader(store, self._owners, self._listed)

    @abstractmethod
    async def _known_levels(self) -> Levels: ...

    async def sums(
        self,
        uids: Sequence[int],
        things: Sequence[int],
        ranges: Sequence[Range],
        *,
        atid: int | None = None,
        atids: frozenset[int] | None = None,
        activities: bool = False,
        newest: Newest | None = None,
    ) -> list[OwnerSums]:
        """Sums of each thing for each owner over the range at the owner's position.

        Of bookings of one ``atid``, or of a set of ``atids`` (with ``activities`` of one alone).
        One script call per distinct range and page of owners, all in one trip. ``newest`` takes the
        newest second, but not with ``activities``. Raises
        :class:`~psd.errors.DetailExpiredError` when a range needs buckets that have expired.
        """
        wanted = atids if atid is None else frozenset((atid,))
        assert not activities or newest is None
        roots = (await self._store.placed()).owner_roots(uids)
        if activities:
            return await self._sums.with_activities(roots, things, ranges, wanted)
        levels = await self._known_levels()
        return await self._sums.of_roots(roots, things, ranges, wanted, levels, newest)

    async def counts(self, names: Sequence[str], range_: Range) -> list[int]:
        """The sum of each count over one range, by position."""
        await self._store.placed()
        found = await self._sums.of_roots(
            [count_root(name) for name in names],
            [COUNT_THING],
            [range_] * len(names),
            None,
            await self._known_levels(),
        )
        return [owner.sums[COUNT_THING] for owner in found]

    async def activity_sum(
        self, uid: int, thing: int, aid: int, range_: Range, atid: int | None = None
    ) -> int:
        """Sum of one activity's bookings over a range. One script call."""
        within = range_.clamped()
        kept_s = self._lifetimes_of.get(thing, self._lifetimes_of_all).activity_s
        if kept_s and within.start < self._clock.now_s() - kept_s:
            raise DetailExpiredError(
                f"start: {within.start} is before what is kept of single activities ({kept_s} s)",
                "second",
            )
        return await self._bookings.of_activity(uid, thing, aid, within, atid)

    async def by_atid(self, uid: int, thing: int, range_: Range) -> dict[int, AtidSum]:
        """One owner's bookings of a thing by their atid: how much, how many, from when to when.

        Reads every booking of the range in one script call. Raises
        :class:`~psd.errors.DetailExpiredError` when some of them have expired.
        """
        root = (await self._store.placed()).owner_root(uid)
        return await self._sums.by_atid(root, thing, range_.clamped())

    async def tallies(
        self,
        uids: Sequence[int],
        things: Sequence[int],
        range_: Range,
        boundaries: Sequence[int] = (),
        *,
        atids: frozenset[int] | None = None,
        newest: Newest | None = None,
    ) -> list[dict[int, Tally]]:
        """All that is told of each owner's things, by position, from one reading of its bookings.

        ``boundaries`` are within the range. Raises TooLargeError where there are too many bookings.
        """
        roots = (await self._store.placed()).owner_roots(uids)
        return await self._sums.tallies(roots, things, range_, boundaries, atids, newest)

    async def series(
        self, uids: Sequence[int], question: BucketQuestion, *, newest: Newest | None = None
    ) -> list[dict[int | None, Series]]:
        """Each owner's sums by bucket, by position; by atid, or one column None.

        O(buckets with bookings) and a leaf for each boundary that cuts a day; one script call a
        page of owners.
        """
        return await self._series.of_owners(uids, question, await self._known_levels(), newest)

    async def series_of_all(
        self, uids: Sequence[int], question: BucketQuestion, *, newest: Newest | None = None
    ) -> dict[int | None, Series]:
        """The same of all these owners together, added up where they are."""
        return await self._series.of_all(uids, question, await self._known_levels(), newest)
