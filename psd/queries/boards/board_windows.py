"""In which window a named board counts, now and in each round. Pure; no Redis here.

A window is a fixed range, the seconds before an instant, or the calendar unit that holds it::

    window_at(CalendarWindow("month", "Europe/Berlin"), 1461151800)    (2016-04-20 11:30 UTC)
    -> Range(1459461600, 1462053600)                                   (April in Berlin)

The standing at an instant is that of ``window_at`` cut at the instant. ``rounds`` are the windows
of head-to-head brackets (psd/queries/boards/brackets.py); their field is seeded by the board named
in ``seeded_by``, as it stood at ``seeded_at``. What is kept of a board stands still: times that are
relative to now are refused in it, and dates are of UTC.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from psd.engine.plan import Range
from psd.errors import BadQueryError
from psd.queries.calendar import bucket_of
from psd.queries.moments import asked_range, held, moment
from psd.queries.requests import Every, Name, Time
from psd.zones import UTC, zone

MEMBERS_MAX = 20_000
"""Members of one board (``server.board_members_max``): its standing is five user sums of each at
most (psd/queries/user_sums.py), for a range whose ends lie within days or who was first."""

ROUNDS_MAX = 17
"""Rounds that 100,000 contenders would need."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)


class WindowKind(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """A window says in ``kind`` which one it is."""


class FixedWindow(WindowKind, frozen=True, tag="fixed"):
    """A challenge: the same range at every instant."""

    start: Time
    end: Time


class RollingWindow(WindowKind, frozen=True, tag="rolling"):
    """The last so many seconds before an instant."""

    seconds: Annotated[int, Meta(ge=1)]


class CalendarWindow(WindowKind, frozen=True, tag="calendar"):
    """The calendar unit of a zone that holds an instant."""

    every: Every
    tz: Name = "UTC"


BoardWindow = FixedWindow | RollingWindow | CalendarWindow


class Round(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The range whose sums decide the matches of one round."""

    start: Time
    end: Time


class Rounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Head-to-head brackets among the members of a board.

    Without ``seeded_by`` they are seeded by the board itself, and without ``seeded_at`` at the
    beginning of the first round.
    """

    windows: list[Round]
    seeded_by: Name | None = None
    seeded_at: Time | None = None


def window_at(window: BoardWindow, second: int) -> Range:
    """The range that a board is about at an instant, not yet cut at it."""
    if isinstance(window, FixedWindow):
        return asked_range(window.start, window.end, None)
    if isinstance(window, RollingWindow):
        return Range(held(second - window.seconds), held(second))
    unit = bucket_of(second, window.every, zone(window.tz))
    return Range(held(unit.start), held(unit.end))


def zone_of(window: BoardWindow | None) -> ZoneInfo:
    """The zone of a window's calendar; UTC where it has none."""
    return zone(window.tz) if isinstance(window, CalendarWindow) else UTC


def standing_range(window: BoardWindow, second: int) -> Range:
    """What counts at an instant: the window as far as it has come by then."""
    whole = window_at(window, second)
    return Range(whole.start, max(whole.start, min(whole.end, second)))


def check_name(name: str) -> str:
    """The name itself; raises BadQueryError."""
    if not _NAME.fullmatch(name):
        raise BadQueryError(
            f"name: {name[:64]!r} must be 1 to 64 of a-z, 0-9, '.', '_' and '-', "
            "and begin with a letter or a digit"
        )
    return name


def check_window(window: BoardWindow) -> None:
    """Refuse a window that is none; raises BadQueryError."""
    if isinstance(window, FixedWindow):
        _check_order(window, "window")
    if isinstance(window, CalendarWindow):
        zone(window.tz)


def round_ranges(rounds: Rounds) -> list[Range]:
    """The ranges of the rounds, in order."""
    return [asked_range(each.start, each.end, None) for each in rounds.windows]


def seeded_at_s(rounds: Rounds) -> int:
    """The second at which the ranking that seeds the field is read."""
    if rounds.seeded_at is not None:
        return held(moment(rounds.seeded_at, "rounds.seeded_at"))
    return round_ranges(rounds)[0].start


def check_rounds(rounds: Rounds) -> None:
    """Refuse rounds that overlap, or that are seeded too late; raises BadQueryError."""
    if not 0 < len(rounds.windows) <= ROUNDS_MAX:
        raise BadQueryError(
            f"rounds.windows: {len(rounds.windows)} given, 1 to {ROUNDS_MAX} are allowed"
        )
    for number, each in enumerate(rounds.windows):
        _check_order(each, f"rounds.windows[{number}]")
    for before, after in pairwise(round_ranges(rounds)):
        if after.start < before.end:
            raise BadQueryError(
                f"rounds.windows: one begins at {after.start}, before the last ends at {before.end}"
            )
    if rounds.seeded_by is not None:
        check_name(rounds.seeded_by)
    if seeded_at_s(rounds) > round_ranges(rounds)[0].start:
        raise BadQueryError(
            f"rounds.seeded_at: {rounds.seeded_at!r} must not be after the first round begins"
        )


def _check_order(window: FixedWindow | Round, field: str) -> None:
    asked_range(window.start, window.end, None, prefix=f"{field}.")
