"""Files of energy over HTTP and by the command line: what they have is what a meter has used."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from psd.client import AsyncClient
from server import deadline
from tests.support.clients.http import HttpClient
from tests.support.processes.forked import psd_ended

FOLDER = Path(__file__).parents[1] / "golden" / "energy"
HOUSE = "uk-electricity-hdd-only-hourly-sample-1.csv.gz"


async def post(client: HttpClient, body: bytes, **asked: Any) -> Any:
    path = f"/v3/energy/imports?{urlencode({'meter': 'house'} | asked)}"
    return await client.request("POST", path, body, "application/octet-stream")


async def total(client: HttpClient, start: str, end: str) -> Any:
    path = f"/v3/energy/meters/house/usage?start={start}&end={end}&every=day"
    answer = await client.get(path)
    assert answer.status == 200, answer.text
    return answer.json()


async def test_a_house_of_two_years_has_its_energy_and_its_gaps(client: HttpClient) -> None:
    body = (FOLDER / HOUSE).read_bytes()
    answer = await post(client, body, format="csv")
    assert answer.status == 200, answer.text
    assert answer.json() == {
        "format": "csv",
        "meter": "house",
        "rows": 22_536,
        "repeated": 15,
        "intervals": 22_521,
        "mwh": 5_554_874_000,
        "kwh": "5554.874",
        "start": "2012-10-12T00:30:00Z",
        "end": "2014-01-25T07:00:00Z",
        "booked": 5,
        "unchanged": 0,
        "refused": [],
        "more_refused": 0,
        "dry_run": False,
    }
    told = await total(client, "2012-10-12T00:30:00Z", "2014-01-25T07:00:00Z")
    assert told["total"]["kwh"] == "5554.874"
    assert sum(row["mwh"] for row in told["data"]) == 5_554_874_000
    assert len(told["gaps"]) == 5
    again = (await post(client, gzip.decompress(body), format="csv")).json()
    assert (again["booked"], again["unchanged"]) == (0, 5)
    assert await total(client, "2012-10-12T00:30:00Z", "2014-01-25T07:00:00Z") == told


@pytest.mark.parametrize(
    ("name", "rows", "wh"),
    [
        ("hourly_9days", 216, 199_563),
        ("daily_1year", 444, 9_917_817),
        ("abridged_electric", 8, 4_086),
    ],
)
async def test_green_button_files_have_their_energy_to_the_watt_hour(
    client: HttpClient, name: str, rows: int, wh: int
) -> None:
    body = (FOLDER / f"greenbutton_{name}.xml").read_bytes()
    told = (await post(client, body, format="greenbutton")).json()
    assert (told["intervals"], told["mwh"]) == (rows, wh * 1_000)
    used = await total(client, told["start"], told["end"])
    assert used["total"]["mwh"] == wh * 1_000
    if name == "daily_1year":
        assert used["coverage"] == 1


async def test_a_file_that_is_long_to_read_is_no_fault_of_the_store(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "ANSWER_TIMEOUT_S", 0.02)
    answer = await post(client, b"start,value\n" + b"2020-11-29,\n" * 50_000, format="csv")
    assert (answer.status, answer.json()["rows"]) == (200, 0), answer.text


async def test_gas_is_refused_as_a_whole_and_leaves_no_meter(client: HttpClient) -> None:
    body = (FOLDER / "greenbutton_abridged_gas.xml").read_bytes()
    answer = await post(client, body, format="greenbutton")
    assert (answer.status, answer.json()["code"]) == (422, "bad_unit")
    assert (await client.get("/v3/energy/meters/house")).status == 404


async def test_rows_that_are_none_are_told_by_their_lines_and_the_others_are_booked(
    client: HttpClient,
) -> None:
    rows = b"at,wh\n2020-11-29 09:00,100\nsoon,1\n2020-11-29 09:30,much\n2020-11-29 10:00,-5\n"
    asked = {"format": "csv", "time": "at", "value": "wh", "unit": "Wh", "stamp": "end"}
    dry = (await post(client, rows, dry_run="true", **asked)).json()
    assert (dry["intervals"], dry["dry_run"]) == (1, True)
    assert (await client.get("/v3/energy/meters/house")).status == 404
    told = (await post(client, rows, **asked)).json()
    assert [each["line"] for each in told["refused"]] == [3, 4, 5]
    assert (told["rows"], told["intervals"], told["kwh"]) == (4, 1, "0.1")
    used = await total(client, "2020-11-29T08:30:00Z", "2020-11-29T09:00:00Z")
    assert (used["total"]["mwh"], used["coverage"]) == (100_000, 1)


async def test_times_without_a_zone_are_of_the_meter(client: HttpClient) -> None:
    body = b'{"tz":"Europe/Berlin"}'
    await client.request("PUT", "/v3/energy/meters/house", body, "application/json")
    told = (await post(client, b"start,value\n2020-11-29 09:00,1\n", format="csv")).json()
    assert told["start"] == "2020-11-29T08:00:00Z"


@pytest.mark.parametrize(
    ("asked", "body", "status", "expected"),
    [
        ({"format": "pdf"}, b"", 400, "format: 'pdf'"),
        ({"format": "csv", "every": "soon"}, b"start,value\n", 400, "every: 'soon' is no length"),
        ({"format": "csv"}, b"a,b\n1,2\n", 400, "no column 'start'"),
        ({"format": "csv", "unit": "therm"}, b"start,value\n", 422, "'therm' is no unit"),
        ({"format": "octopus"}, b"{}", 400, "results: missing"),
        ({"format": "greenbutton"}, b"<feed>", 400, "line 1: "),
        ({"format": "csv", "meter": ""}, b"", 422, "meter: a name has at least one letter"),
    ],
)
async def test_a_file_that_is_none_is_told(
    client: HttpClient, asked: dict[str, str], body: bytes, status: int, expected: str
) -> None:
    answer = await post(client, body, **asked)
    assert (answer.status, expected in answer.text) == (status, True), answer.text


async def test_a_channel_of_power_takes_no_intervals_of_a_file(client: HttpClient) -> None:
    power = b'[{"command":"power","power":{"meter":"house","points":[[1606636800,1]]}}]'
    await client.request("POST", "/v3/energy/readings", power, "application/json")
    answer = await post(client, b"start,value\n2020-11-29 09:00,1\n", format="csv")
    assert (answer.status, answer.json()["code"]) == (409, "conflict"), answer.text


def psd(*arguments: str, url: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PSD_REDIS_URL": url}
    return psd_ended(["energy", *arguments], Path.cwd(), environment, timeout_s=120)


def test_a_terminal_imports_straight_into_the_store_and_asks_it(redis_url: str) -> None:
    file = str(FOLDER / HOUSE)
    asked = (file, "--format", "csv", "--meter", "house", "--via", "direct")
    told = "house: 22536 rows, 15 repeated, 22521 intervals, 5554.874 kWh, 0 refused"
    dry = psd("import", *asked, "--dry-run", url=redis_url)
    assert (dry.returncode, dry.stdout) == (0, f"{told} (nothing is booked)\n"), dry.stderr
    done = psd("import", *asked, url=redis_url)
    assert (done.returncode, done.stdout) == (0, f"{told}\n"), done.stderr
    range_ = ("house", "2012-10-12T00:30:00Z", "2014-01-25T07:00:00Z")
    used = psd("usage", *range_, "--json", url=redis_url)
    assert json.loads(used.stdout)["total"]["kwh"] == "5554.874", used.stderr
    assert len(psd("gaps", *range_, "--csv", url=redis_url).stdout.splitlines()) == 1 + 5
    house, start, end = range_
    by_options = psd("usage", house, "--start", start, "--end", end, "--json", url=redis_url)
    assert by_options.stdout == used.stdout, by_options.stderr
    for wrong in ((house,), (house, start, "--start", start), (*range_, "--end", end)):
        assert psd("usage", *wrong, url=redis_url).returncode == 2, wrong
    gas = (str(FOLDER / "greenbutton_abridged_gas.xml"), "--format", "greenbutton")
    refused = psd("import", *gas, "--meter", "gas", "--via", "direct", url=redis_url)
    assert (refused.returncode, "uom: '169'" in refused.stderr) == (1, True)


def test_a_terminal_says_what_a_meter_is_and_shows_it(redis_url: str) -> None:
    assert psd("sample", "--days", "1", url=redis_url).stdout == "house: 48 intervals, booked\n"
    said = psd("meter", "set", "house", "--tz", "Europe/London", "--max-kw", "14", url=redis_url)
    assert "house: Europe/London, plan none, up to 14 kW" in said.stdout, said.stderr
    time = ("--time", "2020-11-01T06:00Z")
    done = psd("meter", "exchange", "house", *time, "--final", "9", "--first", "0", url=redis_url)
    assert "exchanged 2020-11-01T06:00:00Z: 9 kWh, then 0 kWh" in done.stdout, done.stderr
    forgotten = psd("meter", "set", "house", "--max-kw", "none", url=redis_url)
    assert "up to 100 kW" in forgotten.stdout
    shown = json.loads(psd("meter", "show", "house", "--json", url=redis_url).stdout)
    assert shown["channels"][0]["newest"] == {"time": "2020-11-02T00:00:00Z"}
    heading, row = psd("meter", "show", "house", "--csv", url=redis_url).stdout.splitlines()
    assert heading == "flow,register,kind,counts,newest"
    assert row == 'import,0,intervals,true,"{""time"":""2020-11-02T00:00:00Z""}"'
    assert psd("meter", "set", "house", url=redis_url).returncode == 2
    assert psd("meter", "show", "nobody", url=redis_url).returncode == 1


async def test_a_client_sends_a_file_to_a_running_server(client: HttpClient) -> None:
    body = (FOLDER / "greenbutton_hourly_9days.xml").read_bytes()
    async with AsyncClient(client.url) as asking:
        told = await asking.energy.import_file(body, format="greenbutton", meter="flat")
        assert told.kwh == "199.563"
        await asking.energy.describe("flat", tz="America/New_York", time=1)
        assert (await asking.energy.meter("flat")).tz == "America/New_York"
        used = await asking.energy.usage("flat", start=told.start or "", end=told.end)
        assert used.total.mwh == 199_563_000
