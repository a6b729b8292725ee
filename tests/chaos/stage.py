"""The servers and processes of an experiment: nsqd, Redis, workers, HTTP servers, all real.

A stage stays up over many trials; what a trial kills is started again:

>>> async with Stage(folder) as stage:
...     stage.start_worker()
...     victim = stage.start_worker(failpoint="before_fin:2")
...     await stage.consuming()
...     await stage.publish(stream.bodies)
...     await victim.gone()
...     await stage.drained()

Messages of a killed worker come back when their timeout of MSG_TIMEOUT_S is over: nsqd does not
give them back when a connection ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from redis.asyncio import Redis

from tests.chaos.stored import forget
from tests.chaos.stream import Stream
from tests.support.engine import PATIENCE_S
from tests.support.processes.forked import Files, Forked, psd_ended
from tests.support.processes.worker_process import CHECKOUT, environment
from tests.support.servers.nsqd import Nsqd
from tests.support.servers.ports import free_ports
from tests.support.servers.redis_server import KEEP, RedisServer
from tests.support.waiting import wait_until

TOPIC, CHANNEL, DEADLETTER_TOPIC = "psd", "psd", "psd.dlq"
MSG_TIMEOUT_S = 1
DRAIN_TIMEOUT_S = 180.0
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 60.0
COMMAND_TIMEOUT_S = 180.0
POLL_S = 0.02

SETTINGS: Mapping[str, object] = {
    "queue.msg_timeout_s": MSG_TIMEOUT_S,
    # Small batches, so that a stream of 300 messages is many of them on their way at once.
    "queue.max_in_flight": 60,
    "worker.batch_messages": 20,
    # A busy machine answers a start that loads every script later than the default of 1.5 s.
    "redis.timeout_s": 3.0,
    "log.format": "json",
}


Running = subprocess.Popen[bytes] | Forked


class Process:
    """A ``psd`` command that runs; ``log`` is what it has written so far."""

    def __init__(self, process: Running, log_file: Path, failpoint: str) -> None:
        self.process = process
        self.log_file = log_file
        self.failpoint = failpoint

    @property
    def log(self) -> str:
        """Its output."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    @property
    def was_killed(self) -> bool:
        """Whether SIGKILL ended it, by us or at its failpoint."""
        return self.process.poll() == -signal.SIGKILL

    def kill(self) -> None:
        """SIGKILL; it is gone when this returns."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        """SIGTERM; it drains and leaves, see :meth:`gone`."""
        self.process.terminate()

    async def gone(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Wait until it has ended; its exit code."""
        await wait_until("the process is gone", lambda: not self.running, timeout_s)
        return self.process.wait()


class Server(Process):
    """A ``psd server`` that runs, at ``url``."""

    url = ""


