"""Private servers for one run: started on unix sockets or free ports in a temporary folder.

Nothing here touches a server that already runs. Every process is a child that its context
manager ends, by its own process id.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
import redis

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 20.0
POLL_S = 0.02


class NotInstalledError(Exception):
    """A program that a measure needs is missing; the measure is left out and says so."""


class NsqAddress(msgspec.Struct, frozen=True):
    """Where an nsqd listens."""

    tcp: str
    http: str


def program(name: str, *folders: Path) -> str:
    """Path of a program: in ``folders``, else on PATH."""
    for folder in folders:
        if (folder / name).exists():
            return str(folder / name)
    found = shutil.which(name)
    if found is None:
        raise NotInstalledError(name)
    return found


def psd_command(name: str) -> list[str]:
    """A ``psd`` command, run by this Python."""
    return [sys.executable, "-m", "psd", name]


def free_port() -> int:
    """A TCP port of the loopback interface that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(
    what: str,
    ready: Callable[[], bool],
    timeout_s: float = START_TIMEOUT_S,
    poll_s: float = POLL_S,
) -> None:
    """Poll until ``ready``; a timeout names what was waited for."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {what} within {timeout_s:.0f} s")
        time.sleep(poll_s)


@contextmanager
def running(
    command: Sequence[str], log: Path, environ: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A child process whose output goes to ``log``; SIGTERM at the end, then SIGKILL."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, **(environ or {})}
        )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextmanager
def redis_server(folder: Path, *, durable: bool = False) -> Iterator[Path]:
    """A redis-server of its own; yields its socket. ``durable`` syncs the log at each write."""
    folder.mkdir(parents=True)
    path = folder / "redis.sock"
    command = [program("redis-server"), "--port", "0", "--unixsocket", str(path)]
    command += ["--dir", str(folder), "--save", "", "--maxmemory-policy", "noeviction"]
    command += ["--appendonly", "yes" if durable else "no", "--appendfsync", "always"]
    with running(command, folder / "redis.log"), redis.Redis(unix_socket_path=str(path)) as client:

        def answers() -> bool:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False

        wait_for("redis-server", answers)
        yield path


@contextmanager
def nsqd(folder: Path) -> Iterator[NsqAddress]:
    """An nsqd of its own that keeps a whole workload in memory."""
    folder.mkdir(parents=True)
    address = NsqAddress(f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}")
    cache = Path.home() / ".cache" / "psd"
    command = [program("nsqd", *sorted(cache.glob("nsq-*"), reverse=True))]
    command += ["-tcp-address", address.tcp, "-http-address", address.http]
    command += ["-data-path", str(folder), "-mem-queue-size", "2000000"]
    command += ["-max-rdy-count", "10000", "-max-body-size", "50000000"]
    with running(command, folder / "nsqd.log"):
        wait_for("nsqd", lambda: http_ok(f"http://{address.http}/ping"))
        yield address


@contextmanager
def web_server(
    command: Sequence[str], port: int, log: Path, environ: Mapping[str, str] | None = None
) -> Iterator[str]:
    """An HTTP server under test; yields its base URL once /healthz answers."""
    url = f"http://127.0.0.1:{port}"
    with running(command, log, environ) as child:

        def ready() -> bool:
            if child.poll() is not None:
                raise RuntimeError(f"{command[0]} ended at start: {log.read_text()[-2000:]}")
            return http_ok(f"{url}/healthz")

        wait_for(f"{command[0]} at {url}", ready)
        yield url


def http_ok(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except (urllib.error.URLError, ConnectionError):
        return False


def http_text(url: str, body: bytes | None = None) -> str:
    """The body of an answer; GET, or POST when there is a ``body``."""
    with urllib.request.urlopen(url, data=body, timeout=60) as answer:
        return str(answer.read().decode())


def http_json(url: str) -> dict[str, Any]:
    """The answer of a GET, one JSON object."""
    return dict(json.loads(http_text(url)))
