"""What a real Prometheus makes of a running server and worker, and of the rules and dashboards.

One Redis, nsqd, server, worker and Prometheus serve all tests of this file.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.support.processes.watched_psd import WatchedPsd
from tests.support.servers.prometheus_server import PrometheusServer, program
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
DEPLOYED = ROOT / "deploy" / "prometheus"
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
RULES = yaml.safe_load((DEPLOYED / "alerts.yml").read_text())["groups"][0]["rules"]

COMPARISON = re.compile(r"(?P<left>.+?) (?:>|==) [0-9.]+")
"""A rule compares at its end; what is left of that has an answer also while all is well."""

PANEL_VARIABLES = {"$__rate_interval": "1m", '"$instance"': '".*"', "$__interval": "1m"}

WRITES = (
    {"thing": "steps", "uid": 7, "atid": 1, "aid": 1, "value": 10, "ts1": 1458061000},
    {"thing": "steps", "uid": 7, "atid": 1, "aid": 2, "value": 2**53 - 1, "ts1": 1458061000},
)


@pytest.fixture(scope="module")
def psd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedPsd]:
    with WatchedPsd(tmp_path_factory.mktemp("watched")) as running:
        yield running


@pytest.fixture(scope="module")
def prometheus(psd: WatchedPsd) -> Iterator[PrometheusServer]:
    """With the rules at once instead of in minutes, and a lag that a test can wait for."""
    rules = [{name: each for name, each in rule.items() if name != "for"} for rule in RULES]
    for rule in rules:
        if rule["alert"] == "PsdLag":
            rule["expr"] = rule["expr"].replace("> 60", "> 0.5")
    targets = {
        "psd-server": f"127.0.0.1:{psd.server_port}",
        "psd-worker": f"127.0.0.1:{psd.worker_port}",
    }
    groups = {"groups": [{"name": "psd", "rules": rules}]}
    with PrometheusServer(psd.folder, groups, targets) as running:
        yield running


def metric(aid: int) -> bytes:
    report = {"thing": "steps", "uid": 8, "aid": aid, "value": 1, "ts1": 1458061000 + aid}
    return json.dumps({"command": "metric", "metric": report | {"ts2": report["ts1"]}}).encode()


def busy(psd: WatchedPsd) -> None:
    """Something of all that has a panel: booked, refused, dead-lettered, asked, turned away."""
    for write in WRITES:
        psd.request("POST", "/v1/write", json.dumps(write | {"ts2": write["ts1"]}).encode())
    for aid in range(3):
        psd.nsqd.post("/pub", metric(aid), topic="psd")
    psd.nsqd.post("/pub", b"no message at all", topic="psd")
    psd.request("GET", "/v3/sum?uid=7&thing=steps&start=2016-01-01&end=2017-01-01")
    with socket.create_connection(("127.0.0.1", psd.server_port), timeout=60) as stranger:
        stranger.sendall(b"nonsense\r\n\r\n")
        stranger.recv(100)


def panel_expressions() -> list[tuple[str, str]]:
    """Each query of each panel and annotation, as Grafana would send it."""
    found: list[tuple[str, str]] = []
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", ()):
                found.append((f"{path.stem}: {panel['title']}", in_panel(target["expr"])))
    return found


def in_panel(expression: str) -> str:
    for variable, value in PANEL_VARIABLES.items():
        expression = expression.replace(variable, value)
    return expression


def rule_expressions() -> list[tuple[str, str]]:
    """What each rule compares, so that it has an answer while nothing is wrong."""
    return [(rule["alert"], left_of(rule["expr"])) for rule in RULES]


def left_of(expression: str) -> str:
    if expression.startswith("absent("):
        return expression.removeprefix("absent(").removesuffix(" == 1)")
    found = COMPARISON.fullmatch(expression)
    assert found is not None, f"{expression} ends with no comparison"
    return found["left"]


async def test_every_rule_and_every_panel_has_an_answer_while_all_is_well(
    psd: WatchedPsd, prometheus: PrometheusServer
) -> None:
    unanswered = [*rule_expressions(), *panel_expressions()]
    assert len(unanswered) > 80

    def all_answered() -> bool:
        busy(psd)
        unanswered[:] = [each for each in unanswered if not prometheus.ask(each[1])]
        return not unanswered

    try:
        await wait_until("all are answered", all_answered)
    except AssertionError as error:
        raise AssertionError(unanswered) from error


async def test_annotations_of_the_dashboards_are_queries(prometheus: PrometheusServer) -> None:
    for path in DASHBOARDS:
        for each in json.loads(path.read_text())["annotations"]["list"]:
            prometheus.ask(each["expr"])


def rows_of_operations() -> dict[str, list[str]]:
    """Type, labels and series of each documented metric."""
    text = (ROOT / "docs" / "operations.md").read_text()
    section = text.partition("## Metrics\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| `(\w+)` \| (\w+) \| ([\w, ]*) ?\| ([\w ]+) \|", section, re.MULTILINE)
    return {name: [kind, labels.strip(), series] for name, kind, labels, series in lines}


@pytest.mark.parametrize("process", ["server", "worker"])
def test_a_process_tells_what_is_documented_with_these_labels_in_no_more_series(
    psd: WatchedPsd, process: str
) -> None:
    busy(psd)
    port = psd.server_port if process == "server" else psd.worker_port
    documented = rows_of_operations()
    families = list(text_string_to_metric_families(psd.get(port, "/metrics")[1]))
    assert len(families) > 50
    for family in families:
        name = family.name + ("_total" if family.type == "counter" else "")
        kind, labels, series = documented[name]
        assert family.type == kind, name
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(filter(None, labels.split(", "))), name
        assert len(family.samples) <= allowed(series, family.samples), name


def allowed(series: str, samples: list[Any]) -> int:
    """``16 a route``: so many for each route that has some."""
    number, _, label = series.partition(" a ")
    return int(number) * (len({each.labels[label] for each in samples}) if label else 1)


async def test_what_waits_while_no_worker_runs_fires_and_is_over_once_it_is_booked(
    psd: WatchedPsd, prometheus: PrometheusServer
) -> None:
    psd.stop_worker()
    psd.nsqd.post("/pub", metric(100), topic="psd")
    expected = {"PsdWorkerDown", "PsdNoWorker", "PsdLag"}
    await wait_until("they fire", lambda: expected <= prometheus.firing())
    [lag] = prometheus.ask('psd_queue_lag_seconds{job="psd-server",topic="psd"}')
    assert float(lag["value"][1]) > 0
    psd.start_worker()
    await wait_until("they are over", lambda: not expected & prometheus.firing())


def test_the_configuration_and_the_rules_are_what_promtool_takes(tmp_path: Path) -> None:
    for words in (
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
    ):
        done = subprocess.run(
            [program("promtool"), *words], cwd=DEPLOYED, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_has_a_history_that_fires_and_one_before() -> None:
    told: Mapping[str, list[bool]] = defaultdict(list)
    for each in yaml.safe_load((DEPLOYED / "alerts_test.yml").read_text())["tests"]:
        for test in each["alert_rule_test"]:
            told[test["alertname"]].append(bool(test["exp_alerts"]))
    assert {name for name, fires in told.items() if {True, False} <= set(fires)} == {
        rule["alert"] for rule in RULES
    }


def test_grafana_is_provisioned_with_what_the_dashboards_name() -> None:
    provisioning = ROOT / "deploy" / "grafana" / "provisioning"
    [source] = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())[
        "datasources"
    ]
    provided = yaml.safe_load((provisioning / "dashboards" / "psd.yml").read_text())
    assert provided["providers"][0]["type"] == "file"
    assert {path.stem for path in DASHBOARDS} == {"psd", "psd-store"}
    for path in DASHBOARDS:
        dashboard = json.loads(path.read_text())
        assert dashboard["uid"] == path.stem
        [chosen] = [v for v in dashboard["templating"]["list"] if v["name"] == "datasource"]
        assert chosen["current"]["value"] == source["uid"]
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert len(ids) == len(set(ids))
