"""The programs of examples/ that ask a server, and Grafana's dashboard, on the sample."""

from __future__ import annotations

import asyncio
import csv
import re
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
import pytest_asyncio

from tests.support.processes.psd_up import fetch, psd_up, without_settings
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PROGRAMS = sorted(path for path in EXAMPLES.iterdir() if path.suffix in {".py", ".go"})
DASHBOARD: dict[str, Any] = msgspec.json.decode((EXAMPLES / "grafana.json").read_bytes())

STEPS: Counter[str] = Counter()
"""All steps of each user of the sample."""

with (EXAMPLES / "fitbit_hourly_steps.csv").open(encoding="utf-8", newline="") as sample:
    for row in csv.DictReader(sample):
        STEPS[row["Id"]] += int(row["StepTotal"])

START_S, END_S = 1_460_419_200, 1_463_097_600
"""The range of the dashboard: 12 April to 13 May 2016."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Where psd listens, with the sample loaded."""
    folder = tmp_path_factory.mktemp("examples")
    async with psd_up([sys.executable, "-m", "psd"], folder, "--sample") as address:
        await wait_until("the sample is booked", lambda: told(address) == STEPS.total(), 60)
        yield address


def prometheus(url: str, path: str, **fields: str) -> Any:
    """The data of an answer of the Prometheus API."""
    answer = fetch(f"{url}/api/v1/{path}?{urlencode(fields)}")
    assert answer.status == 200, answer.text
    return msgspec.json.decode(answer.text)["data"]


def told(url: str) -> int:
    """All steps there are."""
    result = prometheus(url, "query", query="sum(steps)", time=str(END_S))["result"]
    return int(result[0]["value"][1]) if result else 0


TARGETS: list[tuple[str, dict[str, Any]]] = [
    (panel["title"], target) for panel in DASHBOARD["panels"] for target in panel["targets"]
]
"""Each query of the dashboard with the panel that it is in."""


def interpolated(query: str, target: dict[str, Any], uid: str) -> str:
    """A query as Grafana sends it, with the panel's interval and the users who are chosen."""
    query = query.replace("$__range", f"{END_S - START_S}s")
    query = query.replace("$__interval", target.get("interval", "1h"))
    return query.replace("$uid", uid)


def asked(url: str, target: dict[str, Any], uid: str) -> list[dict[str, Any]]:
    """The series of a query of the dashboard."""
    query = interpolated(target["expr"], target, uid)
    assert "$" not in query
    if target["instant"]:
        return list(prometheus(url, "query", query=query, time=str(END_S))["result"])
    step = {"1h": "3600", "1d": "86400"}[target["interval"]]
    times = {"start": str(START_S), "end": str(END_S), "step": step}
    return list(prometheus(url, "query_range", query=query, **times)["result"])


def total_of(series: list[dict[str, Any]], *, is_counter: bool) -> int:
    """What a panel's numbers come to: its bars together, or where its counters end."""
    values = [
        [int(value) for _, value in each.get("values", [each.get("value")])] for each in series
    ]
    return sum(points[-1] if is_counter else sum(points) for points in values)


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_a_program_has_20_to_60_lines_and_says_how_it_is_run(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert 20 <= text.count("\n") <= 60
    assert re.search(rf"examples/{path.name}|Run as a\nprogram", text)


def test_the_programs_are_the_ones_that_tests_run() -> None:
    names = {path.name for path in PROGRAMS}
    assert names == {"challenge.py", "notebook.py", "producer.go", "producer.py"}


async def run(program: str, url: str) -> str:
    """What a program prints; nothing on stderr."""
    command = [sys.executable, "-X", "dev", str(EXAMPLES / program), url]
    done = await asyncio.to_thread(
        subprocess.run,
        command,
        cwd=ROOT,
        env={**without_settings(), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("uid", [".+", "1503960366|1624580081"], ids=["all", "two"])
@pytest.mark.parametrize(("title", "target"), TARGETS, ids=[title for title, _ in TARGETS])
async def test_a_query_of_the_dashboard_comes_to_the_steps_of_the_sample(
    url: str, title: str, target: dict[str, Any], uid: str
) -> None:
    chosen = STEPS if uid == ".+" else {name: STEPS[name] for name in uid.split("|")}
    sums = sorted(chosen.values(), reverse=True)
    series = asked(url, target, uid)
    wanted = sums[:10] if title == "The best ten" else sums
    assert total_of(series, is_counter="increase" not in target["expr"]) == sum(wanted)


def test_the_variable_of_the_dashboard_lists_everybody(url: str) -> None:
    [variable] = [each for each in DASHBOARD["templating"]["list"] if each["type"] == "query"]
    found = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"])
    assert found
    values = prometheus(url, f"label/{found[2]}/values", **{"match[]": found[1]})
    assert len(values) == 33


def test_each_panel_asks_the_data_source_that_is_chosen() -> None:
    panels = DASHBOARD["panels"]
    assert len(panels) >= 4
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert all(panel["datasource"] == chosen for panel in panels)
    assert all(target["datasource"] == chosen for _, target in TARGETS)


async def test_the_notebook_prints_its_three_tables(url: str) -> None:
    pytest.importorskip("pandas")
    printed = await run("notebook.py", url)
    assert re.search(r"^1 +8877689391 +488046 .* 35478$", printed, re.MULTILINE)
    hours = re.findall(r"^(\d+) +(\d+)$", printed, re.MULTILINE)
    assert [int(hour) for hour, _ in hours] == [*range(24)]
    assert max(hours, key=lambda pair: int(pair[1]))[0] == "18"
    assert re.search(r"^Saturday +13426 +15953 +20079$", printed, re.MULTILINE)


async def test_the_challenge_is_declared_and_may_be_run_again(url: str) -> None:
    first, again = await run("challenge.py", url), await run("challenge.py", url)
    assert "2. 701 63,000\n3. 702 59,500\n" in first
    assert "2. 702 65,500\n3. 701 63,000\n" in again
    assert first.splitlines()[-1] == "703 wins, 702 is second with 65,500 m"
    assert again.splitlines()[-1] == first.splitlines()[-1]
