"""What meters send, as it stands on the wire.

::

    {"command": "power", "power": {"meter": "m-1", "unit": "kW",
                                   "points": [[1606636800, "0.0503"]]}}
    {"command": "register", "register": {"meter": "m-1", "unit": "kWh", "register": 1,
                                         "points": [[1606636800, "12345.678"]]}}
    {"command": "intervals", "intervals": {"meter": "m-1", "unit": "kWh", "every_s": 1800,
                                           "start": 1606636800, "values": ["0.21", null, "0.19"]}}
    {"command": "intervals", "intervals": {"meter": "m-1", "unit": "kWh",
                                           "rows": [[1606636800, 1606638600, "0.21", "estimated"]]}}
    {"command": "meter", "meter": {"meter": "m-1", "time": 1606636800, "tz": "Europe/London",
                                   "digits": 5, "exchange": {"time": 1606640400,
                                                             "final": "99870.2", "first": "0.0"}}}

Numbers are JSON numbers or decimal text, times epoch seconds or RFC 3339. A field that is not known
is refused: energy is not booked by half of what somebody said. Of a meter only what was sent
changes, and null forgets it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from psd.energy.channels import Flow
from psd.engine.event_times import Time

Quality = Literal["measured", "estimated"]
Point = tuple[Time, Decimal]
IntervalRow = list[int | str | float]
"""[start, end, energy, quality], the last where it is not that of all."""


class PowerFields(msgspec.Struct, forbid_unknown_fields=True):
    """Power at instants. With ``signed`` what is below 0 is delivered to the grid."""

    meter: str
    points: list[Point]
    unit: str = "kW"
    flow: Flow = "import"
    register: int = 0
    counts: bool = True
    signed: bool = False


class RegisterFields(msgspec.Struct, forbid_unknown_fields=True):
    """What a register shows at instants."""

    meter: str
    points: list[Point]
    unit: str = "kWh"
    flow: Flow = "import"
    register: int = 0
    counts: bool = True


class IntervalFields(msgspec.Struct, forbid_unknown_fields=True):
    """Energy of intervals: ``values`` of every so many seconds from ``start`` on, or ``rows``."""

    meter: str
    unit: str = "kWh"
    flow: Flow = "import"
    register: int = 0
    counts: bool = True
    quality: Quality = "measured"
    every_s: int = 0
    start: Time | None = None
    values: list[Decimal | None] = []
    rows: list[IntervalRow] = []


class ExchangeFields(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """When a meter was exchanged: what the old one showed last and the new one first.

    With both null there was no exchange then.
    """

    time: Time
    final: Decimal | None
    first: Decimal | None
    unit: str = "kWh"
    flow: Flow = "import"
    register: int = 0


class MeterFields(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What is known of a meter since ``time``."""

    meter: str
    time: Time | None = None
    tz: str | UnsetType | None = UNSET
    plan: str | UnsetType | None = UNSET
    max_kw: Decimal | UnsetType | None = UNSET
    digits: int | UnsetType | None = UNSET
    gap_max_s: int | UnsetType | None = UNSET
    exchange: ExchangeFields | UnsetType = UNSET
