"""What a question about many users costs, in user sums, and how many one question may take.

A user sum is one user's total over whole days: 2 to 6 us of Redis. What a question takes is known
before anything is read, so that a question that is allowed is answered in time, and one that is not
is refused at once and told why. Of a board of 20,000 members::

    sums_of(april)                  whole days                                   1 each   20,000
    sums_of(april until noon)       an end within a day reads that day as well   2 each   40,000
    REACHED                         who was first, of those who share a value    4 each   80,000

Such a board is answered within ``server.user_sums_max`` (100,000) at any instant, and compared with
itself at another one.
"""

from __future__ import annotations

from psd.engine.events import TIME_END_S
from psd.engine.plan import Range
from psd.errors import TooLargeError

USER_SUMS_MAX = 100_000
"""0.2 to 0.6 s of Redis, at 2 to 6 us each."""

DAY_S = 86_400

REACHED = 4
"""When one user reached a value: 30 us for those who have little."""

SERIES = 16
"""One user's series of a few points: 60 to 140 us."""

SERIES_POINTS = 16
"""So many more points of it are as much as one sum more."""


def sums_of(range_: Range) -> int:
    """How many sums one user's total over a range is."""
    within = range_.clamped()
    ends = {within.start, within.end} - {0, TIME_END_S}
    return 1 + sum(end % DAY_S != 0 for end in ends)


def sums_of_series(points: int) -> int:
    """How many sums one user's series is."""
    return SERIES + points // SERIES_POINTS


SUM_BYTES = 5_000
"""So many bytes of columns are as much as one sum: 500 MB, of some 5 million users, take 1 to 1.5 s
until they are added up."""


class UserSums:
    """What one question may take, and how much of it is left."""

    def __init__(self, most: int = USER_SUMS_MAX) -> None:
        self._most = most
        self._spent = 0

    def users_max(self, each: int) -> int:
        """Of how many users so many sums each are left."""
        return (self._most - self._spent) // each

    def spend(self, field: str, users: int, each: int) -> None:
        """Take so many sums of each of these users; raises TooLargeError, before they are read."""
        self._spent += users * each
        if self._spent > self._most:
            raise TooLargeError(
                f"{field}: {self._spent} sums of users would be read ({each} each of {users} "
                f"here), at most {self._most} are for one question (server.user_sums_max); ask "
                "about fewer users or whole days, and without compare_to or first_to_reach"
            )

    def spend_bytes(self, size: int) -> None:
        """Take what so many bytes of columns are; raises TooLargeError."""
        self._spent += -(-size // SUM_BYTES)
        if self._spent > self._most:
            raise TooLargeError(
                f"all: {size} bytes of everybody's columns would be read, at most "
                f"{self._most * SUM_BYTES} are for one question (server.user_sums_max); ask about "
                "whole days or months, and without compare_to or first_to_reach"
            )
