"""Octopus' consumption and Elering's metering data, and JSON that is neither."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from psd.energy import elering, octopus
from psd.energy.channels import MEASURED, EnergyInterval
from psd.energy.files.file_rows import RefusedInterval, strictly
from psd.errors import InputError, InvalidTimeError, MalformedError, UnitError

HALF_AN_HOUR = {
    "consumption": 0.146,
    "interval_start": "2020-05-07T23:30:00+01:00",
    "interval_end": "2020-05-08T00:00:00+01:00",
}
START = 1_588_890_600
"""2020-05-07 22:30 UTC."""


def packed(told: Any) -> bytes:
    return msgspec.json.encode(told)


@pytest.mark.parametrize(
    "told",
    [{"count": 1, "next": None, "results": [HALF_AN_HOUR]}, [HALF_AN_HOUR]],
)
def test_a_page_of_octopus_or_its_results_are_intervals(told: Any) -> None:
    [found] = strictly(octopus.read(packed(told), flow="export"))
    assert found == EnergyInterval(START, START + 1_800, 146_000, "export", MEASURED)


def test_the_hour_that_comes_twice_has_four_half_hours() -> None:
    rows = [
        HALF_AN_HOUR
        | {"interval_start": f"2020-10-25T01:{half}:00{zone}", "consumption": "0.1"}
        | {"interval_end": end}
        for zone, half, end in (
            ("+01:00", "00", "2020-10-25T01:30:00+01:00"),
            ("+01:00", "30", "2020-10-25T01:00:00+00:00"),
            ("+00:00", "00", "2020-10-25T01:30:00+00:00"),
            ("+00:00", "30", "2020-10-25T02:00:00+00:00"),
        )
    ]
    found = strictly(octopus.read(packed(rows)))
    assert len({each.start for each in found}) == 4
    assert {each.end - each.start for each in found} == {1_800}


@pytest.mark.parametrize(("start", "end"), [("+0100", "+0100"), ("+01:00", "+0100"), ("Z", "Z")])
def test_an_offset_may_lack_its_colon(start: str, end: str) -> None:
    times = {
        "interval_start": f"2020-05-07T23:30:00{start}",
        "interval_end": f"2020-05-08T00:00:00{end}",
    }
    [found] = strictly(octopus.read(packed([HALF_AN_HOUR | times])))
    assert (found.start, found.end) == (
        (START, START + 1_800) if start != "Z" else (START + 3_600, START + 5_400)
    )


@pytest.mark.parametrize("offset", ["", "+01", "0100", "+1", "+01000", "+9900"])
def test_what_is_no_offset_is_refused(offset: str) -> None:
    row = HALF_AN_HOUR | {"interval_start": f"2020-05-07T23:30:00{offset}"}
    with pytest.raises(InvalidTimeError, match="interval_start"):
        strictly(octopus.read(packed([row])))


def test_a_result_that_is_none_is_told_by_its_number() -> None:
    told = [HALF_AN_HOUR, HALF_AN_HOUR | {"consumption": None}, 7, {"consumption": 1}]
    rows = [*octopus.read(packed(told))]
    refused = [(row.line, row.error.code) for row in rows if isinstance(row, RefusedInterval)]
    assert refused == [(2, "wrong_type"), (3, "malformed"), (4, "invalid_time")]


def test_cubic_metres_are_refused() -> None:
    with pytest.raises(UnitError):
        strictly(octopus.read(packed([HALF_AN_HOUR]), unit="m3"))


def point(*intervals: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"meteringPointEic": "38ZEE-1000009--Z", "accountingIntervals": [*intervals], **more}


def quarter(minute: int, **energies: Any) -> dict[str, Any]:
    return {"periodStart": f"2020-05-07T22:{minute:02d}:00Z", **energies}


def test_consumption_is_taken_and_production_delivered() -> None:
    told = [
        point(
            quarter(30, consumptionKwh=0.412, productionKwh=0),
            quarter(45, consumptionKwh=0.1, productionKwh=None),
        ),
        {"meteringPointEic": "other", "error": {"code": "NO_ACCESS"}},
    ]
    assert strictly(elering.read(packed(told))) == [
        EnergyInterval(START, START + 900, 412_000, "import", MEASURED),
        EnergyInterval(START, START + 900, 0, "export", MEASURED),
        EnergyInterval(START + 900, START + 1_800, 100_000, "import", MEASURED),
    ]


def test_how_long_an_interval_is_may_be_told() -> None:
    told = point(quarter(0, consumptionKwh=1))
    [found] = strictly(elering.read(packed(told), 3_600))
    assert found.end - found.start == 3_600
    with pytest.raises(MalformedError, match="every: one interval alone"):
        strictly(elering.read(packed(told)))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"success": True, "data": {"ee": []}}, "data: these are prices"),
        ([point(quarter(0)), point(quarter(0))], "2 metering points without an error"),
        ([], "0 metering points"),
        ({"meteringPointEic": "a"}, "accountingIntervals: missing"),
        (point(quarter(0, consumptionKwh=1, consumptionM3=0.1), quarter(15)), "cubic metres"),
        (point(quarter(0, consumptionKwh="much"), quarter(15)), "line 1: consumptionKwh: 'much'"),
        (point({"periodStart": "soon"}, quarter(15), quarter(30)), "line 1: periodStart: 'soon'"),
    ],
)
def test_what_is_no_metering_data_is_told(told: Any, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        strictly(elering.read(packed(told)))


@pytest.mark.parametrize("body", [b"", b"no", b"[" * 100_000, b'{"a":', b"\xff"])
def test_what_is_no_json_is_told(body: bytes) -> None:
    for reader in (octopus.read, elering.read):
        with pytest.raises(InputError):
            strictly(reader(body))
