"""A copy of psd in a folder of its own, with one domain more or one less, and what runs in it.

::

    house = House(tmp_path / "house", redis_url)                  with tests/e2e/meters
    house = House(tmp_path / "house", redis_url, "rewards")       without rewards
    with house.running("server"):
        house.ask("GET", "/v3/meters/7")                          -> (200, {"meter": 7, ...})
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.support.servers.ports import free_ports

ROOT = Path(__file__).parents[3]
PARTS = ("psd", "server", "workers", "lua", "conf")
TIMEOUT_S = 120
LIST = re.compile(r"^DOMAINS = \(\n(.*?)^\)\n", re.MULTILINE | re.DOTALL)
METERS = '    "psd.meters.domain:METERS",\n'


def copy_of_psd(folder: Path) -> None:
    """The code, its scripts and settings, in a folder of its own.

    What Python has compiled comes along, so that processes of the copy need not do it again. It is
    written beside its place and renamed: only the names that last are copied.
    """
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("*.pyc.*"))


class House:
    """A copy of psd with meters in it, or without a domain, over a store of its own."""

    def __init__(self, folder: Path, redis_url: str, left_out: str | None = None) -> None:
        copy_of_psd(folder)
        self.folder = folder
        if left_out is None:
            shutil.copytree(ROOT / "tests" / "e2e" / "meters", folder / "psd" / "meters")
            (folder / "psd" / "meters" / "__init__.py").touch()
            self._list(lambda lines: METERS + lines)
        else:
            shutil.rmtree(folder / "psd" / left_out)
            self._list(lambda lines: re.sub(rf'    "psd\.{left_out}\..*\n', "", lines))
        self.port, self.face_port = free_ports(2)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("PSD_")},
            "PYTHONPATH": str(folder),
            "PSD_REDIS_URL": redis_url,
            "PSD_QUEUE_KIND": "stream",
            "PSD_SERVER_PORT": str(self.port),
        }
        if left_out is None:
            self.environment["PSD_METERS_WH_MAX"] = "200"
            self.environment["PSD_METERS_PORT"] = str(self.face_port)

    def _list(self, change: Callable[[str], str]) -> None:
        """Change the lines of DOMAINS, and nothing else."""
        path = self.folder / "psd" / "domains.py"
        text = path.read_text(encoding="utf-8")
        [lines] = LIST.findall(text)
        changed = change(lines)
        assert changed != lines
        path.write_text(text.replace(lines, changed), encoding="utf-8")

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
        """Status and answer, in JSON."""
        sent = None if body is None else json.dumps(body).encode()
        status, _, answered = self.exchange(method, path, sent)
        return status, json.loads(answered)

    def exchange(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        with closing(connection):
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()

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
