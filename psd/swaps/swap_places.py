"""Where a transaction stands among the others: by its second, then by its root. Pure.

The root is its own number, or for a correction that keeps the date the root of what it corrects. So
it stands where the wrong one stood, also among those of the same second::

    1 at 09:00, 2 at 09:00, 3 corrects 1 and keeps its date     -> 3 (root 1), 2
    3 corrects 1 and is at 09:05                                -> 2, 3 (root 3)

In an index the second is the score, and the member is root and number with 12 digits each, so that
the order of an index is that of places.
"""

from __future__ import annotations

import msgspec

from psd.swaps.swap_events import Numbered

DIGITS = 12

BEHIND_ALL = "~"
"""Greater than every member: behind everything of its second."""


class SwapPlace(msgspec.Struct, frozen=True, order=True):
    """A second and a root; what is ``(s, root)`` stands before ``(s, root + 1)``."""

    second: int
    root: int

    @property
    def member(self) -> str:
        """Behind all members of smaller roots, before those of this one."""
        return f"{self.root:0{DIGITS}}"


def place_of(transaction: Numbered) -> SwapPlace:
    """Where a transaction stands."""
    return SwapPlace(transaction.swap.second, transaction.root)


def member_of(transaction: Numbered) -> str:
    """How it stands in an index."""
    return f"{transaction.root:0{DIGITS}}:{transaction.n:0{DIGITS}}"


def root_of_correction(second: int, wrong: Numbered) -> int:
    """The root of a correction at a second: 0 where it has a place of its own."""
    return wrong.root if second == wrong.swap.second else 0
