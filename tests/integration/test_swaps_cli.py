"""The commands of the ledger, as they are given in a terminal."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes.forked import psd_ended

RECORDING = Path(__file__).parents[1] / "golden" / "ampersand.json"
SCENARIOS = json.loads(RECORDING.read_text())["scenarios"]


def psd(*arguments: str, url: str = "", text: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **({"PSD_REDIS_URL": url} if url else {})}
    return psd_ended(arguments, Path.cwd(), environment, text.encode(), timeout_s=120)


@pytest.fixture
def url(redis_url: str) -> str:
    return redis_url


@pytest.mark.one_server("the command has a store of its own")
def test_a_scenario_is_played_on_a_store_of_its_own(tmp_path: Path) -> None:
    scenario = SCENARIOS[-1]
    file = tmp_path / "scenario.json"
    file.write_text(json.dumps(scenario))
    done = psd("swaps", "scenario", str(file), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == scenario["reference_after_each_op"]


@pytest.mark.one_server("the command has a store of its own")
def test_a_recording_has_its_scenarios_by_name() -> None:
    name = "days without transactions get empty summaries"
    done = psd("swaps", "scenario", str(RECORDING), "--name", name, "--json")
    [wanted] = [each for each in SCENARIOS if each["name"] == name]
    assert json.loads(done.stdout) == wanted["reference_after_each_op"]
    unknown = psd("swaps", "scenario", str(RECORDING), "--name", "no")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr.startswith("Error: name: 'no' is none of first swap")


def test_swaps_are_added_and_corrected(url: str) -> None:
    assert psd("swaps", "sample", "--drivers", "1", "--days", "1", url=url).stdout == "13 booked\n"
    again = psd("swaps", "sample", "--drivers", "1", "--days", "1", url=url).stdout
    assert again == "13 duplicate\n"
    # Its swaps are of batteries that are there; one stocktake disagrees.
    told = psd("swaps", "check", "--csv", url=url)
    assert told.stdout.splitlines()[1:] == [
        '12,stocktake,1,"not counted: 2; counted, and elsewhere: 3"'
    ]
    swap: dict[str, Any] = {
        "--driver": "1",
        "--station": "Remera",
        "--battery-out": "B1",
        "--in-energy": "500",
        "--out-energy": "1900",
        "--odometer": "1300",
        "--date": "2020-09-02",
        "--id": "x",
    }
    added = psd("swaps", "add", *(part for pair in swap.items() for part in pair), url=url)
    assert (added.stdout, added.returncode) == ("14\n", 0)
    assert added.stderr.startswith("warning: battery_elsewhere: battery_out: B1 is at station 2")
    swap |= {"--id": "y", "--odometer": "1290"}
    corrected = psd(
        *("swaps", "correct", "14", "--reason", "typing error"),
        *(part for pair in swap.items() for part in pair),
        url=url,
    )
    assert (corrected.stdout, corrected.returncode) == ("15\n", 0)
    swap |= {"--id": "z"}
    refused = psd(
        "swaps", "correct", "14", *(part for pair in swap.items() for part in pair), url=url
    )
    assert refused.returncode == 1
    assert "corrects: 14 was corrected already; 15 stands for it" in refused.stderr


def test_a_file_may_be_imported_again(url: str) -> None:
    psd("swaps", "sample", "--drivers", "1", "--days", "1", url=url)
    text = (
        "driver,station,battery_out,battery_in_energy,battery_out_energy,odometer,date\n"
        "1,Remera,B3,500,1900,1300,2020-09-02 08:00\n"
        "1,Remera,B9,500,1900,1310,2020-09-02 09:00\n"
        "1,Remera,B1,500,1900,1320,2020-09-02 10:00\n"
    )
    first = psd("swaps", "import", "-", url=url, text=text)
    assert (first.returncode, first.stdout) == (1, "2 booked, 1 refused\n")
    assert first.stderr == "line 3: battery_out: 'B9' is no battery of main\n"
    assert psd("swaps", "import", "-", url=url, text=text).stdout == "2 duplicate, 1 refused\n"
    odd = "driver,station,battery_out,odometer\n1,1,B3,1_320\n1,1,B3,\u0661\n"
    refused = psd("swaps", "import", "-", url=url, text=odd)
    assert refused.stderr.splitlines() == [
        "line 2: odometer: '1_320' is no whole number",
        "line 3: odometer: '\u0661' is no whole number",
    ]
    none = "station,batteries,date\nRemera,none,2020-09-03\n"
    counted = psd("swaps", "import", "-", "--kind", "stocktake", url=url, text=none)
    assert (counted.stdout, counted.stderr) == ("1 booked\n", "")
    unknown = psd("swaps", "import", "-", url=url, text="driver,station,colour\n1,1,red\n")
    assert unknown.returncode == 1
    assert "column: 'colour' is no field of a swap" in unknown.stderr


@pytest.mark.one_server("nothing is asked of a store")
@pytest.mark.parametrize("command", ["import", "scenario"])
def test_a_file_that_there_is_not_is_told_as_such(command: str, tmp_path: Path) -> None:
    told = psd("swaps", command, str(tmp_path / "none"))
    assert told.returncode == 2
    assert "does not exist" in told.stderr


@pytest.mark.one_server("the command has a store of its own")
def test_an_odd_operation_is_refused_by_its_word_and_the_others_are_played(tmp_path: Path) -> None:
    file = tmp_path / "scenario.json"
    op = {"op": "tx", "driver": "D1", "battery_in": "", "battery_out": "B1", "odo": 7}
    ops = [{**op, "odo": "7"}, {**op, "in_energy": 1.5}, {**op, "driver": ["D1"]}, op]
    ops += [{**op, "corrects": 0}, {**op, "odo": 8, "date": "1971-02-03T01:00:00+02:00"}]
    fixture = {"stations": ["S1"], "batteries": ["B1"], "drivers": ["D1"]}
    file.write_text(json.dumps({"fixture": fixture, "now": "2020-09-06 12:00", "ops": ops}))
    done = psd("swaps", "scenario", str(file), "--json")
    assert done.stderr.splitlines() == [
        "refused: ops[0]: odo: expected `int | null`, got `str`",
        "refused: ops[1]: in_energy: expected `int | null`, got `float`",
        "refused: ops[2]: driver: expected `int | str | null`, got `array`",
        "refused: ops[4]: corrects: 0 was refused, so nothing of it is wrong",
    ]
    assert [each["daily"]["D1"] for each in json.loads(done.stdout)] == [
        *({}, {}, {}),
        {"2020-09-06": [0, 0]},
        {"2020-09-06": [0, 0]},
        {"1971-02-02": [0, 0], "2020-09-06": [-1, 0]},
    ]
    as_text = psd("swaps", "scenario", str(file)).stdout
    assert as_text.splitlines()[-1].split() == ["D1", "2020-09-06", "-1", "0"]
