"""What sessions and accounts come to, in plain Python: one thread, lists, fractions, no store.

It is told what was delivered to anybody, in whatever order, and knows of a session from when it was
asked for to when its relay was known to be off::

    plain = PlainCharging(price=30)
    plain.read("p1", ms=0, ma=10_000, mv=240_000)
    plain.session("id-2", "p1", "u1", 0, 3_600_000)
    plain.post("u1", "opening/1", 5_000)
    plain.cents("id-2"), plain.balance("u1"), plain.cells("id-2")
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

GAP_MAX_MS = 60_000
UWS_A_MWH = 3_600_000_000
"""Microwatt times milliseconds of a milliwatt-hour."""


class PlainSession(NamedTuple):
    """From the request to the answer that the relay is off."""

    plug: str
    customer: str
    start_ms: int
    finish_ms: int


class PlainCharging:
    """Everything that was ever said, each thing once."""

    def __init__(self, price: int = 30) -> None:
        self.price = price
        self.readings: defaultdict[str, dict[int, int]] = defaultdict(dict)
        self.sessions: dict[str, PlainSession] = {}
        self.entries: defaultdict[str, dict[str, int]] = defaultdict(dict)

    def read(self, plug: str, ms: int, ma: int, mv: int) -> None:
        """A reading came; of one instant the first stands."""
        self.readings[plug].setdefault(ms, ma * mv)

    def session(self, id_: str, plug: str, customer: str, start_ms: int, finish_ms: int) -> None:
        """A session was."""
        self.sessions[id_] = PlainSession(plug, customer, start_ms, finish_ms)

    def post(self, customer: str, id_: str, cents: int) -> None:
        """Money came or went, once for its id."""
        self.entries[customer].setdefault(id_, cents)

    def pieces(self, id_: str) -> list[tuple[int, int, int]]:
        """From when to when, in milliseconds, and with what power."""
        _, _, start_ms, finish_ms = session = self.sessions[id_]
        readings = self.readings[session.plug]
        instants = sorted(ms for ms in readings if start_ms <= ms <= finish_ms)
        return [
            (before, after, readings[after])
            for before, after in pairwise(instants)
            if after - before <= GAP_MAX_MS
        ]

    def nj(self, id_: str) -> int:
        """Energy in nanojoules."""
        return sum((after - before) * power for before, after, power in self.pieces(id_))

    def cents(self, id_: str) -> int:
        """What it costs, cut."""
        return int(Fraction(self.nj(id_) * self.price, UWS_A_MWH * 1_000_000))

    def cells(self, id_: str) -> dict[int, int]:
        """MWh by minutes, such that those of an hour add up to the rounded hour."""
        exact: defaultdict[int, Fraction] = defaultdict(Fraction)
        for before, after, power in self.pieces(id_):
            at = before
            while at < after:
                end = min(after, (at // 60_000 + 1) * 60_000)
                exact[at // 60_000 * 60] += Fraction((end - at) * power, UWS_A_MWH)
                at = end
        found: dict[int, int] = {}
        for minute in sorted(exact):
            in_hour = [each for each in exact if each // 3600 == minute // 3600 and each <= minute]
            until = round(sum((exact[each] for each in in_hour), Fraction(0)))
            found[minute] = until - sum(found[each] for each in in_hour if each < minute)
        return found

    def mwh_of(self, *, plug: str | None = None, customer: str | None = None) -> int:
        """All energy of a plug, or of a customer."""
        return sum(
            sum(self.cells(id_).values())
            for id_, session in self.sessions.items()
            if plug in (None, session.plug) and customer in (None, session.customer)
        )

    def balance(self, customer: str) -> int:
        """What a customer has."""
        bills = [
            self.cents(id_)
            for id_, session in self.sessions.items()
            if session.customer == customer
        ]
        return sum(self.entries[customer].values()) - sum(bills)
