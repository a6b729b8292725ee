"""Real nsqd and nsqlookupd processes on free loopback ports, for the tests.

Binaries are looked for in ``$PSD_TEST_NSQD_DIR``, on PATH, then in
``~/.cache/psd/nsq-v1.3.0`` (where ``.ci/run`` builds them). Without them a test is skipped
on a laptop and fails on CI.

>>> with Nsqd(tmp_path) as nsqd:
...     await queue_of(nsqd.address).publish("psd", [b"{}"])
...     nsqd.kill9()
...     nsqd.start()          # same ports, same data
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import pytest

from psd.addresses import Address
from tests.support.servers.ports import free_ports
from tests.support.servers.server_process import ended, started

BUILT_DIR = Path.home() / ".cache" / "psd" / "nsq-v1.3.0"
KILL_SAFE = ("-mem-queue-size=0", "-sync-every=1")
"""Options with which a kill -9 loses only what is in flight: messages go to disk at once."""

# Loopback must be asked directly even where the environment names an HTTP proxy.
_HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def binary(name: str) -> str:
    """Path of ``nsqd`` or ``nsqlookupd``; skips (on CI: fails) the test when there is none."""
    named_dir = os.environ.get("PSD_TEST_NSQD_DIR")
    for folder in (named_dir, os.environ.get("PATH"), str(BUILT_DIR)):
        found = shutil.which(name, path=folder) if folder else None
        if found:
            return found
    reason = f"{name} is missing: set PSD_TEST_NSQD_DIR to a folder that holds it"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


class Daemon:
    """One process with a TCP and an HTTP port, which it keeps over restarts."""

    name = ""

    def __init__(self, folder: Path, options: Sequence[str] = (), host: str = "127.0.0.1") -> None:
        self.host = host
        self.binary = binary(self.name)
        self.tcp_port, self.http_port = free_ports(2)
        self.folder = folder / f"{self.name}-{self.tcp_port}"
        self.folder.mkdir(parents=True)
        self.options = list(options)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it speaks the NSQ protocol, ``host:port``."""
        return str(Address(self.host, self.tcp_port))

    @property
    def http_address(self) -> str:
        """Where it speaks HTTP, ``host:port``."""
        return str(Address(self.host, self.http_port))

    @property
    def log(self) -> str:
        """Everything it has written, over all its starts."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def command(self) -> list[str]:
        """The command line without the options of the test."""
        return [
            self.binary,
            f"-tcp-address={self.address}",
            f"-http-address={self.http_address}",
        ]

    def start(self) -> Self:
        """Start it, and return once it answers."""
        assert self.process is None, f"{self.name} runs already"
        command = [*self.command(), *self.options]
        self.process = started(self.name, command, self.folder / "log", self._answers)
        return self

    def stop(self) -> None:
        """SIGTERM: it says goodbye, keeps its messages, and is gone."""
        self._end(signal.SIGTERM)

    def kill9(self) -> None:
        """SIGKILL: it is gone at once; what it held in memory is lost."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, nothing answers; returns once it has stopped."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def thaw(self) -> None:
        """SIGCONT."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def get(self, path: str, **query: str) -> Any:
        """The JSON answer to ``GET path``."""
        url = f"http://{self.http_address}{path}?{urllib.parse.urlencode(query)}"
        with _HTTP.open(url, timeout=5) as answer:
            return json.loads(answer.read())

    def post(self, path: str, body: bytes = b"", **query: str) -> None:
        """``POST path``; raises unless it is answered with success."""
        url = f"http://{self.http_address}{path}?{urllib.parse.urlencode(query)}"
        with _HTTP.open(urllib.request.Request(url, data=body, method="POST"), timeout=30):
            pass

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill9()

    def _answers(self) -> bool:
        try:
            with _HTTP.open(f"http://{self.http_address}/ping", timeout=1):
                return True
        except OSError:
            return False

    def _end(self, with_signal: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is not None:
            ended(process, with_signal)


class Nsqlookupd(Daemon):
    """Knows which nsqd has which topic."""

    name = "nsqlookupd"


class Nsqd(Daemon):
    """Holds topics; ``lookupds`` are told about them."""

    name = "nsqd"

    def __init__(
        self,
        folder: Path,
        options: Sequence[str] = (),
        lookupds: Sequence[Nsqlookupd] = (),
        host: str = "127.0.0.1",
    ) -> None:
        super().__init__(folder, options, host)
        self.lookupds = list(lookupds)

    def command(self) -> list[str]:
        """The command line without the options of the test."""
        return [
            *super().command(),
            f"-data-path={self.folder}",
            f"-broadcast-address={self.host}",
            *(f"-lookupd-tcp-address={each.address}" for each in self.lookupds),
        ]

    def publish(self, topic: str, bodies: Sequence[bytes]) -> None:
        """Put messages (without line breaks) on a topic over HTTP, not over the code under test."""
        self.post("/mpub", b"\n".join(bodies), topic=topic)

    def create_channel(self, topic: str, channel: str) -> None:
        """A topic with a channel, so that the channel gets what is published from now on."""
        self.post("/topic/create", topic=topic)
        self.post("/channel/create", topic=topic, channel=channel)

    def channel(self, topic: str, channel: str) -> dict[str, Any]:
        """The channel's statistics; ``LookupError`` while there is no such channel."""
        stats = self.get("/stats", format="json", topic=topic, channel=channel)
        for found in stats["topics"]:
            for each in found["channels"]:
                if each["channel_name"] == channel:
                    return dict(each)
        raise LookupError(f"{topic}/{channel}")

    def published(self, topic: str) -> int:
        """Messages put on the topic since its nsqd started."""
        (found,) = self.get("/stats", format="json", topic=topic)["topics"]
        return int(found["message_count"])

    def ready_counts(self, topic: str, channel: str) -> list[int]:
        """The RDY count of each consumer of the channel."""
        return [client["ready_count"] for client in self.channel(topic, channel)["clients"] or []]

    def depth(self, topic: str, channel: str) -> int:
        """Messages that are not finished: waiting, deferred and in flight."""
        stats = self.channel(topic, channel)
        return int(stats["depth"] + stats["in_flight_count"] + stats["deferred_count"])
