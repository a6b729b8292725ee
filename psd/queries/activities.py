"""One owner's activities in a range, and the withdrawals of its activities.

Activities stand in the order of their first booking in the range, those of one second by aid. A
page ends with a cursor that names the last one, so that what is booked meanwhile moves no page::

    activities 41 (first 12:00:00), 7 (12:05:00), 9 (12:05:00), limit 2
    -> 41, 7, next "MTQ2MDQ2MjcwMC43"        -> 9, next null

Detail that has expired is an error here (410): nothing coarser tells activities apart.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence

from psd.clock import utc_text
from psd.engine.activity_pages import ActivityPage, Place
from psd.engine.newest import Newest
from psd.engine.reads import Reads
from psd.engine.tallies import ActivitySum
from psd.engine.withdrawal import LOG_ID, LogEntry, TakenBack
from psd.errors import BadQueryError, NotFoundError, TooLargeError
from psd.queries.activity_answers import (
    ActivitiesAnswer,
    ActivitiesQuery,
    ActivityRow,
    AuditAnswer,
    AuditQuery,
    TakenRow,
    WithdrawalRow,
)
from psd.queries.freshness import QueueDepth, watermark, with_depth
from psd.queries.ids import asked_ids
from psd.queries.moments import asked_range
from psd.queries.requests import Ids, Names
from psd.queries.results import AnsweredRange
from psd.queries.things import asked_thing
from psd.slices import in_slices
from psd.zones import zone

ROWS_SHOWN_AT_ONCE = 250
"""Rows that are made together: 1 to 2 ms."""

_PLACE = re.compile(r"([0-9]{1,10})\.(-?[0-9]{1,19})", re.ASCII)


class ActivityQueries:
    """The questions about one owner; ``things`` are the numbers of those that are owners'."""

    def __init__(
        self,
        engine: Reads,
        things: Mapping[str, int],
        *,
        span_max_s: int,
        ids_max: int,
        depth: QueueDepth,
    ) -> None:
        self._engine = engine
        self._things = things
        self._names = {number: name for name, number in things.items()}
        self._span_max_s = span_max_s
        self._ids_max = ids_max
        self._depth = depth

    async def activities(
        self, uid: int, query: ActivitiesQuery, now_s: int, *, sees: bool
    ) -> ActivitiesAnswer:
        """A page; whoever does not see the owner gets what one without activities has.

        Reads every booking of the range, or, of many, those about the page. Raises BadQueryError,
        TooLargeError and DetailExpiredError.
        """
        numbers = self._numbers(query.thing)
        atids = self._atids(query.atid)
        range_ = asked_range(query.start, query.end, now_s, tz=zone(query.tz))
        span_s = range_.end - range_.start
        if self._span_max_s and span_s > self._span_max_s:
            raise TooLargeError(
                f"range: {span_s} s asked, at most {self._span_max_s} s are allowed"
            )
        after = None if query.cursor is None else _place_of(query.cursor)
        newest = Newest()

        async def asked() -> ActivityPage:
            if not sees:
                return ActivityPage([], None)
            return await self._engine.activity_page(
                uid, numbers, range_, query.limit, after=after, atids=atids, newest=newest
            )

        page, waiting = await with_depth(asked(), self._depth)

        def rows(activities: Sequence[ActivitySum]) -> list[ActivityRow]:
            return [self._row(activity) for activity in activities]

        return ActivitiesAnswer(
            await in_slices(page.activities, rows, ROWS_SHOWN_AT_ONCE),
            None if page.last is None else cursor_of(page.last),
            exact=True,
            range=AnsweredRange.of(range_),
            watermark=watermark(newest.second, waiting),
        )

    async def audit(self, uid: int, query: AuditQuery, *, sees: bool) -> AuditAnswer:
        """A page of withdrawals; none for whoever does not see the owner."""
        before = None if query.cursor is None else _decoded(query.cursor, LOG_ID)[0]
        if not sees:
            return AuditAnswer([], None)
        found = await self._engine.withdrawals(uid, query.limit + 1, before)
        page = found[: query.limit]
        following = _encoded(page[-1].id) if len(found) > query.limit else None
        return AuditAnswer([self._withdrawal(entry) for entry in page], following)

    def taken(self, taken: Sequence[TakenBack]) -> list[TakenRow]:
        """What was taken back, by thing; one that is not configured any more has its number."""
        return [
            TakenRow(
                self._names.get(each.thing, str(each.thing)),
                str(each.atid),
                each.sum,
                each.bookings,
                utc_text(each.first_s),
                utc_text(each.last_s),
            )
            for each in taken
        ]

    def _withdrawal(self, entry: LogEntry) -> WithdrawalRow:
        at = utc_text(entry.time_s)
        taken = self.taken(entry.taken)
        return WithdrawalRow("withdraw", str(entry.aid), at, entry.by, entry.note, taken)

    def _row(self, activity: ActivitySum) -> ActivityRow:
        return ActivityRow(
            str(activity.aid),
            str(activity.atid),
            {self._names[number]: value for number, value in activity.sums.items() if value},
            activity.bookings,
            utc_text(activity.first_s),
            utc_text(activity.last_s),
        )

    def _numbers(self, names: Names | None) -> list[int]:
        if names is None:
            return sorted(self._names)
        listed = [names] if isinstance(names, str) else names
        return list(dict.fromkeys(asked_thing(name, self._things) for name in listed))

    def _atids(self, ids: Ids | None) -> frozenset[int] | None:
        if ids is None:
            return None
        atids = frozenset(asked_ids(ids, "atid"))
        if len(atids) > self._ids_max:
            raise TooLargeError(f"atid: {len(atids)} asked, at most {self._ids_max} are allowed")
        return atids


def nothing_known(user: int | str, aid: int) -> NotFoundError:
    """The refusal to withdraw what nobody ever reported."""
    return NotFoundError(f"aid: nothing is known of activity {aid} of user {user}")


def cursor_of(place: Place) -> str:
    """What asks for the activities behind a place."""
    return _encoded(f"{place[0]}.{place[1]}")


def _place_of(cursor: str) -> Place:
    match = _decoded(cursor, _PLACE)
    return int(match[1]), int(match[2])


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decoded(cursor: str, pattern: re.Pattern[str]) -> re.Match[str]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded.encode(), b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    match = pattern.fullmatch(text)
    if match is None:
        raise BadQueryError(f"cursor: {cursor!r} is none that an answer gave")
    return match
