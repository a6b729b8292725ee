"""Meters for section u: what they send, the plans they are billed by, and files of them.

A meter of half-hours uses between 0.02 and 0.9 kWh in each. How its messages come is what costs::

    interleaved   each half-hour every meter sends one interval     100 meters, 30 days: 144,000
    by day        each day every meter sends 48                                          3,000

Timetables are 20 that differ in their hours, days, seasons and holidays; four rates each.
"""

from __future__ import annotations

import datetime as dt
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from psd.measures.units import text_of

TZ = "Europe/London"
YEAR = 2025
HALF_HOUR_S = 1_800
A_DAY = 48
PLANS = 20

GREEN_BUTTON = Path("tests/golden/energy/greenbutton_hourly_9days.xml")
GREEN_BUTTON_BYTES = 1_800_000
NINE_DAYS_S = 9 * 86_400

Interval = tuple[int, int, int]
"""Meter, first second, mWh; it lasts half an hour."""

WINTER, SUMMER = [11, 12, 1, 2], [5, 6, 7, 8]
WEEKDAYS, WEEKEND = [1, 2, 3, 4, 5], [6, 7]
HOLIDAYS = [f"{YEAR}-01-01", f"{YEAR}-04-18", f"{YEAR}-05-05", f"{YEAR}-12-25", f"{YEAR}-12-26"]


def plan_of(place: int) -> dict[str, Any]:
    """A plan of four rates, of one timetable; each has other prices."""
    return _plan(place, (16, 19), (16, 20), (23, 5), WINTER)


def timetable_of(place: int) -> dict[str, Any]:
    """A plan of four rates with hours, days and months of its own."""
    peak, night = 15 + place % 5, 21 + place % 3
    months = (WINTER, SUMMER, [*WINTER, 3], [6, 7])[place % 4]
    plan = _plan(place, (peak, peak + 3), (peak - 1, peak + 4), (night, 4 + place % 4), months)
    if place % 2:
        plan["holidays"] = HOLIDAYS
    if place % 3 == 1:
        plan["rates"].insert(0, {"name": "weekend", "rate": "0.1530", "days": WEEKEND})
        del plan["rates"][2]
    return plan


def _plan(
    place: int,
    peak: tuple[int, int],
    shoulder: tuple[int, int],
    night: tuple[int, int],
    months: Sequence[int],
) -> dict[str, Any]:
    peaks = {"days": WEEKDAYS, "months": months, **_hours(*peak)}
    return {
        "currency": "GBP",
        "tz": TZ,
        "standing": {"per": "day", "amount": "0.4512"},
        "vat_percent": "5",
        "rates": [
            {"name": "peak", "rate": f"0.{3412 + place}", **peaks},
            {"name": "shoulder", "rate": f"0.{2810 + place}", **_hours(*shoulder)},
            {"name": "night", "rate": f"0.0{750 + place}", "from": f"{night[0]:02}:30"}
            | {"to": f"{night[1]:02}:30"},
            {"name": "base", "rate": f"0.{2410 + place}"},
        ],
    }


def _hours(first: int, last: int) -> dict[str, str]:
    return {"from": f"{first:02}:00", "to": f"{last:02}:00"}


def midnight(month: int) -> int:
    """The second at which a month of the year begins; the 13th is the next January."""
    year, month = divmod(month - 1, 12)
    return int(dt.datetime(YEAR + year, month + 1, 1, tzinfo=ZoneInfo(TZ)).timestamp())


def half_hours(meter: int) -> list[tuple[int, int]]:
    """Start and mWh of a meter's year."""
    draw = random.Random(f"energy {meter}")
    seconds = range(midnight(1), midnight(13), HALF_HOUR_S)
    return [(second, draw.randint(20_000, 900_000)) for second in seconds]


def intervals_of(meters: int, days: int) -> list[Interval]:
    """What so many meters send in the year's first days, half-hour by half-hour."""
    draw = random.Random("energy interleaved")
    first = midnight(1)
    return [
        (meter, first + place * HALF_HOUR_S, draw.randint(20_000, 900_000))
        for place in range(days * A_DAY)
        for meter in range(meters)
    ]


def interleaved(intervals: Sequence[Interval]) -> list[bytes]:
    """A message an interval, in their order."""
    return [message(meter, [(start, mwh)]) for meter, start, mwh in intervals]


def by_day(intervals: Sequence[Interval]) -> list[bytes]:
    """A message a meter and day."""
    found: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for meter, start, mwh in intervals:
        found.setdefault((start // 86_400, meter), []).append((start, mwh))
    return [message(meter, rows) for (_, meter), rows in found.items()]


def message(meter: int, rows: Sequence[tuple[int, int]]) -> bytes:
    """As a meter's gateway sends it."""
    return msgspec.json.encode({"command": "intervals", "intervals": fields(meter, rows)})


def fields(meter: int, rows: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Energy of half-hours in kWh."""
    told = [[start, start + HALF_HOUR_S, text_of(mwh)] for start, mwh in rows]
    return {"meter": meter_of(meter), "rows": told}


def meter_of(meter: int) -> str:
    """The name of a meter."""
    return f"m-{meter}"


def green_button() -> bytes:
    """A Green Button file of 1.8 MB: nine days over and over, each time nine days later."""
    text = GREEN_BUTTON.read_text()
    head, _, tail = text.partition("<entry>\n")
    blocks = re.findall(r"<entry>.*?</entry>\s*", "<entry>\n" + tail, re.DOTALL)
    days = "".join(block for block in blocks if "<IntervalBlock" in block)
    others = "".join(block for block in blocks if "<IntervalBlock" not in block)
    times = -(-(GREEN_BUTTON_BYTES - len(head) - len(others)) // len(days))
    return "".join([head, others, *_later(days, times), "</feed>"]).encode()


def _later(days: str, times: int) -> Iterator[str]:
    for turn in range(times):
        ahead_s = turn * NINE_DAYS_S

        def start(found: re.Match[str], ahead_s: int = ahead_s) -> str:
            return f"<start>{int(found[1]) + ahead_s}</start>"

        yield re.sub(r"<start>(\d+)</start>", start, days)
