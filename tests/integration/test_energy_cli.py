"""``psd energy``: plans, prices and carbon from files, and what they come to; and a replay."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from psd.runtime import Runtime
from tests.support.processes.commands import printed, run
from tests.support.scripts.script_calls import dumps
from tests.support.servers.redis_server import RedisServer

T0 = 1_606_636_800
"""2020-11-29 08:00 UTC."""

DAY = ("--start", "2020-11-29", "--end", "2020-11-30")
BASE = {"name": "base", "rate": "0.25"}


@pytest.fixture(autouse=True)
def environment(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands find the store and the archive of the runtime."""
    monkeypatch.setenv("PSD_REDIS_URL", redis_url)
    monkeypatch.setenv("PSD_REDIS_DURABILITY", "fast")


def kept(folder: Path, name: str, document: Any) -> str:
    path = folder / name
    text = document if isinstance(document, str) else json.dumps(document)
    path.write_text(text, encoding="utf-8")
    return str(path)


def money_of(held: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """What is kept of plans and prices."""
    meters = b"psd:energy:{energy}:meters"
    return {key: value for key, value in held.items() if b":energy:" in key and key != meters}


async def use(psd: Runtime, values: list[float]) -> None:
    said = {"meter": "m-1", "every_s": 1_800, "start": T0, "values": values}
    body = msgspec.json.encode({"command": "intervals", "intervals": said})
    [outcome] = await psd.books.book(psd.rules.events(body, psd.clock.now_s(), "m"))
    assert outcome.status == "booked"


@pytest.mark.usefixtures("runtime")
async def test_plans_are_put_listed_shown_and_taken_away(tmp_path: Path) -> None:
    file = kept(tmp_path, "eco.json", {"currency": "GBP", "rates": [BASE]})
    assert await printed("energy", "plans", "put", "eco", file, "--new") == "eco: made\n"
    assert await printed("energy", "plans", "put", "eco", file) == "eco: kept\n"
    again = await run("energy", "plans", "put", "eco", file, "--new")
    assert (again.exit_code, "not for: any version" in again.output) == (1, True)
    shown = json.loads(await printed("energy", "plans", "show", "eco", "--json"))
    assert shown["versions"] == [{"plan": "eco", "currency": "GBP", "rates": [BASE]}]
    assert "eco" in (await printed("energy", "plans", "ls")).splitlines()[1]
    [version] = csv.DictReader(
        (await printed("energy", "plans", "show", "eco", "--csv")).split("\n")
    )
    assert (version["currency"], version["vat_percent"]) == ("GBP", "0")
    assert json.loads(version["rates"]) == [BASE]
    [listed] = csv.DictReader((await printed("energy", "plans", "ls", "--csv")).splitlines())
    assert (listed["plan"], json.loads(listed["versions"])) == ("eco", shown["versions"])
    told = (await printed("energy", "plans", "show", "eco")).splitlines()
    assert told[1].split() == ["ever", "-", "GBP", "UTC", "1", "-"]
    wrong = kept(tmp_path, "wrong.json", {"rates": [{**BASE, "to": "25:00"}]})
    refused = await run("energy", "plans", "put", "eco", wrong)
    assert (refused.exit_code, "rates[0].to: '25:00'" in refused.output) == (1, True)
    await printed("energy", "plans", "rm", "eco")
    assert (await run("energy", "plans", "show", "eco")).exit_code == 1


async def test_a_tariff_of_urdb_becomes_a_plan_and_demand_is_not_dropped(
    runtime: Runtime, tmp_path: Path
) -> None:
    schedule = [[0] * 17 + [1] * 4 + [0] * 3] * 12
    tariff = {
        "label": "539f6a23",
        "energyratestructure": [[{"rate": 0.07}], [{"rate": 0.12, "adj": 0.005}]],
        "energyweekdayschedule": schedule,
        "energyweekendschedule": [[0] * 24] * 12,
        "demandratestructure": [[{"rate": 19.5}]],
    }
    file = kept(tmp_path, "lp1.json", {"items": [tariff]})
    asked = ("energy", "plans", "import", file, "--format", "urdb", "--tz", "America/Chicago")
    refused = await run(*asked)
    assert (refused.exit_code, "demandratestructure" in refused.output) == (1, True)
    assert "539f6a23: made" in await printed(*asked, "--without-demand")
    await use(runtime, [1] * 48)
    told = json.loads(await printed("energy", "cost", "m-1", "--plan", "539f6a23", *DAY, "--json"))
    # A Sunday.
    assert (told["total"], told["currency"]) == ("2.24", "USD")


async def test_prices_and_carbon_of_files_stand_beside_each_other_and_a_replay_has_them_again(
    runtime: Runtime, redis_server: RedisServer, tmp_path: Path
) -> None:
    rates = [
        {
            "value_exc_vat": 20 + at,
            "value_inc_vat": 21 + at,
            "valid_from": f"2020-11-29T{8 + at:02}:00:00Z",
            "valid_to": f"2020-11-29T{9 + at:02}:00:00Z",
            "payment_method": None,
        }
        for at in (1, 0)
    ]
    file = kept(tmp_path, "rates.json", {"results": rates})
    prices = ("energy", "prices", "import", file, "--format", "octopus", "--series", "agile")
    assert "would be booked" in await printed(*prices, "--dry-run")
    told = "agile: 2 prices from 2020-11-29T08:00:00Z to 2020-11-29T10:00:00Z, "
    assert await printed(*prices) == f"{told}booked\n"
    assert await printed(*prices) == f"{told}unchanged\n"
    listed = [{"timestamp": T0 + 3_600 * at, "price": -1.5} for at in range(2)]
    elering = kept(tmp_path, "nps.json", {"data": {"ee": listed}})
    await printed(
        *("energy", "prices", "import", elering, "--format", "elering"),
        *("--area", "ee", "--series", "ee"),
    )
    grams = kept(tmp_path, "grams.csv", f"start,end,price\n{T0},{T0 + 3_600},186\n")
    await printed("energy", "carbon", "import", grams, "--format", "csv", "--region", "GB")
    for name, series in (("agile", "agile"), ("spot", "ee")):
        plan = kept(tmp_path, "plan.json", {"series": series, "decimals": 4})
        await printed("energy", "plans", "put", name, plan)
    await use(runtime, [1, 1, 1, 1])
    bill = ("energy", "cost", "m-1", "--plan", "agile", *DAY, "--carbon", "GB")
    table = await printed(*bill)
    assert "agile: 0.8600, coverage 0.083333, 372 g of carbon dioxide" in table
    compared = await printed("energy", "compare", "m-1", *DAY, "--csv")
    assert [line.split(",")[:4] for line in compared.splitlines()[1:]] == [
        ["spot", "", "", "-0.0060"],
        ["agile", "", "", "0.8600"],
    ]
    assert (await run(*bill[:5], "--start", "2020-11-28", "--strict")).exit_code == 0
    first = await printed("energy", "recommend", "m-1", *DAY, "--limit", "1", "--json")
    assert [row["plan"] for row in json.loads(first)["data"]] == ["spot"]
    with redis_server.sync_client() as client:
        held = money_of(dumps(client))
        for key in held:
            client.delete(key)
        told = await printed("replay", "--from", "1")
        assert "2 decisions carried out" in told
        assert money_of(dumps(client)) == held
    assert await printed(*bill) == table


async def test_an_unpriced_bill_fails_where_somebody_is_strict(
    runtime: Runtime, tmp_path: Path
) -> None:
    file = kept(tmp_path, "agile.json", {"series": "none"})
    await printed("energy", "plans", "put", "agile", file)
    await use(runtime, [1])
    asked = ("energy", "cost", "m-1", "--plan", "agile", *DAY)
    assert "1 kWh have no price" in await printed(*asked)
    strict = await run(*asked, "--strict")
    assert (strict.exit_code, "have no price" in strict.output) == (1, True)
