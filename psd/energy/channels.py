"""Channels: what a meter shows, one number each; and how the energy of one is booked. Pure.

A channel is a flow and a register of a meter: ``i0`` is what it takes by its register 0. The first
data of a channel says of which kind they are, so that nothing is counted twice. Energy is booked in
mWh, of the thing of its flow, for the meter's own number::

    half an hour from 1606636800, register 1  -> aid 446288 * 16 + 1, up to 1606638599
    a day from there                          -> aid -1 - that

An hour of a register is one activity, so that finer data within an hour meet coarser ones. The atid
is the quality, of which the worst has the greatest number.
"""

from __future__ import annotations

import unicodedata
from typing import Literal

import msgspec

from psd.engine.events import Report
from psd.errors import OutOfBoundsError, TooLargeError, WrongTypeError
from psd.foreign_texts import shown
from psd.measures.curve import HOUR_S
from psd.users import uid_of

Flow = Literal["import", "export", "generation"]
Kind = Literal["power", "register", "intervals"]

THINGS: dict[Flow, str] = {
    "import": "energy_import",
    "export": "energy_export",
    "generation": "energy_generated",
}
"""The things that energy is booked as, by flow."""

REGISTERS = 16
METERS = "meter"
"""The space of meters' names (psd/users.py)."""

NAME_BYTES_MAX = 128

MEASURED, ESTIMATED, INTERPOLATED, DERIVED = range(4)
"""Qualities: as the meter says; estimated by whoever sends, or a spike; spread by psd over a long
gap; what a register shows after it began anew."""

QUALITIES = {"measured": MEASURED, "estimated": ESTIMATED}

_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})


class MeterChannel(msgspec.Struct, frozen=True, gc=False):
    """A flow and a register of a meter."""

    flow: Flow
    register: int

    @property
    def name(self) -> str:
        """As it stands in keys."""
        return f"{self.flow[0]}{self.register}"


class EnergyInterval(msgspec.Struct, frozen=True, gc=False):
    """mWh from a second up to before another."""

    start: int
    end: int
    mwh: int
    flow: Flow
    quality: int


def channels_of(flow: Flow) -> list[MeterChannel]:
    """Every channel that a meter may have of a flow."""
    return [MeterChannel(flow, register) for register in range(REGISTERS)]


def meter_name(text: str) -> str:
    """A meter's name as psd keeps it; raises an InputError that names the rule which it breaks."""
    name = unicodedata.normalize("NFC", text)
    if not name:
        raise OutOfBoundsError("meter: a name has at least one letter")
    if len(name.encode("utf-8", "surrogatepass")) > NAME_BYTES_MAX:
        raise TooLargeError(f"meter: {shown(name)} is longer than {NAME_BYTES_MAX} bytes")
    if any(unicodedata.category(letter) in _CONTROL for letter in name):
        raise WrongTypeError(f"meter: {shown(name)} holds a control character; a name has none")
    return name


def meter_uid(name: str) -> int:
    """The number of a meter."""
    return uid_of(METERS, name)


def report_of(
    thing: int, uid: int, register: int, window: tuple[int, int], mwh: int, quality: int
) -> Report:
    """What is booked of the energy of a window, which ends before its second second."""
    start, end = window
    aid = start // HOUR_S * REGISTERS + register
    if (end - 1) // HOUR_S != start // HOUR_S:
        aid = -1 - aid
    return Report(thing, uid, quality, aid, mwh, start, end - 1)
