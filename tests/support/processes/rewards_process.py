"""``psd rewards`` as an operator runs it: in a process of its own, which a test may kill or pause.

>>> done = await rewards(stack, tmp_path, "calculate", "5")
>>> done.code, done.stdout
(0, 'week 5  174 rows, 121 connected, ...')
>>> await killed_at("rewards_staged:40", stack, tmp_path, "calculate", "5")
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes.forked import psd_ended
from tests.support.processes.worker_process import environment, psd_command, settings_of
from tests.support.processes.worker_stack import WorkerStack

END_TIMEOUT_S = 60


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str


class RewardsProcess:
    """One command that runs."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def pause(self) -> None:
        """SIGSTOP: its connections stay open, it does nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._process.send_signal(signal.SIGCONT)

    @property
    def has_ended(self) -> bool:
        """Whether it is gone."""
        return self._process.returncode is not None

    async def end(self) -> Finished:
        """Wait until it is gone."""
        stdout, stderr = await asyncio.wait_for(self._process.communicate(), END_TIMEOUT_S)
        assert self._process.returncode is not None
        return Finished(self._process.returncode, stdout.decode(), stderr.decode())


@asynccontextmanager
async def rewards_running(
    stack: WorkerStack, folder: Path, *arguments: str
) -> AsyncIterator[RewardsProcess]:
    """Start ``psd rewards ARGUMENTS``; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *psd_command(stack, *_patience(stack), "rewards", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        cwd=folder,
        env=environment(),
    )
    try:
        yield RewardsProcess(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def rewards(stack: WorkerStack, folder: Path, *arguments: str) -> Finished:
    """Run ``psd rewards ARGUMENTS`` to its end, which must be a good one."""
    done = await _ended(stack, folder, *arguments)
    assert done.returncode == 0, done
    return Finished(done.returncode, done.stdout, done.stderr)


def _patience(stack: WorkerStack) -> Sequence[str]:
    """As long as the worker beside it waits for Redis."""
    return "--set", f"redis.timeout_s={stack.settings.redis.timeout_s}"


async def _ended(
    stack: WorkerStack, folder: Path, *arguments: str, **more: str
) -> subprocess.CompletedProcess[str]:
    """What became of it; nobody has to pause it meanwhile."""
    words = [*settings_of(stack), *_patience(stack), "rewards", *arguments]
    return await asyncio.to_thread(psd_ended, words, folder, {**environment(), **more})


async def killed_at(place: str, stack: WorkerStack, folder: Path, *arguments: str) -> None:
    """The same, killed at a place of psd/failpoints.py, as in ``rewards_staged:40``."""
    done = await _ended(stack, folder, *arguments, PSD_FAILPOINT=place)
    assert done.returncode == -signal.SIGKILL, (place, done)
