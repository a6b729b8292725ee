"""Energy of one register of a flow, from the bookings: sums of a thing hold all registers together.

::

    sums_of_register(engine, uid, 20, 1, (T0, T0 + 1800, T0 + 3600))
    -> ([210000, 190000], [0, 190000])

A booking says by its aid of which register it is (psd/energy/channels.py). So a range is read
booking by booking, some thousands at a time, and a range whose bookings have ended is refused.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from psd.energy.channels import MEASURED, REGISTERS
from psd.engine.engine import Engine
from psd.engine.plan import Range
from psd.errors import DetailExpiredError, TooLargeError

AT_ONCE = 5_000
BOOKINGS_MAX = 400_000
"""Of a question: two years of cells of five minutes, with two registers."""


async def sums_of_register(
    engine: Engine, uid: int, thing: int, register: int, cuts: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Energy by part of a range, and what of it is not measured. A trip for 5,000 bookings.

    Raises TooLargeError where there are too many, and DetailExpiredError.
    """
    parts = len(cuts) - 1
    sums, estimated, read = [0] * parts, [0] * parts, 0
    until: int | None = cuts[0]
    while until is not None:
        within = Range(until, cuts[-1])
        found, until = await engine.first_bookings(uid, thing, within, AT_ONCE)
        read += len(found)
        if read > BOOKINGS_MAX:
            raise TooLargeError(
                f"range: of single registers at most {BOOKINGS_MAX} bookings are read; ask for less"
            )
        for second, quality, aid, mwh in found:
            if register_of(aid) == register:
                place = bisect_right(cuts, second) - 1
                sums[place] += mwh
                estimated[place] += mwh if quality != MEASURED else 0
    return sums, estimated


async def booked_ends(
    engine: Engine, uid: int, thing: int, register: int, within: tuple[int, int]
) -> set[int]:
    """Where energy of a register ends within a range: seconds behind. A trip for 5,000 bookings.

    None where the bookings have ended.
    """
    until: int | None = within[0]
    ends = set[int]()
    while until is not None:
        try:
            found, until = await engine.first_bookings(uid, thing, Range(until, within[1]), AT_ONCE)
        except DetailExpiredError:
            break
        ends |= {
            second + 1 for second, _, aid, mwh in found if mwh and register_of(aid) == register
        }
    return ends


def register_of(aid: int) -> int:
    """The register whose energy an activity is.

    >>> register_of(446288 * 16 + 1), register_of(-1 - (446288 * 16 + 1))
    (1, 1)
    """
    return (aid if aid >= 0 else -1 - aid) % REGISTERS
