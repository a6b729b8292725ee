"""A real Prometheus on a free port, with the rules of deploy/ and a quick pulse.

>>> with PrometheusServer(tmp_path, rules, {"psd-server": "127.0.0.1:1155"}) as prometheus:
...     prometheus.ask("up")
[{'metric': {'__name__': 'up', 'job': 'psd-server', ...}, 'value': [1458061000.1, '1']}]
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pytest
import yaml

from tests.support.servers.ports import free_ports
from tests.support.servers.server_process import ended, started

PULSE = "500ms"

_HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def program(name: str) -> str:
    """Path of ``prometheus`` or ``promtool``; skips (on CI: fails) the test when there is none."""
    found = shutil.which(name)
    if found:
        return found
    reason = f"{name} is missing: Debian has it in the package prometheus"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


class PrometheusServer:
    """One server that scrapes one target a job."""

    def __init__(self, folder: Path, rules: Any, targets: Mapping[str, str]) -> None:
        self.port = free_ports(1)[0]
        self.folder = folder / "prometheus"
        self.folder.mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        (self.folder / "rules.yml").write_text(yaml.safe_dump(rules))
        jobs = [
            {"job_name": job, "static_configs": [{"targets": [target]}]}
            for job, target in targets.items()
        ]
        pulse = {"scrape_interval": PULSE, "scrape_timeout": PULSE, "evaluation_interval": PULSE}
        configured = {"global": pulse, "rule_files": ["rules.yml"], "scrape_configs": jobs}
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(configured))

    def __enter__(self) -> Self:
        command = [
            program("prometheus"),
            f"--config.file={self.folder}/prometheus.yml",
            f"--storage.tsdb.path={self.folder}/data",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        self._process = started("prometheus", command, self.folder / "log", self._is_ready)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        ended(self._process, signal.SIGTERM)

    def ask(self, expression: str) -> list[Any]:
        """What an expression is now, as its list of series."""
        return list(self._get("query", query=expression)["result"])

    def firing(self) -> set[str]:
        """Names of the alerts that fire now."""
        alerts = self._get("alerts")["alerts"]
        return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}

    def _get(self, path: str, **query: str) -> Any:
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with _HTTP.open(url, timeout=30) as answer:
            return json.loads(answer.read())["data"]

    def _is_ready(self) -> bool:
        try:
            with _HTTP.open(f"http://127.0.0.1:{self.port}/-/ready", timeout=5):
                return True
        except OSError:
            return False
