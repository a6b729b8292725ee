"""What is told of meters: structs alone, which a client reads without a store.

::

    MeterAnswer(meter="m-1", uid="5115955319489626038", ..., channels=[...], quality={...})
    UsageAnswer(meter="m-1", flow="import", data=[UsageRow(...)], total=..., gaps=[], ...)
    ImportAnswer(format="csv", meter="house", rows=22536, repeated=15, intervals=22521, ...)
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class ChannelRow(msgspec.Struct):
    """A flow and a register; what does not count is kept beside what does."""

    flow: str
    register: int
    kind: str
    counts: bool


class NewestRow(msgspec.Struct, omit_defaults=True):
    """What a channel showed last: power, a register, or only when an interval ended."""

    time: str
    kw: str | None = None
    kwh: str | None = None


class ChannelDetail(ChannelRow):
    """The same with its newest reading."""

    newest: NewestRow | None


class ExchangeRow(msgspec.Struct):
    """What the old meter showed last and the new one first, in kWh."""

    time: str
    flow: str
    register: int
    final: str
    first: str


class QualityRow(msgspec.Struct):
    """All energy of a flow, by how it came about."""

    measured_mwh: int
    estimated_mwh: int
    interpolated_mwh: int
    derived_mwh: int


class MeterAnswer(msgspec.Struct):
    """A meter; `since` are the fields that were said, and since when they are so.

    ``uid`` is the meter's own number, by which sums, series and boards know it.
    """

    meter: str
    uid: str
    tz: str
    plan: str | None
    max_kw: str
    digits: int | None
    gap_max_s: int
    exchanges: list[ExchangeRow]
    since: dict[str, str]
    channels: list[ChannelDetail]
    quality: dict[str, QualityRow]


class MeterRow(msgspec.Struct):
    """A meter in a listing, and its own number."""

    meter: str
    uid: str
    tz: str
    plan: str | None
    channels: list[ChannelRow]


class MeterRows(msgspec.Struct):
    """Some meters; `next` is what to ask after, null at the end."""

    data: list[MeterRow]
    next: str | None


class UsageRow(msgspec.Struct):
    """Energy of a part of the range; ``estimated_mwh`` of it is none that a meter has measured."""

    start: str
    end: str
    mwh: int
    kwh: str
    estimated_mwh: int


class UsageTotal(msgspec.Struct):
    """Energy of the whole range."""

    mwh: int
    kwh: str
    estimated_mwh: int


class GapRow(msgspec.Struct):
    """From when to when nothing is metered."""

    start: str
    end: str


class UsageAnswer(msgspec.Struct):
    """``coverage`` is the share of the range that is metered; ``register`` where one is told."""

    meter: str
    flow: str
    data: list[UsageRow]
    total: UsageTotal
    gaps: list[GapRow]
    more_gaps: int
    coverage: Annotated[float, Meta(ge=0, le=1)]
    register: int | msgspec.UnsetType = msgspec.UNSET


class RefusedLine(msgspec.Struct):
    """A row that is left out: its line, of JSON its number."""

    line: int
    code: str
    message: str


class ImportAnswer(msgspec.Struct):
    """What a file has; `booked` are messages of up to 5,000 intervals that changed something."""

    format: str
    meter: str
    rows: int
    repeated: int
    intervals: int
    mwh: int
    kwh: str
    start: str | None
    end: str | None
    booked: int
    unchanged: int
    refused: list[RefusedLine]
    more_refused: int
    dry_run: bool
