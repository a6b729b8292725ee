"""A domain is a folder and a line: one is added to a copy of psd, and goes all the way.

The folder is tests/e2e/meters. Nothing else of the copy is changed but the line of DOMAINS.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers.redis_server import RedisServer
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
PARTS = ("psd", "server", "workers", "lua", "conf")
TIMEOUT_S = 120
LINE = "DOMAINS = ("
SECOND_S = 1_644_210_000


class House:
    """A copy of psd with meters in it, over a store of its own."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        for part in PARTS:
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("*.pyc"))
        shutil.copytree(Path(__file__).parent / "meters", folder / "psd" / "meters")
        (folder / "psd" / "meters" / "__init__.py").touch()
        listed = folder / "psd" / "domains.py"
        text = listed.read_text(encoding="utf-8")
        assert text.count(LINE) == 1
        listed.write_text(text.replace(LINE, f'{LINE}"psd.meters.domain:METERS", '))
        with closing(socket.create_server(("127.0.0.1", 0))) as probe:
            self.port: int = probe.getsockname()[1]
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self.environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("PSD_")},
            "PYTHONPATH": str(folder),
            "PSD_REDIS_URL": redis_url,
            "PSD_QUEUE_KIND": "stream",
            "PSD_SERVER_PORT": str(self.port),
            "PSD_METERS_WH_MAX": "200",
        }

    def run(self, *arguments: str, text: str = "") -> str:
        """What a command prints."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def running(self, *arguments: str) -> Iterator[None]:
        """A command that runs meanwhile."""
        with (self.folder / f"{arguments[0]}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "psd", *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        try:
            yield
        finally:
            process.terminate()
            process.wait(TIMEOUT_S)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        with closing(connection):
            connection.request(method, path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def logs(self) -> str:
        """What the processes said."""
        return "".join(path.read_text() for path in self.folder.glob("*.log"))

    def is_ready(self) -> bool:
        """Whether the server answers; nobody waits for what has ended."""
        assert all(each.poll() is None for each in self.processes), self.logs()
        try:
            return self.ask("GET", "/readyz")[0] == 200
        except OSError:
            return False


@pytest.fixture
async def house(redis_server: RedisServer, tmp_path: Path) -> House:
    return House(tmp_path / "house", redis_server.url)


async def test_a_domain_is_a_folder_and_a_line(house: House) -> None:
    reading = {"meter": 7, "wh": 120, "time": SECOND_S}
    with house.running("server"), house.running("worker"):
        await wait_until("the server is ready", house.is_ready, TIMEOUT_S)
        from_the_queue(house, reading)
        expected = (200, {"meter": 7, "shown": 120})
        await wait_until(
            "it was kept", lambda: house.ask("GET", "/v3/meters/7") == expected, TIMEOUT_S
        )
        over_http(house, reading)
        as_a_cloud_event(house)
        in_the_reference(house)
        by_client_and_command_line(house)


def from_the_queue(house: House, reading: dict[str, int]) -> None:
    message = json.dumps({"command": "reading", "reading": reading})
    house.run("-m", "psd", "publish", "-", text=f"{message}\n")


def over_http(house: House, reading: dict[str, int]) -> None:
    documents = [{**reading, "meter": 8}, {**reading, "meter": 9, "wh": 201}]
    status, answer = house.ask("POST", "/v3/readings", documents)
    [refused] = answer["refused"]
    assert (status, answer["booked"], refused["code"]) == (406, 1, "out_of_bounds")
    assert refused["message"] == "wh: 201 must lie between 0 and 200"
    assert house.ask("GET", "/v3/meters/8?per=100") == (200, {"meter": 8, "shown": 1})
    assert house.ask("GET", "/v3/meters/9")[1]["code"] == "not_found"
    assert house.ask("GET", "/v3/meters/100")[1]["code"] == "out_of_bounds"
    assert house.ask("GET", "/v3/meters/8?unit=1")[1]["detail"].startswith("unit: unknown")


def as_a_cloud_event(house: House) -> None:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/meters",
        "type": "psd.reading",
        "time": "2022-02-07T05:00:00Z",
        "data": {"meter": 9, "wh": 3},
    }
    connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=TIMEOUT_S)
    with closing(connection):
        headers = {"Content-Type": "application/cloudevents+json"}
        connection.request("POST", "/v3/events", json.dumps(event), headers)
        assert json.loads(connection.getresponse().read())["summary"]["booked"] == 1
    assert house.ask("GET", "/v3/meters/9") == (200, {"meter": 9, "shown": 3})


def in_the_reference(house: House) -> None:
    document = house.ask("GET", "/openapi.json")[1]
    assert {"name": "Meters", "description": "Meters, and the newest reading of each."} in (
        document["tags"]
    )
    asked = document["paths"]["/v3/meters/{meter}"]["get"]
    assert [each.get("name") for each in asked["parameters"][:2]] == ["meter", "per"]
    assert document["paths"]["/v3/readings"]["post"]["tags"] == ["Meters"]
    message = document["components"]["schemas"]["QueueMessage"]["properties"]
    assert {"reading", "readings"} <= set(message)
    assert {"reading", "readings"} <= set(message["command"]["enum"])


def by_client_and_command_line(house: House) -> None:
    asking = f"from psd.client import Client; c = Client('http://127.0.0.1:{house.port}')"
    assert house.run("-c", f"{asking}; print(c.meters.meter(7).shown); c.close()") == "120\n"
    assert house.run("-m", "psd", "meters", "show", "8") == "120\n"
    assert "meters  " in house.run("-m", "psd", "--help")
    [line] = [
        line.split()
        for line in house.run("-m", "psd", "config", "show").splitlines()
        if line.startswith("meters.wh_max")
    ]
    assert line[1:] == ["200", "PSD_METERS_WH_MAX"]
    known = "from psd.store.keys import kind_of; print(kind_of('psd:meters:{all}').name)"
    assert house.run("-c", known) == "meters\n"
    placed = "from psd.failpoints import failpoint_of; print(failpoint_of('meters_kept').place)"
    assert house.run("-c", placed) == "meters_kept\n"
