"""From what a message says about swaps to what is asked of the ledger. Pure.

What lives here are the rules that need no store: which fields must be there, how long texts and how
large numbers may be, and when it may have happened. The rest is psd/swaps/preparing.py's::

    {"id":"f3b1","driver":"D1","station":"S1","battery_out":"B1","battery_out_energy":180,
     "odometer":1000,"date":"2020-09-01T09:00:00Z"}
    -> SwapAsked(network="main", id="f3b1", second=1598950800, driver="D1", battery_in=UNSET, ...)

An object needs no id: without one it has that of its content, so that the same said twice at the
same second is one event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from psd.domain.command import Command, Messages
from psd.engine.event_checks import check_event_id, check_value
from psd.engine.event_rules import EventRules
from psd.engine.event_times import Time, second_in
from psd.errors import MissingIdError, OutOfBoundsError, TooLargeError, WrongTypeError
from psd.foreign_texts import shown
from psd.swaps.objects import KEY_FIELDS
from psd.swaps.settings import NETWORK, SwapsSettings
from psd.swaps.swap_bookings import THINGS
from psd.swaps.swap_events import Registration, StocktakeAsked, SwapAsked
from psd.swaps.swap_messages import (
    BatteryFields,
    BikeFields,
    CorrectionFields,
    DriverFields,
    Reference,
    StationFields,
    StocktakeFields,
    SwapFields,
)

KEY_BYTES_MAX = 128
TEXT_BYTES_MAX = 1_000
BATTERIES_MAX = 5_000
"""Of one stocktake."""

NUMBER_MAX = 10**9
"""The largest energy, capacity, voltage or odometer, and the largest number of an object."""

NOT_OF_AN_OBJECT = frozenset({"network", "id", "number", "date", "by"})

T = TypeVar("T")

AnyFields = StationFields | BatteryFields | BikeFields | DriverFields | SwapFields | StocktakeFields


def messages_of(settings: SwapsSettings, things: Mapping[str, int]) -> Messages:
    """What producers may send; of the things of swaps uids are no users."""
    rules = AskingRules(settings.network)
    return Messages(rules.commands(), frozenset(things[name] for name in THINGS if name in things))


class AskingRules:
    """The rules of messages; ``network`` is that of what names none."""

    def __init__(self, network: str) -> None:
        self._network = network

    def commands(self) -> tuple[Command, ...]:
        """One for each kind of event."""
        return (
            _command("station", "stations", StationFields, self.station),
            _command("battery", "batteries", BatteryFields, self.battery),
            _command("vehicle", "vehicles", BikeFields, self.bike, unless="vehicle"),
            _command("driver", "drivers", DriverFields, self.driver),
            _command("swap", "swaps", SwapFields, self.swap, needs_id=True),
            _command("correction", "corrections", CorrectionFields, self.correction, needs_id=True),
            _command("stocktake", "stocktakes", StocktakeFields, self.stocktake, needs_id=True),
        )

    def station(self, fields: StationFields, now_s: int, rules: EventRules) -> Registration:
        """A station."""
        return self._registration("station", fields, now_s, rules)

    def battery(self, fields: BatteryFields, now_s: int, rules: EventRules) -> Registration:
        """A battery."""
        return self._registration("battery", fields, now_s, rules)

    def bike(self, fields: BikeFields, now_s: int, rules: EventRules) -> Registration:
        """A vehicle."""
        return self._registration("vehicle", fields, now_s, rules)

    def driver(self, fields: DriverFields, now_s: int, rules: EventRules) -> Registration:
        """A driver."""
        return self._registration("driver", fields, now_s, rules)

    def swap(self, fields: SwapFields, now_s: int, rules: EventRules) -> SwapAsked:
        """A swap."""
        return self._swap(fields, now_s, rules, None, "")

    def correction(self, fields: CorrectionFields, now_s: int, rules: EventRules) -> SwapAsked:
        """A correction of a transaction."""
        corrects = _number("corrects", _present("corrects", fields.corrects), least=1)
        return self._swap(fields, now_s, rules, corrects, _text("reason", fields.reason))

    def stocktake(self, fields: StocktakeFields, now_s: int, rules: EventRules) -> StocktakeAsked:
        """Batteries that were counted."""
        batteries = _present("batteries", fields.batteries)
        if len(batteries) > BATTERIES_MAX:
            raise TooLargeError(f"batteries: {len(batteries)}, at most {BATTERIES_MAX} are allowed")
        return StocktakeAsked(
            **self._common(fields, now_s, rules, needs_id=True),
            station=_needed("station", fields.station),
            batteries=tuple(_reference("batteries", each) for each in batteries),
            note=_text("note", fields.note),
        )

    def _swap(
        self, fields: SwapFields, now_s: int, rules: EventRules, corrects: int | None, reason: str
    ) -> SwapAsked:
        battery_in = fields.battery_in
        if battery_in is not UNSET and battery_in is not None:
            battery_in = _reference("battery_in", battery_in)
        battery_out = fields.battery_out
        if battery_out is not None:
            battery_out = _reference("battery_out", battery_out)
        for name in ("battery_in_energy", "battery_out_energy"):
            energy = getattr(fields, name)
            if energy is not None:
                _number(name, energy)
        return SwapAsked(
            **self._common(fields, now_s, rules, needs_id=True),
            driver=_needed("driver", fields.driver),
            station=_needed("station", fields.station),
            battery_in=battery_in,
            battery_out=battery_out,
            battery_in_energy=fields.battery_in_energy,
            battery_out_energy=fields.battery_out_energy,
            odometer=_number("odometer", _present("odometer", fields.odometer), least=0),
            corrects=corrects,
            reason=reason,
        )

    def _registration(
        self,
        kind: str,
        fields: StationFields | BatteryFields | BikeFields | DriverFields,
        now_s: int,
        rules: EventRules,
    ) -> Registration:
        said: dict[str, Any] = {}
        for name in fields.__struct_fields__:
            value = getattr(fields, name)
            if name not in NOT_OF_AN_OBJECT and value is not UNSET:
                said[name] = _value(name, value, is_key=name == KEY_FIELDS[kind])
        if fields.number is not None:
            _number("number", fields.number, least=1)
        return Registration(
            **self._common(fields, now_s, rules, needs_id=False),
            kind=kind,
            number=fields.number,
            fields=said,
        )

    def _common(
        self, fields: AnyFields, now_s: int, rules: EventRules, *, needs_id: bool
    ) -> dict[str, Any]:
        """What every event has."""
        second = None
        if fields.date is not None:
            second = _moment("date", fields.date)
            rules.check_time("date", second, now_s)
        network = fields.network or self._network
        if not NETWORK.fullmatch(network):
            raise WrongTypeError(f"network: {shown(network)} is not 1 to 64 of a-z 0-9 . _ -")
        digest = _digest(fields, network, second)
        if fields.id:
            check_event_id(fields.id)
        elif needs_id:
            raise MissingIdError("id: a swap needs an id, so that it is applied once")
        return {
            "time_s": now_s,
            "network": network,
            "id": fields.id or f"{digest}-{now_s if second is None else second}",
            "digest": digest,
            "by": _text("by", fields.by),
            "second": second,
        }


def _command(
    name: str, many: str, fields: type[Any], check: Callable[..., Any], **more: Any
) -> Command:
    """One command; all tell by ``date`` when it was."""
    return Command(name=name, many=many, fields=fields, check=check, time_field="date", **more)


def _digest(fields: AnyFields, network: str, second: int | None) -> str:
    """Of the content alone: an id names one content for ever, whoever sends it."""
    said = msgspec.structs.replace(fields, network=network, id=None, date=second, by="")
    packed = msgspec.json.encode([type(said).__name__, said], order="deterministic")
    return blake2b(packed, digest_size=8).hexdigest()


def _value(name: str, value: Any, *, is_key: bool) -> Any:
    """A field of an object as it is kept."""
    if is_key:
        return _key(name, value)
    if value is None:
        return None
    if name in ("started", "ended"):
        return _moment(name, value)
    if name in ("station", "vehicle"):
        return _reference(name, value)
    return _number(name, value, least=0) if isinstance(value, int) else _text(name, value)


def _present(name: str, value: T | None) -> T:
    if value is None:
        raise WrongTypeError(f"{name}: missing")
    return value


def _moment(name: str, time: Time) -> int:
    second = second_in(name, time)
    if not 0 < second < 1 << 40:
        raise OutOfBoundsError(f"{name}: {second} is no second that anything can happen in")
    return second


def _number(name: str, number: int, least: int | None = None) -> int:
    check_value(name, number)
    if number > NUMBER_MAX or number < (-NUMBER_MAX if least is None else least):
        low = f"-{NUMBER_MAX:,}" if least is None else str(least)
        raise OutOfBoundsError(f"{name}: {number} must lie between {low} and {NUMBER_MAX:,}")
    return number


def _reference(name: str, value: Reference) -> Reference:
    if isinstance(value, int):
        return _number(name, value, least=1)
    return _key(name, value)


def _needed(name: str, value: Reference | None) -> Reference:
    if value is None:
        raise WrongTypeError(f"{name}: missing")
    return _reference(name, value)


def _key(name: str, value: str) -> str:
    if not 1 <= len(value.encode()) <= KEY_BYTES_MAX or not value.isprintable():
        raise OutOfBoundsError(
            f"{name}: {shown(value)} must have 1 to {KEY_BYTES_MAX} bytes of printable characters"
        )
    return value


def _text(name: str, value: str) -> str:
    if len(value.encode()) > TEXT_BYTES_MAX:
        raise TooLargeError(f"{name}: more than {TEXT_BYTES_MAX} bytes")
    return value
