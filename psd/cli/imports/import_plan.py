"""What the command line of ``psd import`` says of a file, until its columns are known.

::

    --uid Id --time At --thing steps=Steps --thing energy=kWh --scale energy=1000
    Plan(uid="Id", time="At", things={"steps": "Steps", "energy": "kWh"}, scales={"energy": 1000})
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import msgspec

from psd.cli.imports.import_cells import scale_of
from psd.cli.imports.import_rows import Columns, column_or_constant
from psd.cli.imports.import_tables import NAMED_DELIMITERS, Form
from psd.config import Settings
from psd.zones import UTC


class Plan(msgspec.Struct, frozen=True):
    """What the command line asks for.

    ``atid`` and ``aid`` are still a column or a number; None, where nothing was given, is atid 0
    and the row's time.
    """

    file: Path
    form: Form
    uid: str
    time: str
    time_format: str | None
    things: dict[str, str]
    atid: str | None = None
    aid: str | None = None
    tz: ZoneInfo = UTC
    scales: Mapping[str, Fraction] = {}
    skip_blank: bool = False

    def columns(self, known: list[str]) -> Columns:
        """The plan in terms of the columns that the file has."""
        columns = Columns(
            self.uid,
            self.time,
            self.things,
            0 if self.atid is None else column_or_constant(self.atid, known),
            None if self.aid is None else column_or_constant(self.aid, known),
            self.time_format,
            self.tz,
            self.scales,
            self.skip_blank,
        )
        columns.check(known)
        return columns

    def wanted(self) -> list[str]:
        """Columns that the heading must have, whatever parts it."""
        return [self.uid, self.time, *self.things.values()]


def named_things(pairs: tuple[str, ...], settings: Settings) -> dict[str, str]:
    """``("steps=StepTotal",)`` -> ``{"steps": "StepTotal"}``; refuses unknown things."""
    things: dict[str, str] = {}
    for pair in pairs:
        thing, equals, column = pair.partition("=")
        if not equals or not column:
            raise click.BadParameter(f"{pair!r} is not THING=COL", param_hint="--thing")
        if thing not in settings.things:
            known = ", ".join(sorted(settings.things))
            raise click.BadParameter(
                f"{thing!r} is not configured; known are {known}", param_hint="--thing"
            )
        if thing in things:
            raise click.BadParameter(f"{thing!r} is given twice", param_hint="--thing")
        things[thing] = column
    return things


def named_scales(given: tuple[str, ...], things: Mapping[str, str]) -> dict[str, Fraction]:
    """``("1000",)`` is of every thing, ``("energy=1000",)`` of one; refuses others and zero."""
    scales: dict[str, Fraction] = {}
    for text in given:
        thing, equals, factor = text.rpartition("=")
        named = [thing] if equals else [*things]
        for each in named:
            if each not in things:
                raise click.BadParameter(f"{each!r} is no --thing", param_hint="--scale")
            if each in scales:
                raise click.BadParameter(f"{each!r} has two scales", param_hint="--scale")
            try:
                scales[each] = scale_of(factor)
            except ValueError as exc:
                raise click.BadParameter(str(exc), param_hint="--scale") from exc
    return scales


def delimiter_of(text: str) -> str:
    """What --delimiter names (a click type): one character, or ``tab`` and its like."""
    delimiter = NAMED_DELIMITERS.get(text.lower(), text)
    if len(delimiter) != 1 or delimiter in '"\r\n\0' or delimiter.isalnum():
        known = ", ".join(name for name in NAMED_DELIMITERS if name.isalpha())
        raise click.BadParameter(f"{text!r} is neither one sign nor one of {known}")
    return delimiter
