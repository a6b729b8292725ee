"""Fences: numbers that let nobody book by older facts behind somebody who had newer ones. Pure.

Whoever keeps facts, computes from them and books what comes out may be overtaken between his
reading and his booking. So he books with the number of the newest fact that he has read::

    A reads the facts up to 17             A books 40 with ("rides", 17): superseded
      B reads the facts up to 18, books 55 with ("rides", 18)
    A reads again, up to 18                A books 55 with ("rides", 18): unchanged

The greatest number of an owner and name stands in ``<root>:f:<name>``, as long as the owner's
activities do. It is looked at and raised in the script call that books, so it holds however many
write at once, and for each portion of a batch that is too much for one call
(psd/engine/portions.py): what a portion has booked before somebody with newer facts came, he
books over. An equal number passes, so a batch that failed anywhere is booked again as it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

NUMBER_MAX = 2**53 - 1
"""A script's numbers are doubles."""

Fence = tuple[str, int]
"""What the number counts, and the number."""

Fences = Mapping[str, Fence]
"""By the roots of owners' keys."""

NO_FENCES: Fences = {}

_NAME = re.compile(r"[a-z0-9._-]{1,64}")


def fences_of(fences: Mapping[int, Fence], root_of: Callable[[int], str]) -> Fences:
    """The fences of owners by their roots; raises ValueError for one that is none."""
    for uid, (name, number) in fences.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"fences[{uid}]: name {name!r} is not 1 to 64 of a-z 0-9 . _ -")
        if not 0 <= number <= NUMBER_MAX:
            raise ValueError(f"fences[{uid}]: number {number} is not between 0 and {NUMBER_MAX}")
    return {root_of(uid): fence for uid, fence in fences.items()}
