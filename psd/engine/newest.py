"""The newest second with a booking of those who are asked, told by the script calls that read them.

>>> newest = Newest()
>>> await engine.sums([7, 8], [1], [range_, range_], newest=newest)
>>> newest.second
1460505599

It is of all their bookings of these things, in the range or not, of whatever atid.
"""

from __future__ import annotations


class Newest:
    """Takes what each reply tells."""

    def __init__(self) -> None:
        self.second: int | None = None

    def note(self, second: int | None) -> None:
        """One reply's: None where its owners have no bookings."""
        if second is not None and (self.second is None or second > self.second):
            self.second = second


def asks(newest: Newest | None) -> str:
    """The argument of a script that is to tell it, or not."""
    return "" if newest is None else "1"
