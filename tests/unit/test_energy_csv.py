"""CSV files of half-hours, and files that are none."""

from __future__ import annotations

import gzip
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from psd.energy.channels import MEASURED, EnergyInterval
from psd.energy.csvfile import EnergyColumns, read
from psd.energy.files.file_rows import strictly
from psd.errors import InputError, UnitError

FILE = "uk-electricity-hdd-only-hourly-sample-1.csv.gz"


@pytest.mark.long("a file of two years")
def test_a_house_of_two_years_has_its_energy_once_where_rows_are_repeated() -> None:
    path = Path(__file__).parents[1] / "golden" / "energy" / FILE
    found = strictly(read([gzip.decompress(path.read_bytes())], EnergyColumns()))
    assert (len(found), sum(each.mwh for each in found)) == (22_536, 5_558_486_000)
    kept = {(each.start, each.end): each.mwh for each in found}
    assert (len(kept), sum(kept.values())) == (22_521, 5_554_874_000)


def test_a_time_is_of_the_zone_and_of_the_end_that_are_told() -> None:
    columns = EnergyColumns(
        "at", "wh", "Wh", every_s=900, is_end=True, tz=ZoneInfo("Europe/Berlin"), flow="export"
    )
    rows = b"wh,at\n12.5,2020-11-29 09:00\n,2020-11-29 09:15\n"
    [found] = strictly(read([rows], columns))
    expected = EnergyInterval(1_606_635_900, 1_606_636_800, 12_500, "export", MEASURED)
    assert found == expected


@pytest.mark.parametrize(
    "text",
    [
        "start,value\n1606636800,0.5\n",
        '"start","value"\r\n"1606636800"," 0.5 "\r\n',
        "start;value\n1606636800;0.5\n",
        "\ufeffwhat;value; start \n;+0,500;2020-11-29 08:00\n",
        "start\tvalue\n2020-11-29T09:00:00+01:00\t0.5\n",
    ],
)
def test_columns_stand_between_what_parts_the_names_of_the_heading(text: str) -> None:
    [found] = strictly(read([text.encode()], EnergyColumns()))
    assert found == EnergyInterval(1_606_636_800, 1_606_638_600, 500_000, "import", MEASURED)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("at,value\n", "line 1: no column 'start'"),
        ("start,kwh\n", "line 1: no column 'value'; there are 'start', 'kwh'"),
        ("start,value\nsoon,1\n", "line 2: start: 'soon'"),
        ("start,value\n2020-11-29 09:00,1\n2020-11-29 09:30,much\n", "line 3: value: 'much' is no"),
        ('start,value\n2020-11-29 09:00,"0,5"\n', "line 2: value: '0,5' is no decimal number"),
        ("start;value\n2020-11-29 09:00;1.000,5\n", "line 2: value: '1.000,5' is no decimal"),
        ("start;value\n2020-11-29 09:00,1\n", "line 2: row: 1 cells under 2 columns"),
        ("start,value\n2020-03-29 02:30,1\n", "line 2: start: .*never show it"),
        ("start,value\n2020-10-25 02:30,1\n", "line 2: start: .*show it twice"),
    ],
)
def test_what_is_wrong_with_a_row_is_told_by_its_line(text: str, told: str) -> None:
    columns = EnergyColumns(tz=ZoneInfo("Europe/Berlin"))
    with pytest.raises(InputError, match=told):
        strictly(read([text.encode()], columns))


def test_a_unit_that_is_none_of_energy_is_refused() -> None:
    with pytest.raises(UnitError):
        strictly(read([b"start,value\n"], EnergyColumns(unit="m3")))
