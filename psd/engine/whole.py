"""What a reading script's reply means: whole, expired, or past the bounds of a sum. Pure.

::

    check_whole(b"day")   -> DetailExpiredError: range: it needs detail that has expired; whole days
                             are still exact
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psd.errors import DetailExpiredError, OutOfBoundsError, PsdError, StoreError, TooLargeError

SUM_MAX = 2**53 - 1

_COARSER = ("day", "month", "year")


def is_out_of_bounds(reply: Any) -> bool:
    """Whether a script refused because a number would pass +-(2^53 - 1)."""
    return isinstance(reply, StoreError) and "PSD_OUT_OF_BOUNDS" in str(reply)


def sum_error(error: StoreError) -> PsdError:
    """The error that a refused reading stands for."""
    if is_out_of_bounds(error):
        return OutOfBoundsError("sum: the range adds up past +-(2^53 - 1)")
    if "PSD_TOO_LARGE" in str(error):
        return TooLargeError(
            "range: it cuts more of one user's days and hours than one call may read; "
            "ask for fewer buckets, fewer atids or a narrower range"
        )
    return error


def checked_sum(total: int) -> int:
    """The sum itself; raises OutOfBoundsError past +-(2^53 - 1), as the scripts do."""
    if -SUM_MAX <= total <= SUM_MAX:
        return total
    raise OutOfBoundsError("sum: the range adds up past +-(2^53 - 1)")


def check_levels(lost: Sequence[str]) -> None:
    """The same for levels of totals that have lost something; the coarsest of them is told."""
    if lost:
        check_whole(max(lost, key=_COARSER.index).encode())


def check_whole(resolution: bytes | None, *, activities: bool = False) -> None:
    """Raise :class:`~psd.errors.DetailExpiredError` for a reply that names a resolution."""
    if resolution is not None:
        level = resolution.decode()
        what = "sums of whole" if activities else "whole"
        raise DetailExpiredError(
            f"range: it needs detail that has expired; {what} {level}s are still exact", level
        )
