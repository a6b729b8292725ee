"""From what meters send to what is kept and booked of it. Pure.

What lives here: the rules of the messages of psd/energy/meter_messages.py. A message is one change,
which is kept as a whole or refused as a whole::

    {"meter": "m-1", "unit": "kW", "points": [[1606636800, "0.0503"]]}
    -> Readings(1606636800, "m-1", MeterChannel("import", 0), "power", ((1606636800, 50300),))
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal

import msgspec

from psd.domain.command import Command, Messages
from psd.energy.channels import (
    QUALITIES,
    THINGS,
    Flow,
    Kind,
    MeterChannel,
    meter_channel,
    meter_name,
)
from psd.energy.meter_descriptions import description
from psd.energy.meter_messages import (
    IntervalFields,
    IntervalRow,
    MeterFields,
    Point,
    PowerFields,
    RegisterFields,
)
from psd.energy.price_messages import CarbonFields, PricesFields, carbon, prices
from psd.energy.settings import EnergySettings
from psd.engine.event_rules import EventRules
from psd.engine.event_times import Time, second_in
from psd.engine.events import TIME_END_S, Change
from psd.errors import (
    InvalidTimeError,
    MalformedError,
    OutOfBoundsError,
    TooLargeError,
    WrongTypeError,
)
from psd.foreign_texts import shown
from psd.measures.units import ENERGY, POWER, power_of, scaled

POINTS_MAX = 5_000
POWER_MAX_MW = 10**12
"""1 GW."""

REGISTER_MAX_MWH = 10**18
"""10^12 kWh."""

INTERVAL_MAX_MWH = 2**53 - 1
INTERVAL_MAX_S = 366 * 86_400
CLOCK_SECONDS_MAX = 10**6
"""Of ``every_s``."""

EXAMPLE = (
    '{"command":"power","power":{"meter":"m-1","unit":"kW",'
    '"points":[[1606636800,"0.2"],[1606644000,"0.2"]]}}'
)
"""Power of 0.2 kW for two hours: 0.4 kWh."""

Interval = tuple[int, int, int, int]
"""(first second, second behind the last, mWh, quality)."""


class Readings(Change, frozen=True):
    """What a channel showed at instants: mW, or mWh of a register; in order of their seconds."""

    meter: str
    channel: MeterChannel
    kind: Kind
    points: tuple[tuple[int, int], ...]
    counts: bool = True

    def parts(self) -> list[bytes]:
        """The seconds: a later reading of one replaces it."""
        head = f"{self.meter}\0{self.channel.name} ".encode()
        return [b"%s%d" % (head, second) for second, _ in self.points]

    def without(self, replaced: Collection[int]) -> Readings | None:
        """The others; None where all are replaced."""
        left = tuple(each for at, each in enumerate(self.points) if at not in replaced)
        return msgspec.structs.replace(self, points=left) if left else None

    def texts(self) -> list[tuple[int, str]]:
        """As they are kept."""
        return [(second, str(value)) for second, value in self.points]


class Intervals(Change, frozen=True):
    """Energy of intervals, in the order in which they came."""

    meter: str
    channel: MeterChannel
    rows: tuple[Interval, ...]
    counts: bool = True

    def parts(self) -> list[bytes]:
        """The windows: a later interval from and to the same seconds replaces it."""
        head = f"{self.meter}\0{self.channel.name} ".encode()
        return [b"%s%d %d" % (head, start, end) for start, end, *_ in self.rows]

    def without(self, replaced: Collection[int]) -> Intervals | None:
        """The others; None where all are replaced."""
        left = tuple(each for at, each in enumerate(self.rows) if at not in replaced)
        return msgspec.structs.replace(self, rows=left) if left else None

    def texts(self) -> list[tuple[int, str]]:
        """As they are kept where they do not count: by their first second."""
        return sorted((start, f"{mwh}:{end}:{quality}") for start, end, mwh, quality in self.rows)


def messages_of(_settings: EnergySettings, things: Mapping[str, int]) -> Messages:
    """What meters may send; ``things`` are the numbers of all that are configured."""
    numbers = frozenset(things[name] for name in THINGS.values() if name in things)
    return Messages(
        (
            Command(
                name="power",
                many="powers",
                fields=PowerFields,
                check=power,
                time_field="",
                example=EXAMPLE,
            ),
            Command(
                name="register",
                many="registers",
                fields=RegisterFields,
                check=register,
                time_field="",
            ),
            Command(
                name="intervals",
                many="intervals",
                fields=IntervalFields,
                check=intervals,
                time_field="",
            ),
            Command(name="meter", many="meters", fields=MeterFields, check=description),
            Command(
                name="prices",
                many="price_lists",
                fields=PricesFields,
                check=prices,
                time_field="",
            ),
            Command(
                name="carbon",
                many="carbon_lists",
                fields=CarbonFields,
                check=carbon,
                time_field="",
            ),
        ),
        numbers,
    )


def power(fields: PowerFields, now_s: int, rules: EventRules) -> Readings:
    """Power at instants; raises an InputError."""
    exponent = power_of(fields.unit, POWER)

    def value(number: Decimal, told: str) -> int:
        mw = scaled(number, exponent, told)
        if abs(mw) > POWER_MAX_MW:
            raise OutOfBoundsError(f"{told}: {shown(str(number))} is more than 1 GW")
        if mw < 0 and not fields.signed:
            raise OutOfBoundsError(
                f"{told}: {shown(str(number))} is below 0; with signed it is delivered"
            )
        return mw

    if fields.signed and fields.flow != "import":
        raise WrongTypeError("signed: power of both signs is that of the flow import")
    points = _points(fields.points, value, fields.flow, now_s, rules)
    channel = meter_channel(fields.flow, fields.register)
    return Readings(
        points[-1][0], meter_name(fields.meter), channel, "power", points, fields.counts
    )


def register(fields: RegisterFields, now_s: int, rules: EventRules) -> Readings:
    """What a register shows at instants; raises an InputError."""
    exponent = power_of(fields.unit, ENERGY)

    def value(number: Decimal, told: str) -> int:
        mwh = scaled(number, exponent, told)
        if not 0 <= mwh < REGISTER_MAX_MWH:
            raise OutOfBoundsError(f"{told}: {shown(str(number))} must lie between 0 and 10^12 kWh")
        return mwh

    points = _points(fields.points, value, fields.flow, now_s, rules)
    channel = meter_channel(fields.flow, fields.register)
    return Readings(
        points[-1][0], meter_name(fields.meter), channel, "register", points, fields.counts
    )


def intervals(fields: IntervalFields, now_s: int, rules: EventRules) -> Intervals:
    """Energy of intervals; raises an InputError."""
    if bool(fields.rows) is bool(fields.values):
        raise MalformedError("rows: give either rows, or values with start and every_s")
    count = len(fields.rows) + len(fields.values)
    if count > POINTS_MAX:
        raise TooLargeError(f"rows: {count} intervals, at most {POINTS_MAX} are allowed")
    exponent = power_of(fields.unit, ENERGY)
    told = _rows(fields) if fields.rows else _values(fields)
    latest = 0 if rules.age_max_s else min(now_s + rules.lead_max_s, TIME_END_S - 1)
    kept_s = rules.kept_s.get(rules.things.get(THINGS[fields.flow], 0), 0)
    oldest = max(now_s - kept_s, 1) if kept_s else 1
    found = []
    for field, start, end, number, quality in told:
        mwh = scaled(number, exponent, field)
        # What most intervals are is looked at in one step, a third of what all rules take.
        if not (
            oldest <= start < end <= latest
            and end - start <= INTERVAL_MAX_S
            and 0 <= mwh <= INTERVAL_MAX_MWH
        ):
            check_interval(field, (start, end), mwh, shown(str(number)), now_s, rules)
            check_kept(f"{field}.start", start, fields.flow, now_s, rules)
        found.append((start, end, mwh, quality))
    if not found:
        raise MalformedError("values: there is no energy among them")
    channel = meter_channel(fields.flow, fields.register)
    newest = max(row[1] for row in found)
    return Intervals(newest, meter_name(fields.meter), channel, tuple(found), fields.counts)


def check_interval(
    field: str, window: tuple[int, int], mwh: int, told: str, now_s: int, rules: EventRules
) -> None:
    """Raise an InputError for an interval that is none, or whose energy or time nobody books.

    ``told`` is its energy as it was written.
    """
    start, end = window
    rules.check_time(f"{field}.start", start, now_s)
    rules.check_age(f"{field}.start", start, now_s)
    if not 0 < end - start <= INTERVAL_MAX_S:
        raise InvalidTimeError(f"{field}: {start} to {end} is no interval of 1 s to 366 days")
    rules.check_time(f"{field}.end", end, now_s)
    if not 0 <= mwh <= INTERVAL_MAX_MWH:
        raise OutOfBoundsError(f"{field}: {told} must lie between 0 and 2^53 mWh")


def check_kept(field: str, second: int, flow: Flow, now_s: int, rules: EventRules) -> None:
    """Raise TooLateError for what is older than a flow's reports are kept."""
    rules.check_kept(field, second, now_s, rules.things.get(THINGS[flow]))


