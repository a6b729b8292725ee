"""A server and a worker as processes, on a Redis and an nsqd of their own, to be watched.

>>> with WatchedPsd(tmp_path) as psd:
...     psd.get(psd.worker_port, "/readyz")
(200, '{"ready":true,...}')
"""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Self

from tests.support.engine import PATIENCE_S
from tests.support.servers.nsqd import Nsqd
from tests.support.servers.ports import free_ports
from tests.support.servers.redis_server import KEEP, RedisServer

CHECKOUT = Path(__file__).parents[3]
MAXMEMORY = ("--maxmemory", "1gb")


class WatchedPsd:
    """Two processes; ``more`` are environment variables of both."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.folder = folder
        self.redis = RedisServer(folder / "redis", options=[*KEEP, *MAXMEMORY])
        self.nsqd = Nsqd(folder)
        self.server_port, self.worker_port = free_ports(2)
        self.environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("PSD_")},
            "PYTHONPATH": str(CHECKOUT),
            "PSD_REDIS_URL": self.redis.url,
            "PSD_REDIS_TIMEOUT_S": str(PATIENCE_S),
            "PSD_QUEUE_NSQD_ADDRESSES": self.nsqd.address,
            "PSD_QUEUE_NSQD_HTTP_ADDRESSES": self.nsqd.http_address,
            "PSD_ARCHIVE_FOLDER": str(folder / "archive"),
            "PSD_SERVER_PORT": str(self.server_port),
            "PSD_WORKER_METRICS_PORT": str(self.worker_port),
            "PSD_LOG_FORMAT": "json",
            **more,
        }
        self._exits = ExitStack()
        self.worker: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        self._exits.callback(self.redis.remove)
        self.redis.start()
        self._exits.enter_context(self.nsqd)
        server = self._spawn("server")
        self.worker = self._spawn("worker")
        self._exits.callback(self._kill, server)
        self._exits.callback(lambda: self._kill(self.worker))
        self._until_ready("server", server, self.server_port)
        self._until_ready("worker", self.worker, self.worker_port)
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    def stop_worker(self) -> None:
        """SIGTERM; it has ended when this returns."""
        self.worker.send_signal(signal.SIGTERM)
        self.worker.wait(timeout=120)

    def start_worker(self) -> None:
        """Another one in its place."""
        self.worker = self._spawn("worker")
        self._until_ready("worker", self.worker, self.worker_port)

    def request(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
        """Status and body of a request to the server."""
        return self._ask(self.server_port, method, path, body)

    def get(self, port: int, path: str) -> tuple[int, str]:
        """Status and body of a GET to either."""
        return self._ask(port, "GET", path, None)

    def log(self, name: str) -> str:
        """What ``server`` or ``worker`` has written."""
        return (self.folder / f"{name}.log").read_text()

    def _ask(self, port: int, method: str, path: str, body: bytes | None) -> tuple[int, str]:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def _spawn(self, command: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{command}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "psd", command],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _until_ready(self, name: str, process: subprocess.Popen[bytes], port: int) -> None:
        deadline_s = time.monotonic() + 120
        while time.monotonic() < deadline_s:
            assert process.poll() is None, self.log(name)
            try:
                if self.get(port, "/readyz")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"{name} is not ready: {self.log(name)}")

    @staticmethod
    def _kill(process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()
