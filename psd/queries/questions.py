"""Queries checked against the settings: names become numbers, times become ranges. Pure.

::

    sum_question(SumQuery(thing="steps", uid="7", start=0, end=9), rules, now_s)
    -> SumQuestion(things={"steps": 1}, uids=[7], atids=None, range_=Range(0, 9), ...)
    sum_question(SumQuery(thing="floors", uid="7"), rules, now_s)
    -> BadQueryError: thing: 'floors' is unknown; known are calories, cb, ...

A range that ended is closed: nothing but late reports can still change its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from zoneinfo import ZoneInfo

import msgspec

from psd.config import Settings
from psd.engine.leaves import Atids
from psd.engine.plan import Range
from psd.errors import BadQueryError, TooLargeError
from psd.queries.boards.board_reads import NamedBoard
from psd.queries.boards.board_windows import BoardWindow, standing_range, zone_of
from psd.queries.boards.definitions import Definition
from psd.queries.calendar import bounds
from psd.queries.ids import asked_ids, asked_user, asked_users
from psd.queries.moments import asked_range, held, moment
from psd.queries.requests import (
    POINTS_MAX,
    By,
    Every,
    Fill,
    LeaderboardQuery,
    Names,
    Query,
    SeriesQuery,
    SumQuery,
    Ties,
    Time,
)
from psd.queries.things import asked_thing
from psd.queries.user_sums import USER_SUMS_MAX
from psd.users import name_of
from psd.zones import zone

LIMIT = 10
SPAN = 5

ANY_ATID = "all"
"""What v1 and v2 say for every atid; saying nothing is the same."""

Reading = Callable[[int | str | Sequence[int | str], str], list[int]]
"""Reads ids of a kind; raises BadQueryError."""

"""The atids that count; None is all."""


class QueryRules(msgspec.Struct, frozen=True):
    """What a query is checked against; ``things`` are numbers by name."""

    things: Mapping[str, int]
    ids_max: int = 1000
    things_max: int = 32
    span_max_s: int = 0
    points_max: int = POINTS_MAX
    user_sums_max: int = USER_SUMS_MAX


def rules_of_queries(settings: Settings) -> QueryRules:
    """The rules that the settings make."""
    return QueryRules(
        things=settings.numbers,
        ids_max=settings.server.ids_max,
        things_max=settings.server.things_max,
        span_max_s=settings.server.range_span_max_s,
        user_sums_max=settings.server.user_sums_max,
    )


class SumQuestion(msgspec.Struct, frozen=True):
    """A SumQuery that can be answered."""

    things: dict[str, int]
    uids: list[int]
    atids: Atids
    range_: Range
    aggregates: frozenset[str]
    every: Every
    tz: ZoneInfo


class SeriesQuestion(msgspec.Struct, frozen=True):
    """A SeriesQuery that can be answered; ``bounds`` are those of each group's points."""

    things: dict[str, int]
    uids: list[int]
    atids: Atids
    range_: Range
    bounds: list[int]
    every: Every
    tz: ZoneInfo
    fill: Fill
    by: By | None
    points_max: int


class LeaderboardQuestion(msgspec.Struct, frozen=True):
    """A LeaderboardQuery that can be answered; without ``uids`` it is about everybody.

    ``around_text`` is ``around`` as an error shows it.
    """

    thing: str
    thing_number: int
    uids: list[int] | None
    atids: Atids
    range_: Range
    previous: Range | None
    ties: Ties
    limit: int
    cursor: str | None
    around: int | None
    span: int
    around_text: str = ""

    @property
    def is_first_page(self) -> bool:
        """Whether the largest sums alone answer it."""
        return self.cursor is None and self.around is None


def sum_question(query: SumQuery, rules: QueryRules, now_s: int) -> SumQuestion:
    """Check a query; raises BadQueryError or TooLargeError."""
    asked = query.aggregates
    aggregates = frozenset([asked] if isinstance(asked, str) else asked)
    if not aggregates:
        raise BadQueryError("aggregates: [] names none")
    tz = zone(query.tz)
    return SumQuestion(
        things=_things(query.thing, rules),
        uids=_uids(query.uid, rules),
        atids=_atids(query.atid, rules),
        range_=_range(query, query.start, rules, now_s, tz),
        aggregates=aggregates,
        every=query.every,
        tz=tz,
    )


def series_question(query: SeriesQuery, rules: QueryRules, now_s: int) -> SeriesQuestion:
    """Check a query; raises BadQueryError, or TooLargeError for too many points."""
    things, uids = _things(query.thing, rules), _uids(query.uid, rules)
    tz = zone(query.tz)
    range_ = _range(query, query.start, rules, now_s, tz)
    cut = bounds(range_, query.every, tz, rules.points_max)
    groups = len(things) * (len(uids) if query.by == "uid" else 1)
    check_points(max(len(cut) - 1, 0), groups, rules.points_max)
    return SeriesQuestion(
        things=things,
        uids=uids,
        atids=_atids(query.atid, rules),
        range_=range_,
        bounds=cut,
        every=query.every,
        tz=tz,
        fill=query.fill,
        by=query.by,
        points_max=rules.points_max,
    )