Told = tuple[str, int, int, Decimal | int | float | str, int]
"""Field, first second, second behind the last, energy as it is written, quality."""


def _rows(fields: IntervalFields) -> list[Told]:
    return [_row(f"rows[{place}]", row, fields) for place, row in enumerate(fields.rows)]


def _row(field: str, row: IntervalRow, fields: IntervalFields) -> Told:
    if not 3 <= len(row) <= 4:
        raise MalformedError(f"{field}: [start, end, energy], and a quality behind it if need be")
    name = row[3] if len(row) == 4 else fields.quality
    quality = QUALITIES.get(name) if isinstance(name, str) else None
    if quality is None:
        raise WrongTypeError(
            f"{field}: {shown(str(name))} is no quality; known are measured, estimated"
        )
    start, end, number = row[:3]
    if type(start) is not int:
        start = _second(f"{field}.start", start)
    if type(end) is not int:
        end = _second(f"{field}.end", end)
    return field, start, end, number, quality


def _values(fields: IntervalFields) -> list[Told]:
    if fields.start is None or not 1 <= fields.every_s <= CLOCK_SECONDS_MAX:
        raise MalformedError("every_s: values need start and every_s, the seconds of each")
    first, quality = _second("start", fields.start), QUALITIES[fields.quality]
    return [
        (
            f"values[{place}]",
            first + place * fields.every_s,
            first + (place + 1) * fields.every_s,
            value,
            quality,
        )
        for place, value in enumerate(fields.values)
        if value is not None
    ]


def _second(field: str, time: Time | float) -> int:
    if isinstance(time, float):
        raise WrongTypeError(f"{field}: {time} is no whole second")
    return second_in(field, time)


def _points(
    listed: Sequence[Point],
    value: Callable[[Decimal, str], int],
    flow: Flow,
    now_s: int,
    rules: EventRules,
) -> tuple[tuple[int, int], ...]:
    """Readings by second; of one second the last stands."""
    if not 1 <= len(listed) <= POINTS_MAX:
        raise TooLargeError(f"points: {len(listed)} readings; 1 to {POINTS_MAX} are allowed")
    found: dict[int, int] = {}
    for place, (time, number) in enumerate(listed):
        field = f"points[{place}]"
        second = second_in(field, time)
        rules.check_time(field, second, now_s)
        check_kept(field, second, flow, now_s, rules)
        found[second] = value(number, field)
    rules.check_age("points", min(found), now_s)
    return tuple(sorted(found.items()))
