"""A whole psd as a user starts it: the ``psd up`` process, on a free port, with its own data.

>>> async with psd_up(["psd"], tmp_path, "--sample") as url:
...     assert fetch(f"{url}/healthz").status == 200
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from tests.support.waiting import wait_until

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 60.0

# Loopback must be asked directly even where the environment names an HTTP proxy.
_HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Fetched(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    text: str


def fetch(url: str, body: bytes | None = None) -> Fetched:
    """GET, or POST what ``curl -d`` would send; every status is an answer."""
    try:
        with _HTTP.open(urllib.request.Request(url, data=body), timeout=10) as response:
            return Fetched(response.status, response.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Fetched(error.code, error.read().decode())


def without_settings() -> dict[str, str]:
    """This environment without anything that would change what psd does."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PSD_")}
    environ.pop("PYTHONPATH", None)
    return environ


def start(command: Sequence[str | Path], folder: Path, output: Path) -> subprocess.Popen[bytes]:
    """Run a command in ``folder`` with everything that it says in ``output``."""
    with output.open("wb") as stdout:
        return subprocess.Popen(
            [str(word) for word in command],
            cwd=folder,
            env=without_settings(),
            stdout=stdout,
            stderr=subprocess.STDOUT,
        )


@asynccontextmanager
async def psd_up(command: Sequence[str | Path], folder: Path, *options: str) -> AsyncIterator[str]:
    """Start in ``folder``, give the URL, stop with SIGTERM and expect exit code 0."""
    output = folder / "psd-up.txt"
    up = [*command, "up", "--port", "0", "--data", folder / "data", *options]
    process = start(up, folder, output)

    def url() -> str | None:
        if process.poll() is not None:
            raise RuntimeError(f"psd up ended: {output.read_text()}")
        found = re.search(r"psd listens on (\S+)", output.read_text())
        return found and found[1]

    try:
        await wait_until("psd up says where it listens", url, START_TIMEOUT_S)
        yield url() or ""
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_TIMEOUT_S) == 0, output.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