def leaderboard_question(
    query: LeaderboardQuery, rules: QueryRules, now_s: int, board: NamedBoard | None = None
) -> LeaderboardQuestion:
    """Check a query; ``board`` is the one that it names. Raises BadQueryError, TooLargeError."""
    check_who(query)
    kept = board.definition if board else None
    name = _one_thing(query.thing, kept)
    atids = _atids(query.atid, rules)
    if kept and atids is None:
        atids = kept.atids()
    window = kept.window if kept else None
    tz = zone_of(window) if query.tz is None else zone(query.tz)
    range_ = _board_range(query, window, rules, now_s, tz)
    return LeaderboardQuestion(
        thing=name,
        thing_number=_things(name, rules)[name],
        uids=_who(query, rules, board),
        atids=atids,
        range_=range_,
        previous=_previous(query, window, range_, now_s, tz),
        ties=query.ties or (kept.ties if kept else "competition"),
        limit=LIMIT if query.limit is None else query.limit,
        cursor=query.cursor,
        around=None if query.around is None else asked_user(query.around, "around"),
        span=SPAN if query.span is None else query.span,
        around_text=_told(query.around),
    )


def _told(user: int | str | None) -> str:
    """A user as an error tells of it: the number, or the name in quotes."""
    return str(user) if user is None or name_of(user) is None else repr(user)


def check_points(points: int, groups: int, points_max: int) -> None:
    """Refuse a series of more points than allowed, over all its groups."""
    if points * groups > points_max:
        raise TooLargeError(
            f"every: {points} points for each of {groups} groups asked, "
            f"at most {points_max} points are allowed"
        )


def check_who(query: LeaderboardQuery) -> None:
    """Refuse what contradicts itself whatever the board is: raises BadQueryError."""
    ways = {"uid": query.uid is not None, "board": query.board is not None, "all": query.all}
    given = [name for name, is_given in ways.items() if is_given]
    if len(given) > 1:
        raise BadQueryError(f"{given[1]}: not together with {given[0]}")
    if query.around is not None and query.cursor is not None:
        raise BadQueryError(f"cursor: {query.cursor[:64]!r} not together with around")
    if query.span is not None and query.around is None:
        raise BadQueryError(f"span: {query.span} says nothing without around")


def _one_thing(names: Names | None, board: Definition | None) -> str:
    if names is None and board is not None:
        return board.thing
    if names is None:
        raise BadQueryError("thing: missing; it is needed")
    listed = [names] if isinstance(names, str) else names
    if len(listed) != 1:
        raise BadQueryError(f"thing: {len(listed)} asked; a board is about one")
    if board is not None and listed[0] != board.thing:
        raise BadQueryError(f"thing: {listed[0]!r} is not that of the board, {board.thing!r}")
    return listed[0]


def _who(query: LeaderboardQuery, rules: QueryRules, board: NamedBoard | None) -> list[int] | None:
    if board is not None:
        return board.members
    return None if query.uid is None else _uids(query.uid, rules)


def _board_range(
    query: LeaderboardQuery, window: BoardWindow | None, rules: QueryRules, now_s: int, tz: ZoneInfo
) -> Range:
    if window is None or query.start is not None or query.end is not None:
        start = 0 if query.start is None else query.start
        return _range(query, start, rules, now_s, tz)
    at = now_s if query.as_of is None else moment(query.as_of, "as_of", tz, now_s)
    return standing_range(window, held(at))


def _previous(
    query: LeaderboardQuery, window: BoardWindow | None, range_: Range, now_s: int, tz: ZoneInfo
) -> Range | None:
    """The range to compare with: the same one up to an instant, or one that is written out."""
    asked = query.compare_to
    if asked is None:
        return None
    if isinstance(asked, str) and "/" in asked:
        start, _, end = asked.partition("/")
        return asked_range(start, end, now_s, tz=tz, prefix="compare_to.")
    at = held(moment(asked, "compare_to", tz, now_s))
    if window is not None and query.start is None and query.end is None:
        return standing_range(window, at)
    return Range(range_.start, max(range_.start, min(range_.end, at)))


def _range(query: Query, start: Time, rules: QueryRules, now_s: int, tz: ZoneInfo) -> Range:
    range_ = asked_range(start, query.end, now_s, query.as_of, tz=tz)
    span_s = range_.end - range_.start
    if rules.span_max_s and span_s > rules.span_max_s:
        raise TooLargeError(f"range: {span_s} s asked, at most {rules.span_max_s} s are allowed")
    return range_


def _things(names: Names, rules: QueryRules) -> dict[str, int]:
    listed = [names] if isinstance(names, str) else names
    if not listed:
        raise BadQueryError("thing: [] names none")
    if len(listed) > rules.things_max:
        raise TooLargeError(f"thing: {len(listed)} asked, at most {rules.things_max} are allowed")
    return {name: asked_thing(name, rules.things) for name in listed}


def _uids(ids: int | str | list[int | str], rules: QueryRules) -> list[int]:
    return _each(ids, "uid", rules, asked_users)


def _atids(ids: int | str | list[int | str] | None, rules: QueryRules) -> Atids:
    return (
        None if ids is None or ids == ANY_ATID else frozenset(_each(ids, "atid", rules, asked_ids))
    )


def _each(
    ids: int | str | list[int | str], field: str, rules: QueryRules, read: Reading
) -> list[int]:
    if isinstance(ids, list) and len(ids) > rules.ids_max:
        raise TooLargeError(f"{field}: {len(ids)} asked, at most {rules.ids_max} are allowed")
    found = read(ids, field)
    if not found:
        raise BadQueryError(f"{field}: [] names none")
    return found
