"""Questions about the neighbours of a place in an index, and their answers (around.lua). Pure.

::

    Ask("driver", 1, before=SwapPlace(NOON, 7))     -> the driver's live transaction before 7 there
    Ask("battery_out", 3, after=SwapPlace(NOON, 7)) -> the next that took battery 3 out
    newest("station", 2, until=NOON)                -> the last until that second
"""

from __future__ import annotations

import msgspec

from psd.swaps.swap_places import BEHIND_ALL, DIGITS, SwapPlace

END_S = 1 << 40
"""Behind every second that can be booked."""


class Ask(msgspec.Struct, frozen=True, array_like=True):
    """One neighbour of a place; ``member`` is compared within the second."""

    index: str
    number: int
    second: int
    member: str
    goes_back: bool
    without: int = 0
    """Number of one that is passed over: it is about to be corrected."""


def before(index: str, number: int, place: SwapPlace, without: int = 0) -> Ask:
    """The live one before a place, whatever stands at it."""
    return Ask(index, number, place.second, place.member, True, without)


def after(index: str, number: int, place: SwapPlace) -> Ask:
    """The live one behind a place, whatever stands at it."""
    behind = f"{place.root:0{DIGITS}}{BEHIND_ALL}"
    return Ask(index, number, place.second, behind, False)


def newest(index: str, number: int, until: int | None = None) -> Ask:
    """The last live one, or the last until the end of a second."""
    return Ask(index, number, END_S if until is None else until, BEHIND_ALL, True)
