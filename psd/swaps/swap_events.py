"""Events of the ledger: as they are asked for, and as the stream keeps them. Pure.

What is asked for names objects by whatever they are called; what was accepted names them by number
and says which battery the vehicle carried, so that it stays a fact whatever is corrected later::

    SwapAsked(driver="D1", battery_in=UNSET, ...)
    -> {"kind":"swap","id":"f3b1","driver":1,"vehicle":1,"station":1,"battery_in":null, ...}
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UnsetType

from psd.engine.events import Change
from psd.swaps.swap_messages import Reference


class LedgerChange(Change, frozen=True):
    """What is asked of the ledger; ``digest`` is of its content, however often it is sent.

    ``time_s`` is when it came, ``second`` when it happened, if that was said.
    """

    network: str
    id: str
    digest: str
    by: str
    second: int | None


class Registration(LedgerChange, frozen=True):
    """Something is registered, or what is known of it changes; ``fields`` are as they were sent."""

    kind: str
    number: int | None
    fields: dict[str, Any]


class SwapAsked(LedgerChange, frozen=True):
    """A swap, or with ``corrects`` a correction."""

    driver: Reference
    station: Reference
    battery_in: Reference | UnsetType | None
    battery_out: Reference | None
    battery_in_energy: int | None
    battery_out_energy: int | None
    odometer: int
    corrects: int | None = None
    reason: str = ""


class StocktakeAsked(LedgerChange, frozen=True):
    """Batteries counted at a station."""

    station: Reference
    batteries: tuple[Reference, ...]
    note: str = ""


class LedgerEvent(msgspec.Struct, frozen=True, tag_field="kind", kw_only=True):
    """What every event has: who sent it under which id, and when it happened and was accepted."""

    id: str
    digest: str
    by: str
    second: int
    accepted_s: int

    @property
    def kind(self) -> str:
        """Its tag."""
        return str(self.__struct_config__.tag)


class Registered(LedgerEvent, frozen=True, kw_only=True, tag="object"):
    """Fields of an object since ``second``; those that were not said stay as they are."""

    of: str
    number: int
    fields: dict[str, int | str | None]

    @property
    def kind(self) -> str:
        """What was registered: station, battery, vehicle, driver."""
        return self.of


class Swap(LedgerEvent, frozen=True, kw_only=True, tag="swap"):
    """A transaction; ``root`` is 0 where it has a place of its own (swap_places.py)."""

    driver: int
    vehicle: int
    station: int
    battery_in: int | None
    battery_out: int | None
    battery_in_energy: int
    battery_out_energy: int
    odometer: int
    root: int = 0
    warnings: tuple[str, ...] = ()


class Correction(Swap, frozen=True, kw_only=True, tag="correction"):
    """A transaction that stands for a wrong one."""

    corrects: int
    reason: str


class Stocktake(LedgerEvent, frozen=True, kw_only=True, tag="stocktake"):
    """Batteries that were counted at a station."""

    station: int
    batteries: tuple[int, ...]
    note: str = ""


AnyEvent = Registered | Swap | Correction | Stocktake

encode_event = msgspec.json.Encoder().encode
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def decode_event(held: bytes) -> AnyEvent:
    """An event from the stream; raises msgspec.MsgspecError."""
    return _decoder.decode(held)


class Numbered(msgspec.Struct, frozen=True):
    """A transaction and its number."""

    n: int
    swap: Swap

    @property
    def root(self) -> int:
        """The number whose place among those of its second this one has."""
        return self.swap.root or self.n


def content_of(swap: Swap) -> tuple[Any, ...]:
    """What a correction may change."""
    return (
        swap.driver,
        swap.station,
        swap.battery_in,
        swap.battery_out,
        swap.battery_in_energy,
        swap.battery_out_energy,
        swap.odometer,
        swap.second,
    )
