"""Registers, and which windows a late reading changes."""

from __future__ import annotations

import random

import pytest

from psd.energy import registers, resettling
from psd.energy.channels import DERIVED, ESTIMATED, INTERPOLATED, MEASURED, report_of
from psd.energy.registers import Exchange, Reading, RegisterRule, RegisterSpan
from psd.energy.resettling import Cells, NearReadings
from psd.measures.curve import cells

KWH = 10**6
RULE = RegisterRule(max_mw=14 * KWH, modulus_mwh=10**5 * KWH)
HOUR_S = 3_600


def readings(*kwh: float) -> list[Reading]:
    return [(HOUR_S * at, round(each * KWH)) for at, each in enumerate(kwh)]


@pytest.mark.parametrize(
    ("kwh", "expected"),
    [
        ((10, 11.5), [("normal", 1.5)]),
        ((99_999.5, 0.5), [("rollover", 1)]),
        ((100, 95, 101), [("normal", 1)]),
        ((100, 95), [("reset", 0)]),
        ((100, 3), [("reset", 3)]),
        ((100, 3, 101), [("reset", 3), ("suspect", 98)]),
        ((100, 200, 101), [("normal", 1)]),
        ((100, 200, 201), [("suspect", 100), ("normal", 1)]),
        ((100, 5_000, 4_900, 101), [("normal", 1)]),
        ((7,), []),
        ((), []),
    ],
)
def test_a_register_is_read_by_what_its_fuse_can_deliver(
    kwh: tuple[float, ...], expected: list[tuple[str, float]]
) -> None:
    found = registers.spans(readings(*kwh), RULE)
    assert [(span.case, span.mwh / KWH) for span in found] == expected


def test_an_exchange_counts_what_both_meters_showed() -> None:
    exchange = Exchange(1_800, final_mwh=101 * KWH, first_mwh=0)
    rule = RegisterRule(max_mw=14 * KWH, exchanges=(exchange,))
    [span] = registers.spans(readings(100, 2), rule)
    assert (span.case, span.mwh, span.quality) == ("exchange", 3 * KWH, MEASURED)


def test_the_quality_says_how_energy_came_about() -> None:
    far = [(0, 0), (HOUR_S, KWH), (4 * HOUR_S, 2 * KWH), (5 * HOUR_S, 90 * KWH), (6 * HOUR_S, KWH)]
    far.insert(4, (5 * HOUR_S + 60, 90 * KWH))
    qualities = [span.quality for span in registers.spans(far, RULE)]
    assert qualities == [MEASURED, INTERPOLATED, ESTIMATED, MEASURED, DERIVED]


def test_cells_of_a_register_telescope_to_what_was_used() -> None:
    found = registers.cells([RegisterSpan(100, 1_999, 1_000_001, MEASURED, "normal")], 300, 10**6)
    assert sum(mwh for mwh, _ in found.values()) == 1_000_001
    assert [*found] == [0, 300, 600, 900, 1_200, 1_500, 1_800]


def test_energy_of_a_very_long_time_is_booked_at_its_end() -> None:
    span = RegisterSpan(0, 10**7, KWH, INTERPOLATED, "normal")
    assert registers.cells([span], 300, 3_024_000) == {9_999_900: (KWH, INTERPOLATED)}


def test_an_activity_is_an_hour_of_a_register_or_begins_in_one() -> None:
    hour = 446_288 * HOUR_S
    short = report_of(20, 1, 3, (hour, hour + HOUR_S), 5, MEASURED)
    assert (short.aid, short.ts1, short.ts2) == (446_288 * 16 + 3, hour, hour + HOUR_S - 1)
    long = report_of(20, 1, 3, (hour, hour + HOUR_S + 1), 5, MEASURED)
    assert long.aid == -1 - short.aid


def around(held: list[Reading], within: tuple[int, int], look: int) -> NearReadings:
    """As the store hands readings over: some more on both sides."""
    low = [place for place, (second, _) in enumerate(held) if second < within[0]]
    high = [place for place, (second, _) in enumerate(held) if second > within[1]]
    first, last = max(len(low) - look, 0), min(len(held) - len(high) + look, len(held))
    return NearReadings(held[first:last], first == 0, last == len(held))


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("kind", ["power", "register"])
def test_readings_that_come_in_any_order_leave_the_energy_of_all_of_them(
    kind: str, seed: int
) -> None:
    draw = random.Random(seed)
    seconds = draw.sample(range(0, 40_000, draw.choice([1, 60, 300])), 60)
    register, sent = 10**8, []
    for second in sorted(seconds):
        register += draw.randint(0, 10**5)
        for _ in range(draw.choice([1, 1, 2])):
            strange = draw.choice([0, 0, 0, 0, -(10**6), 10**8, -register])
            sent.append((second, max(register + strange * draw.randint(0, 1), 0)))
    draw.shuffle(sent)
    rule = RegisterRule(max_mw=2 * 10**7, spread_max_s=draw.choice([600, 1_500, 10**6]))
    held: dict[int, int] = {}
    booked: Cells = {}
    runs: list[tuple[int, int]] = []
    for second, value in sent:
        held[second] = value
        within, look, settled = (second, second), 2, None
        while settled is None:
            kept = around(sorted(held.items()), within, look)
            settled = (
                resettling.power(kept, *within, 300, 1_000)
                if kind == "power"
                else resettling.register(kept, *within, 300, rule)
            )
            look *= 2
        booked |= settled.cells | resettling.bared(settled, booked)
        runs = resettling.merged([*runs, *settled.runs])
    readings = sorted(held.items())
    whole = (
        {cell: (mwh, MEASURED) for cell, mwh in cells(readings, 300, 1_000).items()}
        if kind == "power"
        else registers.cells(registers.spans(readings, rule), 300, rule.spread_max_s)
    )
    assert with_energy(booked) == with_energy(whole)
    if kind == "register":
        assert runs == [(min(held), max(held))]


def with_energy(found: Cells) -> Cells:
    return {cell: told for cell, told in found.items() if told[0]}
