"""``psd`` as its users start it: a worker in a process of its own, and the other commands."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.engine import PATIENCE_S
from tests.support.processes.forked import psd_ended
from tests.support.processes.worker_stack import WorkerStack
from tests.support.waiting import wait_until

CHECKOUT = Path(__file__).parents[3]


def settings_of(stack: WorkerStack) -> list[str]:
    """The options of ``psd`` on these servers."""
    options: list[str] = []
    queue = stack.settings.queue
    for key, value in {
        "redis.url": stack.settings.redis.url,
        "queue.kind": queue.kind,
        "queue.nsqd_addresses": queue.nsqd_addresses[0],
        "queue.msg_timeout_s": queue.msg_timeout_s,
        "worker.shutdown_timeout_s": stack.settings.worker.shutdown_timeout_s,
        "log.format": "json",
    }.items():
        options += ["--set", f"{key}={value}"]
    return options


def psd_command(stack: WorkerStack, *arguments: str) -> list[str]:
    """The command line of ``psd`` on these servers."""
    return [sys.executable, "-m", "psd", *settings_of(stack), *arguments]


def environment() -> dict[str, str]:
    """Ours, without settings that the tester's shell may hold."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PSD_")}
    return {**kept, "PYTHONPATH": str(CHECKOUT)}


async def psd(
    stack: WorkerStack, folder: Path, *arguments: str, stdin: bytes = b""
) -> tuple[int, str, str]:
    """Run a command to its end; returns exit code, stdout and stderr.

    It waits for a busy machine, unless ``arguments`` say otherwise.
    """
    patience = ["--set", f"redis.timeout_s={PATIENCE_S}"]
    words = [*settings_of(stack), *patience, *arguments]
    ended = await asyncio.to_thread(psd_ended, words, folder, environment(), stdin)
    return ended.returncode, ended.stdout, ended.stderr


class WorkerProcess:
    """A running ``psd worker``; ``log`` is what it has written so far."""

    def __init__(self, process: subprocess.Popen[bytes], log_file: Path) -> None:
        self.process = process
        self._log_file = log_file

    @property
    def log(self) -> str:
        return self._log_file.read_text(encoding="utf-8")

    async def exit_code(self, timeout_s: float = 60) -> int:
        """Wait until it is gone."""
        await wait_until("the worker is gone", lambda: self.process.poll() is not None, timeout_s)
        return self.process.wait()


@contextmanager
def worker_process(
    stack: WorkerStack, folder: Path, options: Sequence[str] = ()
) -> Iterator[WorkerProcess]:
    """Start ``psd worker``; killed at the end if it still runs."""
    log_file = folder / "worker.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            psd_command(stack, "worker", *options),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment(),
        )
    try:
        yield WorkerProcess(process, log_file)
    finally:
        process.kill()
        process.wait()
