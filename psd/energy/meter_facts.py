"""What was said of a meter: its zone and plan, and what tells how its readings make energy. Pure.

A field stands since a second, and of a field the latest stands, in whatever order it is said. An
exchange is a field of its own, by its channel and second::

    at 1606636800: {"digits": 5, "exchange": {"time": 1606640400, "final": "9.5", "first": "0"}}
    -> ["digits", 1606636800, "5", "exchange:i0:1606640400", 1606636800, "9500000:0"]

A field that is forgotten has the value ``False``. Of what was never said the settings speak.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgpack
import msgspec

from psd.energy.channels import MeterChannel, channel_of
from psd.energy.registers import Exchange, RegisterRule
from psd.energy.settings import EnergySettings

MW_PER_KW = 10**6
KWH_MWH = 10**6

FIELDS_MAX = 512
"""Of a meter: some fields, and an exchange each few years."""

EXCHANGE = "exchange"

Said = tuple[tuple[str, str | None], ...]
"""Fields and what they are from a second on, None for what is forgotten."""


class MeterFact(msgspec.Struct, frozen=True):
    """What a field is, and since when that was said."""

    since: int
    value: str


class MeterRecord(msgspec.Struct, frozen=True):
    """What is known of a meter, by field; ``forgotten`` are seconds since which nothing is."""

    facts: dict[str, MeterFact]
    forgotten: dict[str, int] = {}

    def text(self, field: str) -> str | None:
        """What a field is, None where nothing was said."""
        fact = self.facts.get(field)
        return None if fact is None else fact.value

    def number(self, field: str) -> int | None:
        """The same of a whole number."""
        text = self.text(field)
        return None if text is None else int(text)

    def exchanges(self) -> list[tuple[MeterChannel, Exchange]]:
        """By channel, in order of their seconds."""
        found = []
        for field, fact in self.facts.items():
            if field.startswith(EXCHANGE):
                _, channel, second = field.split(":")
                final, first = map(int, fact.value.split(":"))
                found.append((channel_of(channel), Exchange(int(second), final, first)))
        return sorted(found, key=lambda each: (each[0].name, each[1].second))


def exchange_field(channel: MeterChannel, second: int) -> str:
    """Where an exchange stands."""
    return f"{EXCHANGE}:{channel.name}:{second}"


def packed_of(said: Said) -> bytes:
    """As energy/describe.lua takes it."""
    flat = [each for field, value in said for each in (field, False if value is None else value)]
    return bytes(msgpack.packb(flat))


@lru_cache(maxsize=4_096)
def record_of(packed: bytes) -> MeterRecord:
    """What energy/describe.lua keeps, as it is read."""
    flat: Sequence[str | int | bool] = msgpack.unpackb(packed) if packed else ()
    said = [*zip(flat[::3], flat[1::3], flat[2::3], strict=True)]
    return MeterRecord(
        {
            str(name): MeterFact(int(at), str(value))
            for name, at, value in said
            if value is not False
        },
        {str(name): int(at) for name, at, value in said if value is False},
    )


@lru_cache(maxsize=16_384)
def rule_of(packed: bytes, channel: MeterChannel, settings: EnergySettings) -> RegisterRule:
    """How readings of a channel make energy, by what was said of its meter."""
    record = record_of(packed)
    digits = record.number("digits")
    return RegisterRule(
        max_mw=record.number("max_kw") or settings.max_kw * MW_PER_KW,
        gap_max_s=record.number("gap_max_s") or settings.gap_max_s,
        spread_max_s=settings.spread_max_s,
        modulus_mwh=None if digits is None else 10**digits * KWH_MWH,
        exchanges=tuple(each for of, each in record.exchanges() if of == channel),
    )
