"""64-bit integers as psd writes them, read back: one text for each number. Pure.

An id, a number in a URL and a subject of a foreign index are read alike, so that no two texts mean
one thing::

    integer_of("7"), integer_of("-7"), integer_of("0")      -> 7, -7, 0
    integer_of("07"), integer_of("+7"), integer_of("7 ")    -> None, None, None
    integer_of("9223372036854775808")                       -> None: 2^63 has no room
"""

from __future__ import annotations

import re

CANONICAL = re.compile(r"0|-?[1-9][0-9]{0,18}", re.ASCII)
"""How a number of up to 64 bits is written; some of 19 digits have no room in them."""

INTEGER_MAX = 2**63 - 1


def integer_of(text: str) -> int | None:
    """The number that is written this way; None for no number, and for one past 64 bits."""
    if not CANONICAL.fullmatch(text):
        return None
    number = int(text)
    return number if -INTEGER_MAX - 1 <= number <= INTEGER_MAX else None
