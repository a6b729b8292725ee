"""``psd rewards calculate`` as a process of its own, and what each run of it took."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from bench.figures import Figure
from bench.fleet import WEEKS
from bench.processes import psd_command
from bench.psd_system import environ_for
from bench.redis_cost import RedisCost

POLL_S = 0.05
MB = 1e6


class JobRun(msgspec.Struct, frozen=True):
    """What one run of the job took; ``peak_mb`` is of the psd process."""

    wall_s: float
    psd_cpu_s: float
    redis_cpu_s: float
    peak_mb: float


class Job:
    """The command, run again and again; keeps what each run took."""

    def __init__(self, socket: Path, log: Path, cost: RedisCost, durability: str = "fast") -> None:
        self._environ = {**os.environ, **environ_for(socket, durability)}
        self._log = log
        self._cost = cost
        self.runs: list[JobRun] = []

    async def weeks_0_and_1(self) -> float:
        """Seconds for the first two weeks."""
        return await self._calculate("1", "--from", "0")

    async def wall_s(self) -> float:
        """Seconds for the last week."""
        return await self._calculate(str(WEEKS - 1))

    async def _calculate(self, *arguments: str) -> float:
        """Seconds from the start of a run to its end; raises RuntimeError when it fails."""
        peaks: list[float] = []
        cpu_before_s, started = _children_cpu_s(), time.perf_counter()
        redis_cpu_us = await self._cost.cpu_us(self._watched(arguments, peaks))
        wall_s = time.perf_counter() - started
        cpu_s = _children_cpu_s() - cpu_before_s
        self.runs.append(JobRun(wall_s, cpu_s, redis_cpu_us / 1e6, max(peaks)))
        return wall_s

    async def _watched(self, arguments: Sequence[str], peaks: list[float]) -> None:
        command = [*psd_command("rewards"), "calculate", *arguments]
        with self._log.open("ab") as log:
            child = await asyncio.create_subprocess_exec(
                *command, env=self._environ, stdout=log, stderr=log
            )
        while child.returncode is None:
            peaks.append(_peak_mb(child.pid))
            await asyncio.sleep(POLL_S)
        if child.returncode:
            raise RuntimeError(f"{command}: {self._log.read_text()[-2000:]}")

    def figure(self, of: Callable[[JobRun], float]) -> Figure:
        """One number of every run."""
        return Figure(tuple(of(each) for each in self.runs))


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _peak_mb(pid: int) -> float:
    """The largest resident memory of a process so far, 0 for one that has just ended.

    Unlike ``ru_maxrss`` this is not that of the process that forked it.
    """
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / MB
    return 0.0
