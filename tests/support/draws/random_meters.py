"""Random histories of a meter: readings of all kinds, corrected, repeated, in any order.

::

    history = MeterHistory(random.Random(7), "m")
    history.draw()
    history.mistakes     [("power", {"meter": "m", "register": 0, "points": [[1606637100, "3.5"]]})]
    history.sent         what corrects them, and the rest; somewhere among it what the meter is
    history.plain        a PlainMeter that has all of it
"""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

from psd.energy.meter_answers import UsageAnswer
from tests.support.plain.plain_energy import CELL_S, PlainMeter

T0 = 1_606_636_800
"""2020-11-29 08:00 UTC, an edge of cells and hours."""

HOURS = 12
END = T0 + HOURS * 3_600

Document = tuple[str, dict[str, Any]]


def text(number: Fraction) -> str:
    """As a meter writes it: drawn numbers have at most three decimals."""
    return f"{float(number):.3f}"


class MeterHistory:
    """What one meter sends, mistakes before what corrects them, and what it comes to."""

    def __init__(self, rng: random.Random, name: str) -> None:
        self._rng = rng
        self._name = name
        self.plain = PlainMeter()
        self.mistakes: list[Document] = []
        self.sent: list[Document] = []

    def draw(self) -> None:
        """Some of everything, each register of its own kind."""
        for register, kind in enumerate(("power", "register", "intervals", "power", "register")):
            getattr(self, f"_{kind}")(register)
        self._describe()

    def _seconds(self) -> list[int]:
        step = self._rng.choice((60, 300, 900, 1_000))
        return sorted(self._rng.sample(range(T0, END + 1, step), min(40, HOURS * 3_600 // step)))

    def _power(self, register: int) -> None:
        points = {at: Fraction(self._rng.randint(0, 9_000), 1_000) for at in self._seconds()}
        self.plain.powers[register] = points
        self._send("power", register, points)

    def _register(self, register: int) -> None:
        shown, points = Fraction(self._rng.choice((5, 99_900))), {}
        for at in self._seconds():
            shown += Fraction(self._rng.randint(0, 2_000), 1_000)
            odd = self._rng.choice((0, 0, 0, 0, 0, -1, 5_000, -shown))
            points[at] = max(shown + odd, Fraction(0)) % 10**5
        self.plain.registers[register] = points
        self._send("register", register, points)

    def _intervals(self, register: int) -> None:
        rows = {
            (at, at + 1_800): Fraction(self._rng.randint(0, 900), 1_000)
            for at in range(T0, END, 1_800)
            if self._rng.random() < 0.8
        }
        self.plain.intervals[register] = rows
        wrong = [window for window in rows if self._rng.random() < 0.2]
        listed = [[*window, "7.5", "estimated"] for window in wrong]
        told = [[*window, text(kwh)] for window, kwh in rows.items()]
        self._parts("intervals", register, "rows", listed, told)

    def _send(self, command: str, register: int, points: dict[int, Fraction]) -> None:
        wrong = [[at, "3.5"] for at in points if self._rng.random() < 0.2]
        told = [[at, text(value)] for at, value in points.items()]
        self._parts(command, register, "points", wrong, told)

    def _parts(
        self, command: str, register: int, name: str, wrong: list[Any], told: list[Any]
    ) -> None:
        """What is wrong, and all as it is, in any order, some of it twice."""
        again = self._rng.sample(told, len(told) // 3)
        for sent, rows in ((self.mistakes, wrong), (self.sent, told), (self.sent, again)):
            self._rng.shuffle(rows)
            size = self._rng.choice((1, 3, 11, 50))
            for at in range(0, len(rows), size):
                fields = {"meter": self._name, "register": register, name: rows[at : at + size]}
                sent.append((command, fields))

    def _describe(self) -> None:
        plain, rng = self.plain, self._rng
        plain.gap_max_s = rng.choice((900, 3_600, 7_200))
        plain.max_kw = Fraction(rng.choice((2, 14, 100)))
        plain.digits = rng.choice((None, 5))
        said: list[dict[str, Any]] = [
            {"gap_max_s": 60, "max_kw": 1, "digits": 3, "time": T0 - 9},
            {"gap_max_s": plain.gap_max_s, "time": T0 - 5},
            {"max_kw": text(plain.max_kw), "digits": plain.digits, "time": T0 - 4},
        ]
        for fields in rng.sample(said, len(said)):
            told: dict[str, Any] = {"meter": self._name, **fields}
            self.sent.insert(rng.randrange(len(self.sent)), ("meter", told))

    def parted(self) -> tuple[list[Document], list[Document]]:
        """For two workers: a channel's messages stay in order, those about the meter go to both."""
        parts: tuple[list[Document], list[Document]] = ([], [])
        for command, fields in (*self.mistakes, *self.sent):
            for number, part in enumerate(parts):
                if command == "meter" or fields["register"] % 2 == number:
                    part.append((command, fields))
        return parts


def check_usage(told: UsageAnswer, plain: PlainMeter) -> None:
    """What a meter has used of each five minutes, and of all, is what plain Fractions say.

    Of each of five channels an edge within an hour is rounded once, half to even or down.
    """
    for row, start in zip(told.data, range(T0, END, CELL_S), strict=True):
        exact = plain.kwh(start, start + CELL_S) * 10**6
        assert abs(row.mwh - exact) <= 2 * 5, row.start
    assert abs(told.total.mwh - plain.kwh(T0, END) * 10**6) <= 2 * HOURS
    assert told.coverage == round(plain.metered_s(T0, END) / (END - T0), 6)
