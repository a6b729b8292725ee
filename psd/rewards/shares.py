"""Tokens: the weekly pool, and how points share it. Pure.

The shares of a week are a function of few numbers, so no row stores its tokens. With pool P and
the points of all rows T, a row of p points gets ``p * P // T``, and what that leaves over, less
than one unit a row, goes one unit each to the largest remainders ``p * P % T``, of equal ones to
the smaller vehicle numbers. The last of them, the *cut*, tells for every row whether it got one::

    pool 100 over {7: 1000, 8: 1000, 9: 1000 points}
    each 33, rest 1 -> cut (remainder 1000, vehicle 7) -> 34, 33, 33: exactly 100

``floor`` leaves the rest undistributed, as rewards-api does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from psd.rewards.tables import PoolTable, Split

WEI = 10**18
"""Smallest units of one token."""


def tokens_text(wei: int) -> str:
    """Whole tokens with at most four digits behind the point, rounded down."""
    whole, rest = divmod(abs(wei), WEI)
    digits = f"{rest * 10_000 // WEI:04d}".rstrip("0")
    return f"{'-' if wei < 0 else ''}{whole:,}{'.' + digits if digits else ''}"


def pool_of(week: int, tokens: PoolTable) -> int:
    """The pool of a week in wei: cut once for each whole year since the first week."""
    years = max(week - tokens.first_week, 0) // tokens.weeks_a_year
    numerator, denominator = tokens.decay
    pool = int(tokens.pool_wei)
    for _ in range(years):
        pool = pool * numerator // denominator
    return pool


class Shares(msgspec.Struct, frozen=True):
    """What turns points into tokens in one week.

    Rows whose remainder is larger than ``cut_remainder`` get one wei more; of those with this
    remainder the vehicles up to ``cut_vehicle`` do. ``distributed`` is the sum of all shares,
    which ``floor`` leaves below the pool. Numbers past 64 bits travel as texts.
    """

    pool: str
    points: int
    cut_remainder: str
    cut_vehicle: int
    distributed: str

    def tokens(self, vehicle: int, points: int) -> int:
        """The share of a row in wei; 0 for one without points, or less than that."""
        if points <= 0:
            return 0
        share, remainder = divmod(points * int(self.pool), self.points)
        cut = int(self.cut_remainder)
        return share + (remainder > cut or (remainder == cut and vehicle <= self.cut_vehicle))


class Cut(msgspec.Struct, frozen=True):
    """A split of which only the vehicle at the cut is missing.

    ``take`` of the rows with any of these ``points``, all of one remainder, get one wei more.
    """

    pool: int
    total: int
    distributed: int
    remainder: int
    points: frozenset[int] = frozenset()
    take: int = 0

    def shares(self, vehicles: Iterable[int]) -> Shares:
        """The split; ``vehicles`` are those of all rows with the cut's points, in any order."""
        vehicle = sorted(vehicles)[self.take - 1] if self.take else 0
        return Shares(
            str(self.pool), self.total, str(self.remainder), vehicle, str(self.distributed)
        )


def cut_of(pool: int, counts: Mapping[int, int], how: Split = "largest_remainder") -> Cut:
    """Where the shares of a pool are cut, with ``counts[points]`` rows of so many points."""
    earning = {points: rows for points, rows in counts.items() if points > 0 and rows > 0}
    total = sum(points * rows for points, rows in earning.items())
    # A remainder is smaller than the total, so a cut there leaves every row with its floor.
    if not earning:
        return Cut(pool, 1, 0, 1)
    floors = sum(points * pool // total * rows for points, rows in earning.items())
    rest = pool - floors
    if how == "floor" or rest == 0:
        return Cut(pool, total, floors, total)
    by_remainder: dict[int, set[int]] = {}
    for points in earning:
        by_remainder.setdefault(points * pool % total, set()).add(points)
    for remainder in sorted(by_remainder, reverse=True):
        rows = sum(earning[points] for points in by_remainder[remainder])
        if rest <= rows:
            return Cut(pool, total, pool, remainder, frozenset(by_remainder[remainder]), rest)
        rest -= rows
    raise AssertionError("the rest is less than one unit a row")
