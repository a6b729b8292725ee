"""Energy of registers that only count up: exchanged, run over, set back, or misread. Pure.

A reading is ``(second, mWh)``. What a fuse can deliver tells the cases apart; P is its power times
the time between two readings, M what the register counts to::

    normal     0 <= R1 - R0 <= P                                      R1 - R0
    exchange   the meter was exchanged in between, once or more       (final - R0) + (R1 - first)
    rollover   R1 < R0 and R1 + M - R0 <= P                           R1 + M - R0
    dip        0.9 R0 <= R1 < R0, and the next is R0 or more          R1 is left out
    spike      R1 - R0 > P, and the next is below R1                  R1 is left out
    suspect    R1 - R0 > P, and it stays there                        R1 - R0, as estimated
    reset      R1 < R0, none of these                                 R1 if it is P at most, else 0

Energy between two readings is spread in a straight line over cells of the clock. The register at a
cell's edge is rounded down, so that cells telescope to what both readings differ by.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from psd.energy.channels import DERIVED, ESTIMATED, INTERPOLATED, MEASURED
from psd.measures.curve import HOUR_S

Reading = tuple[int, int]
Case = Literal["normal", "exchange", "rollover", "dip", "spike", "suspect", "reset"]

LEFT_OUT = frozenset({"dip", "spike"})

DIP_TENTHS = 9
"""Of what was shown before: less is no misreading."""


class Exchange(msgspec.Struct, frozen=True, gc=False):
    """When a meter was exchanged; what the old one showed last and the new one first."""

    second: int
    final_mwh: int
    first_mwh: int


class RegisterRule(msgspec.Struct, frozen=True):
    """What is known of a register; ``modulus_mwh`` is what it counts to before it shows 0."""

    max_mw: int
    gap_max_s: int = 7_200
    spread_max_s: int = 3_024_000
    modulus_mwh: int | None = None
    exchanges: tuple[Exchange, ...] = ()


class RegisterSpan(msgspec.Struct, frozen=True, gc=False):
    """Energy from one reading to the next that counts; readings in between were left out."""

    start: int
    end: int
    mwh: int
    quality: int
    case: Case
    left_out: int = 0


def spans(readings: Sequence[Reading], rule: RegisterRule) -> list[RegisterSpan]:
    """The spans of readings in order of their seconds, which are distinct."""
    found: list[RegisterSpan] = []
    left_out = 0
    for (start, _), (end, _), case, mwh in _told(readings, rule):
        if case in LEFT_OUT:
            left_out += 1
            continue
        found.append(
            RegisterSpan(start, end, mwh, _quality(case, end - start, rule), case, left_out)
        )
        left_out = 0
    return found


def cases(readings: Sequence[Reading], rule: RegisterRule) -> dict[int, Case]:
    """What each reading but the first says after the last one that counted, by its second."""
    return {end: case for _, (end, _), case, _ in _told(readings, rule)}


def _told(
    readings: Sequence[Reading], rule: RegisterRule
) -> Iterator[tuple[Reading, Reading, Case, int]]:
    """The last reading that counted, the next, its case, and the energy between them."""
    if not readings:
        return
    last = readings[0]
    for place in range(1, len(readings)):
        reading = readings[place]
        following = readings[place + 1] if place + 1 < len(readings) else None
        case, mwh = _case(last, reading, following, rule)
        yield last, reading, case, mwh
        if case not in LEFT_OUT:
            last = reading


def cells(
    found: Iterable[RegisterSpan], cell_s: int, spread_max_s: int
) -> dict[int, tuple[int, int]]:
    """(mWh, worst quality) by the first second of each cell that some span crosses.

    A span longer than ``spread_max_s`` has its energy in its last cell.
    """
    by_cell: dict[int, tuple[int, int]] = {}
    for span in found:
        for cell, mwh in _cells_of(span, cell_s, spread_max_s):
            before, quality = by_cell.get(cell, (0, MEASURED))
            by_cell[cell] = before + mwh, max(quality, span.quality)
    return by_cell


def _cells_of(span: RegisterSpan, cell_s: int, spread_max_s: int) -> Iterable[tuple[int, int]]:
    length = span.end - span.start
    if length > spread_max_s:
        yield (span.end - 1) // cell_s * cell_s, span.mwh
        return
    before = 0
    for cell in range(span.start // cell_s * cell_s, span.end, cell_s):
        after = span.mwh * (min(cell + cell_s, span.end) - span.start) // length
        yield cell, after - before
        before = after


def _quality(case: Case, length_s: int, rule: RegisterRule) -> int:
    if case == "reset":
        return DERIVED
    if case == "suspect":
        return ESTIMATED
    return INTERPOLATED if length_s > rule.gap_max_s else MEASURED


def _case(
    last: Reading, reading: Reading, following: Reading | None, rule: RegisterRule
) -> tuple[Case, int]:
    """What a reading says after the last one that counted, and the energy since."""
    (start, before), (end, now) = last, reading
    most = rule.max_mw * (end - start) // HOUR_S
    exchanges = [each for each in rule.exchanges if start < each.second <= end]
    if exchanges:
        mwh = now - before + sum(each.final_mwh - each.first_mwh for each in exchanges)
        if 0 <= mwh <= most:
            return "exchange", mwh
    if now >= before:
        return _risen(now - before, now, following, most)
    if rule.modulus_mwh is not None and now + rule.modulus_mwh - before <= most:
        return "rollover", now + rule.modulus_mwh - before
    if 10 * now >= DIP_TENTHS * before and following is not None and following[1] >= before:
        return "dip", 0
    return "reset", now if now <= most else 0


def _risen(mwh: int, now: int, following: Reading | None, most: int) -> tuple[Case, int]:
    if mwh <= most:
        return "normal", mwh
    if following is not None and following[1] < now:
        return "spike", 0
    return "suspect", mwh
