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
from functools import lru_cache
from typing import Literal, cast

import msgspec

from psd.engine.events import Report
from psd.errors import BadQueryError, ConflictError, OutOfBoundsError, TooLargeError, WrongTypeError
from psd.foreign_texts import shown
from psd.measures.curve import HOUR_S
from psd.names import unknown
from psd.users import uid_of

Flow = Literal["import", "export", "generation"]
Kind = Literal["power", "register", "intervals"]

THINGS: dict[Flow, str] = {
    "import": "energy_import",
    "export": "energy_export",
    "generation": "energy_generated",
}
"""The things that energy is booked as, by flow."""

_FLOWS: dict[str, Flow] = {flow[0]: flow for flow in THINGS}

REGISTERS = 16
METERS = "meter"
"""The space of meters' names (psd/users.py)."""

NAME_BYTES_MAX = 128

MEASURED, ESTIMATED, INTERPOLATED, DERIVED = range(4)
"""Qualities: as the meter says; estimated by whoever sends, or a spike; spread by psd over a long
gap; what a register shows after it began anew."""

QUALITIES = {"measured": MEASURED, "estimated": ESTIMATED}

QUALITY_NAMES = ("measured", "estimated", "interpolated", "derived")
"""As they are told, by number."""

BESIDE = " beside"
DELIVERED = "delivered"
"""Beside kinds: of a channel of exports, whose energy is the power below 0 of that of imports."""

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


def flow_named(name: str) -> Flow:
    """The flow of a name; raises BadQueryError."""
    if name not in THINGS:
        raise BadQueryError(f"flow: {shown(name)} {unknown(name, THINGS)}")
    return name


def flow_order(channel: MeterChannel) -> tuple[int, int]:
    """By flow, as they are listed, and by register."""
    return list(THINGS).index(channel.flow), channel.register


@lru_cache(maxsize=len(THINGS) * REGISTERS)
def meter_channel(flow: Flow, number: int) -> MeterChannel:
    """The channel of a register; raises OutOfBoundsError for a register that no meter has."""
    if not 0 <= number < REGISTERS:
        raise OutOfBoundsError(f"register: {number} must lie between 0 and {REGISTERS - 1}")
    return MeterChannel(flow, number)


def channel_of(name: str) -> MeterChannel:
    """The channel of a name, as ``i0``."""
    return MeterChannel(_FLOWS[name[0]], int(name[1:]))


def is_channel(name: str) -> bool:
    """Whether a name is a channel's."""
    return name[:1] in _FLOWS and name[1:].isdecimal()


def kept_kind(kind: Kind, *, counts: bool) -> str:
    """The kind of a channel as it is kept: what does not count stands beside what does."""
    return kind if counts else kind + BESIDE


def counting_kind(kept: str) -> tuple[Kind, bool]:
    """The kind of a channel by what is kept of it, and whether it counts.

    What a channel delivers that shows power of both signs is ``delivered``.
    """
    kind = kept.removesuffix(BESIDE)
    return cast(Kind, "power" if kind == DELIVERED else kind), kind == kept


def meter_name(text: str) -> str:
    """A meter's name as psd keeps it; raises an InputError that names the rule which it breaks."""
    return checked_name("meter", text)


@lru_cache(maxsize=65_536)
def checked_name(field: str, text: str) -> str:
    """A name of something; raises an InputError that names the field and the rule."""
    name = unicodedata.normalize("NFC", text)
    if not name:
        raise OutOfBoundsError(f"{field}: a name has at least one letter")
    if len(name.encode("utf-8", "surrogatepass")) > NAME_BYTES_MAX:
        raise TooLargeError(f"{field}: {shown(name)} is longer than {NAME_BYTES_MAX} bytes")
    if any(unicodedata.category(letter) in _CONTROL for letter in name):
        raise WrongTypeError(f"{field}: {shown(name)} holds a control character; a name has none")
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


def other_kind(channel: MeterChannel, kind: str, held: bytes) -> ConflictError:
    """What is said of data of a kind, where a channel has another."""
    return ConflictError(
        f"register: {channel.register} of flow {channel.flow} has data of kind {held.decode()}; "
        f"with {kind} beside it energy would count twice: use another register"
    )
