"""Random histories of a meter: readings of all kinds, corrected, repeated, in any order.

::

    history = MeterHistory(random.Random(7), "m")
    history.draw()
    history.mistakes     [("power", {"meter": "m", "register": 0, "points": [[1603563000, "3.5"]]})]
    history.sent         what corrects them, and the rest; somewhere among it what the meter is
    history.plain        by flow a PlainMeter that has all of it

The clocks of London go back in the middle of it.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from psd.energy.meter_answers import UsageAnswer
from psd.times import timestamp
from tests.support.plain.plain_energy import HOUR_S, PlainMeter, Window

T0 = 1_603_562_400
"""2020-10-24 18:00 UTC, an edge of cells and hours."""

HOURS = 12
END = T0 + HOURS * HOUR_S

FLOWS = ("import", "export", "generation")

Document = tuple[str, dict[str, Any]]


def text(number: Fraction) -> str:
    """As a meter writes it: drawn numbers have at most three decimals."""
    return f"{float(number):.3f}"


class MeterHistory:
    """What one meter sends, mistakes before what corrects them, and what it comes to."""

    def __init__(self, rng: random.Random, name: str, spread_max_s: int = 3_024_000) -> None:
        self._rng = rng
        self._name = name
        self.plain = {flow: PlainMeter(spread_max_s=spread_max_s) for flow in FLOWS}
        self.mistakes: list[Document] = []
        self.sent: list[Document] = []
        self._said: list[dict[str, Any]] = []

    def draw(self) -> None:
        """Some of everything, each channel of its own kind."""
        for register, kind in enumerate(("power", "register", "intervals", "power", "register")):
            getattr(self, f"_{kind}")("import", register)
        self._register("import", 5, exchanges=2)
        self._intervals("import", 6, self._odd_windows())
        self._signed(7)
        self._power("import", 8, counts=False)
        self._register("export", 0)
        self._intervals("export", 1, self._odd_windows())
        self._power("generation", 0)
        self._describe()

    def _seconds(self) -> list[int]:
        step = self._rng.choice((60, 300, 900, 1_000))
        return sorted(self._rng.sample(range(T0, END + 1, step), min(40, HOURS * HOUR_S // step)))

    def _power(self, flow: str, register: int, *, counts: bool = True) -> None:
        points = {at: self._thousandths(0, 9_000) for at in self._seconds()}
        if counts:
            self.plain[flow].powers[register] = points
        self._send("power", flow, register, points, counts=counts)

    def _signed(self, register: int) -> None:
        """Power of both signs: what is below 0 is an export."""
        points = {at: self._thousandths(-9_000, 9_000) for at in self._seconds()}
        self.plain["import"].powers[register] = points
        self.plain["export"].powers[register] = {at: -kw for at, kw in points.items()}
        self._send("power", "import", register, points, signed=True)

    def _register(self, flow: str, register: int, exchanges: int = 0) -> None:
        shown, points, seconds = Fraction(self._rng.choice((5, 99_900))), {}, self._seconds()
        exchanged = self._rng.sample(range(1, len(seconds)), exchanges)
        for place, at in enumerate(seconds):
            shown += self._thousandths(0, 2_000)
            if place in exchanged:
                shown = self._exchange(flow, register, (seconds[place - 1] + 1, at), shown)
            odd = self._rng.choice((0, 0, 0, 0, 0, -1, 5_000, -shown))
            points[at] = max(shown + odd, Fraction(0)) % 10**5
        self.plain[flow].registers[register] = points
        self._send("register", flow, register, points)

    def _exchange(self, flow: str, register: int, within: Window, final: Fraction) -> Fraction:
        """Another meter takes the place of one; what it shows first."""
        second, first = self._rng.randint(*within), self._thousandths(0, 50_000)
        known = self.plain[flow].exchanges.setdefault(register, {})
        known[second] = (final, first)
        told = {"time": second, "final": text(final), "first": text(first)}
        of = {"flow": flow, "register": register}
        self._said.append({"time": T0 - 3, "exchange": {**told, **of}})
        return first

    def _half_hours(self) -> list[Window]:
        return [(at, at + 1_800) for at in range(T0, END, 1_800)]

    def _odd_windows(self) -> list[Window]:
        """Of other lengths: parts of hours beside the whole hours, and some across their ends."""
        found = []
        for length_s in (900, 1_800, HOUR_S):
            found += [(at, at + length_s) for at in range(T0, END, length_s)]
        found += [(at + 2_700, at + 2 * HOUR_S) for at in range(T0, END - HOUR_S, 3 * HOUR_S)]
        return self._rng.sample(found, len(found) // 2)

    def _intervals(self, flow: str, register: int, windows: list[Window] | None = None) -> None:
        drawn = self._half_hours() if windows is None else windows
        rows = {each: self._thousandths(0, 900) for each in drawn if self._rng.random() < 0.8}
        self.plain[flow].intervals[register] = rows
        wrong = [window for window in rows if self._rng.random() < 0.2]
        listed = [[*window, "7.5", "estimated"] for window in wrong]
        told = [[*window, text(kwh)] for window, kwh in rows.items()]
        self._parts("intervals", {"flow": flow, "register": register}, "rows", listed, told)

    def _thousandths(self, least: int, most: int) -> Fraction:
        return Fraction(self._rng.randint(least, most), 1_000)

    def _send(
        self, command: str, flow: str, register: int, points: dict[int, Fraction], **of: Any
    ) -> None:
        wrong = [[at, "3.5"] for at in points if self._rng.random() < 0.2]
        told = [[at, text(value)] for at, value in points.items()]
        self._parts(command, {"flow": flow, "register": register, **of}, "points", wrong, told)

    def _parts(
        self, command: str, of: dict[str, Any], name: str, wrong: list[Any], told: list[Any]
    ) -> None:
        """What is wrong, and all as it is, in any order, some of it twice."""
        again = self._rng.sample(told, len(told) // 3)
        for sent, rows in ((self.mistakes, wrong), (self.sent, told), (self.sent, again)):
            self._rng.shuffle(rows)
            size = self._rng.choice((1, 3, 11, 50))
            for at in range(0, len(rows), size):
                sent.append((command, {"meter": self._name, **of, name: rows[at : at + size]}))

    def _describe(self) -> None:
        rng = self._rng
        gap_max_s, max_kw = rng.choice((900, 3_600, 7_200)), Fraction(rng.choice((2, 14, 100)))
        digits = rng.choice((None, 5))
        for plain in self.plain.values():
            plain.gap_max_s, plain.max_kw, plain.digits = gap_max_s, max_kw, digits
        said: list[dict[str, Any]] = [
            *self._said,
            {"gap_max_s": 60, "max_kw": 1, "digits": 3, "time": T0 - 9},
            {"gap_max_s": gap_max_s, "time": T0 - 5},
            {"max_kw": text(max_kw), "digits": digits, "time": T0 - 4},
        ]
        rng.shuffle(self.sent)
        for fields in rng.sample(said, len(said)):
            told: dict[str, Any] = {"meter": self._name, **fields}
            self.sent.insert(rng.randrange(len(self.sent)), ("meter", told))

    def parted(self, documents: Iterable[Document]) -> tuple[list[Document], list[Document]]:
        """For two workers, a few to both: parts of one channel go to either."""
        parts: tuple[list[Document], list[Document]] = ([], [])
        for document in documents:
            for part in self._rng.choice(((0,), (1,), (0, 1))):
                parts[part].append(document)
        return parts


def check_usage(told: UsageAnswer, plain: PlainMeter) -> None:
    """What a flow has used in each part of a range, and when it is metered, to the last mWh."""
    starts = [timestamp(row.start) for row in told.data]
    start, end = starts[0], timestamp(told.data[-1].end)
    sums, estimated = [0] * len(starts), [0] * len(starts)
    for second, mwh, is_measured in plain.bookings(T0, END):
        if start <= second < end:
            place = bisect_right(starts, second) - 1
            sums[place] += mwh
            estimated[place] += 0 if is_measured else mwh
    assert [(row.mwh, row.estimated_mwh) for row in told.data] == [
        *zip(sums, estimated, strict=True)
    ]
    assert told.total.mwh == sum(sums)
    gaps = plain.gaps(start, end)
    assert [(timestamp(gap.start), timestamp(gap.end)) for gap in told.gaps] == gaps
    missing_s = sum(last - first for first, last in gaps)
    assert told.coverage == round((end - start - missing_s) / (end - start), 6)