class Stage:
    """One nsqd, one Redis on a unix socket, and the processes that were started on them.

    ``program`` is what stands for ``psd`` on command lines, after ``python -m``, and is told in
    ``failpoint_variable`` where it dies; ``settings`` add to SETTINGS. With an ``archive`` every
    accepted message is kept in ``folder/archive``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        durability: str = "durable",
        redis_options: Sequence[str] = KEEP,
        nsqd_options: Sequence[str] = (),
        settings: Mapping[str, object] | None = None,
        archive: bool = True,
        program: str = "psd",
        failpoint_variable: str = "PSD_FAILPOINT",
    ) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.redis = RedisServer(folder / "redis", options=redis_options)
        self.nsqd = Nsqd(folder / "nsq", options=("-mem-queue-size=100000", *nsqd_options))
        self.archive_folder = folder / "archive"
        self.settings: dict[str, object] = {
            **SETTINGS,
            "redis.url": self.redis.url,
            "redis.durability": durability,
            "queue.nsqd_addresses": self.nsqd.address,
            "archive.enabled": str(archive).lower(),
            "archive.folder": self.archive_folder,
            **(settings or {}),
        }
        self.program = program
        self.code = CHECKOUT
        """Where the psd is that is started from now on."""

        self._failpoint_variable = failpoint_variable
        self.workers: list[Process] = []
        self.servers: list[Server] = []
        self.client: Redis
        self._started = 0

    @property
    def _is_forked(self) -> bool:
        """Whether processes import nothing anew, which is most of what a trial would cost."""
        return (self.program, self.code) == ("psd", CHECKOUT)

    async def __aenter__(self) -> Self:
        """Start nsqd and Redis, no workers."""
        try:
            await asyncio.to_thread(self._start_servers)
        except BaseException:
            self._end_everything()
            raise
        self.client = self.redis.client(timeout_s=30)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Kill everything."""
        await self.client.aclose()
        await asyncio.to_thread(self._end_everything)

    def command(self, *arguments: str, **settings: object) -> list[str]:
        """The command line of ``psd`` on these servers; ``settings`` are ``section__key``."""
        return [sys.executable, "-m", self.program, *self._words(*arguments, **settings)]

    def _words(self, *arguments: str, **settings: object) -> list[str]:
        words = []
        more = {name.replace("__", "."): value for name, value in settings.items()}
        for key, value in {**self.settings, **more}.items():
            words += ["--set", f"{key}={value}"]
        return [*words, *arguments]

    def start_worker(self, failpoint: str = "", **settings: object) -> Process:
        """Start ``psd worker``; it takes messages some 0.5 s later, see :meth:`consuming`."""
        process, log_file = self._start(self._words("worker", **settings), "worker", failpoint)
        worker = Process(process, log_file, failpoint)
        self.workers.append(worker)
        return worker

    def start_command(self, *arguments: str, failpoint: str = "") -> Process:
        """Start another command, which ends by itself."""
        return Process(*self._start(self._words(*arguments), arguments[0], failpoint), failpoint)

    async def start_server(self, failpoint: str = "", **settings: object) -> Server:
        """Start ``psd server`` on a free port; returns once it answers."""
        (port,) = free_ports(1)
        words = self._words("server", "--port", str(port), **settings)
        process, log_file = self._start(words, "server", failpoint)
        server = Server(process, log_file, failpoint)
        server.url = f"http://127.0.0.1:{port}"
        self.servers.append(server)

        async def listens() -> bool:
            if not server.running:
                raise RuntimeError(f"the server ended: {server.log[-2000:]}")
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return True

        await wait_until(f"the server listens at {server.url}", listens, START_TIMEOUT_S)
        return server

    async def consuming(self) -> None:
        """Wait until every worker that runs is subscribed."""
        await self._until("every worker is subscribed", self._all_subscribed, START_TIMEOUT_S)

    async def publish(self, bodies: Sequence[bytes]) -> None:
        """Put messages on the topic, in this order."""
        packed = [struct.pack(">I", len(bodies))]
        packed += [struct.pack(">I", len(body)) + body for body in bodies]
        await asyncio.to_thread(
            self.nsqd.post, "/mpub", b"".join(packed), topic=TOPIC, binary="true"
        )

    def unfinished(self) -> int:
        """Messages that wait in nsqd or are on their way; ``OSError`` while nsqd is away."""
        # The topic's own depth first: what it hands to the channel meanwhile is then seen there.
        (topic,) = self.nsqd.get("/stats", format="json", topic=TOPIC)["topics"]
        return int(topic["depth"]) + self.nsqd.depth(TOPIC, CHANNEL)

    async def drained(self, timeout_s: float = DRAIN_TIMEOUT_S) -> None:
        """Wait until every message is finished."""
        await self._until(
            "every message is finished", lambda: self.unfinished() == 0, timeout_s, twice=True
        )

    def dead_letters(self) -> int:
        """Messages that were ever put on the dead letter topic since nsqd started."""
        topics = self.nsqd.get("/stats", format="json", topic=DEADLETTER_TOPIC)["topics"]
        return sum(int(topic["message_count"]) for topic in topics or [])

    async def restart_redis(self) -> None:
        """SIGKILL Redis and start it on what it has kept; returns once it answers."""
        await asyncio.to_thread(self.redis.kill9)
        await asyncio.to_thread(self.redis.start)

    async def restart_nsqd(self) -> None:
        """SIGKILL nsqd and start it on what it has kept; returns once it answers."""
        await asyncio.to_thread(self.nsqd.kill9)
        await asyncio.to_thread(self.nsqd.start)

    async def forget(self, stream: Stream) -> None:
        """Delete what a stream has booked."""
        await forget(self.client, stream.roots)

    def keep_workers(self, count: int) -> None:
        """So many run that no failpoint kills."""
        while sum(not each.failpoint for each in self.remaining()) < count:
            self.start_worker()

    def said(self, *arguments: str) -> str:
        """What a command says that must end well."""
        words = self._words(*arguments, redis__timeout_s=PATIENCE_S)
        if self._is_forked:
            ended = psd_ended(words, self.folder, environment(), timeout_s=COMMAND_TIMEOUT_S)
        else:
            ended = subprocess.run(
                [sys.executable, "-m", self.program, *words],
                capture_output=True,
                text=True,
                timeout=COMMAND_TIMEOUT_S,
                cwd=self.folder,
                env=environment(),
                check=False,
            )
        assert ended.returncode == 0, f"psd {' '.join(arguments)}: {ended.stdout}{ended.stderr}"
        return ended.stdout.strip()

    def remaining(self) -> list[Process]:
        """The workers that run; those that ended are dropped from ``workers``."""
        self.workers = [worker for worker in self.workers if worker.running]
        return self.workers

    def _start_servers(self) -> None:
        self.redis.start()
        self.nsqd.start()
        self.nsqd.create_channel(TOPIC, CHANNEL)

    def _end_everything(self) -> None:
        for process in [*self.workers, *self.servers]:
            process.kill()
        self.nsqd.kill9()
        self.redis.remove()

    def _all_subscribed(self) -> bool:
        running = self.remaining()
        clients = self.nsqd.channel(TOPIC, CHANNEL)["clients"] or []
        return len(clients) >= len(running)

    def _start(self, words: list[str], name: str, failpoint: str) -> tuple[Running, Path]:
        self._started += 1
        log_file = self.folder / f"{name}-{self._started}.log"
        armed = {self._failpoint_variable: failpoint} if failpoint else {}
        variables = {**environment(), "PYTHONPATH": str(self.code), **armed}
        if self._is_forked:
            return Forked(words, self.folder, variables, Files(log_file)), log_file
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                [*_tied(), sys.executable, "-m", self.program, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=variables,
            )
        return process, log_file

    async def _until(
        self, fact: str, predicate: Callable[[], bool], timeout_s: float, twice: bool = False
    ) -> None:
        """Ask nsqd in a thread, so that lanes beside this one go on."""
        deadline_s = time.monotonic() + timeout_s
        seen = 0
        while seen < 1 + twice:
            try:
                seen = seen + 1 if await asyncio.to_thread(predicate) else 0
            except (OSError, LookupError, ValueError):
                seen = 0
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"not within {timeout_s:g} s: {fact} ({self.folder})")
            await asyncio.sleep(POLL_S)


def patient(stage: Stage) -> dict[str, Any]:
    """Settings of whoever looks at a stage from outside: a busy machine is no finding."""
    return {"redis.url": stage.redis.url, "redis.timeout_s": PATIENCE_S}


def _tied() -> list[str]:
    """What makes a process end with this one, however this one ends (Linux)."""
    if not sys.platform.startswith("linux"):
        return []
    tether = CHECKOUT / "psd" / "embedded" / "tether.py"
    return [sys.executable, str(tether), "signal", str(os.getpid())]
