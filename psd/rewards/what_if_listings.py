"""What is answered of weeks by other tables: for server and client.

::

    {"tables":[{"number":1,"version":"2022-seed","digest":"32e13f397c7d"}],
     "data":[{"week":4,"number":1,"rows_changed":3,...,"points_before":8000,"points":14000,...}],
     "examples":[{"week":4,"number":1,"vehicle":"7","streak_before":0,"streak":5,...}]}
"""

from __future__ import annotations

import msgspec

from psd.frames import Rows


class TriedTables(msgspec.Struct, frozen=True):
    """Tables that were tried, by their number in the request, from 1."""

    number: int
    version: str
    digest: str


class TriedWeek(msgspec.Struct, frozen=True):
    """A week by some tables, against what is visible of it. Tokens are in 10^-18, as texts.

    ``tokens_gained`` is what all vehicles together would get more, ``tokens_lost`` what others
    would get less.
    """

    week: int
    number: int
    rows_changed: int
    connected: int
    points_before: int
    points: int
    tokens_before: str
    tokens: str
    tokens_gained: str
    tokens_lost: str


class TriedVehicle(msgspec.Struct, frozen=True):
    """A vehicle whose week differs; null where it has no row."""

    week: int
    number: int
    vehicle: str
    streak_before: int | None
    streak: int | None
    points_before: int | None
    points: int | None
    tokens_before: str
    tokens: str


class WhatIfAnswer(Rows, frozen=True):
    """Weeks by other tables; ``examples`` are the first vehicles of each that differ."""

    tables: list[TriedTables]
    data: list[TriedWeek]
    examples: list[TriedVehicle]
