"""What the client makes of the numbers and times that programs have."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from psd.client.documents import document_of
from psd.engine.event_fields import MetricFields
from psd.errors import WrongTypeError
from psd.rewards.vehicle_messages import VehicleFields

AT = 1_460_422_800
BERLIN = ZoneInfo("Europe/Berlin")


class int64:  # noqa: N801  (as numpy names it)
    """A number as numpy has it: no int, but one by ``__index__``."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __index__(self) -> int:
        return self._number


class float32:  # noqa: N801  (as numpy names it)
    """A number as numpy has it: no float, but one that can be cut and compared."""

    def __init__(self, number: float) -> None:
        self._number = number

    def __trunc__(self) -> int:
        return int(self._number)

    def __eq__(self, other: object) -> bool:
        return self._number == other

    __hash__ = None  # type: ignore[assignment]  (as Python says it)


class bool_:  # noqa: N801  (as numpy names it)
    """A truth value as numpy has it."""

    def __trunc__(self) -> int:
        return 1


class datetime64:  # noqa: N801  (as numpy names it)
    """A moment as numpy has it, in some unit."""

    def __init__(self, seconds: int | None) -> None:
        self._seconds = seconds

    def astype(self, kind: str) -> Any:
        assert kind in ("datetime64[s]", "int64")
        return self if kind == "datetime64[s]" else int64(self._seconds or 0)

    def __int__(self) -> int:
        return self._seconds or 0

    def __str__(self) -> str:
        return "NaT" if self._seconds is None else "2016-04-12T01:00:00"


def read(**fields: Any) -> dict[str, Any]:
    """The fields as a server reads them."""
    told = msgspec.json.decode(document_of(fields))
    assert isinstance(told, dict)
    return told


@pytest.mark.parametrize(
    "number", [90, int64(90), 90.0, float32(90.0), Decimal("90.00"), Fraction(180, 2)]
)
def test_what_is_a_whole_number_beyond_doubt_is_one(number: Any) -> None:
    assert document_of({"uid": number, "value": number}) == b'{"uid":90,"value":90}'


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (True, "value: True is a truth value, not a number"),
        (bool_(), "is a truth value, not a number"),
        (90.5, "value: 90.5 is not a whole number"),
        (Decimal("0.1"), r"value: Decimal\('0.1'\) is not a whole number"),
        (float("nan"), "value: nan is not a whole number"),
        (float("inf"), "value: inf is not a whole number"),
        (2.0**60, "is a float past 2.53, which may be rounded"),
        (b"90", "value: b'90' is not a whole number"),
    ],
)
def test_what_is_none_is_refused_with_its_field(value: Any, rule: str) -> None:
    with pytest.raises(WrongTypeError, match=rule):
        document_of({"value": value})


def test_a_decimal_is_exact_where_a_float_is_not() -> None:
    assert read(aid=Decimal(2**60 + 1)) == {"aid": 2**60 + 1}


@pytest.mark.parametrize(
    "moment",
    [
        dt.datetime(2016, 4, 12, 1, 0, 0, 999_999, tzinfo=dt.UTC),
        dt.datetime(2016, 4, 12, 3, tzinfo=BERLIN),
        datetime64(AT),
        AT + 0.75,
        float(AT),
        int64(AT),
    ],
)
def test_a_moment_is_its_second(moment: Any) -> None:
    assert read(ts1=moment, ts2=moment) == {"ts1": AT, "ts2": AT}


def test_a_moment_before_1970_is_rounded_down() -> None:
    assert read(ts2=dt.datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=dt.UTC)) == {"ts2": -1}


@pytest.mark.parametrize(
    ("moment", "rule"),
    [
        (
            dt.datetime(2016, 4, 12, 1),  # noqa: DTZ001  (that is the mistake)
            "ts2: 2016-04-12 01:00:00 has no time zone",
        ),
        (dt.date(2016, 4, 12), "ts2: .* is neither a second, a text of RFC 3339 nor a moment"),
        (datetime64(None), "ts2: NaT is not a time"),
        (True, "ts2: True is neither a second"),
        (float("nan"), "ts2: nan is neither a second"),
    ],
)
def test_what_is_no_moment_is_refused(moment: Any, rule: str) -> None:
    with pytest.raises(WrongTypeError, match=rule):
        document_of({"ts2": moment})


def test_a_field_deep_in_a_message_is_named_by_its_path() -> None:
    metrics = [{"value": 1.0}, {"value": 1.5}]
    with pytest.raises(WrongTypeError, match=r"^metrics\[1\].value: 1.5 is not"):
        document_of({"command": "metrics", "metrics": metrics})


def test_structs_and_texts_pass_as_they_are() -> None:
    metric = msgspec.json.decode(document_of(MetricFields("steps", 7, 0, 1, 90, AT, AT)))
    assert metric["value"] == 90
    vehicle = msgspec.json.decode(document_of(VehicleFields(7, time="2016-04-12T01:00:00Z")))
    assert (vehicle["time"], "vin" in vehicle) == ("2016-04-12T01:00:00Z", False)
    assert document_of(b'{"value": 1}') == b'{"value": 1}'
