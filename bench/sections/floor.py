"""(z) The floor: what redis-benchmark gets out of the same server from 16 connections."""

from __future__ import annotations

import asyncio
import csv
import io
from pathlib import Path

import redis

from bench.figures import Figure, Row, interleaved
from bench.processes import program, redis_server
from bench.workbench import Workbench

CONNECTIONS = 16
PIPELINED = 16
KEYS = 100_000


async def run(bench: Workbench) -> None:
    """HINCRBY and a no-op EVALSHA, one at a time and 16 per trip."""
    with redis_server(bench.folder("floor")) as socket:
        with redis.Redis(unix_socket_path=str(socket)) as client:
            sha = str(client.script_load("return 0"))
        commands = {
            "HINCRBY": ("HINCRBY", "hash:__rand_int__", "field", "1"),
            "no-op EVALSHA": ("EVALSHA", sha, "0"),
        }
        for name, command in commands.items():
            floor = Floor(socket, command, bench.sizes.floor_requests)
            taken = await interleaved(
                bench.sizes.repetitions, {"single": floor.single, "pipelined": floor.pipelined}
            )
            bench.add(
                _row(name, taken["single"]),
                _row(f"{name}, pipelined by {PIPELINED}", taken["pipelined"]),
            )


class Floor:
    """One command, as fast as redis-benchmark sends it."""

    def __init__(self, socket: Path, command: tuple[str, ...], requests: int) -> None:
        self._socket = socket
        self._command = command
        self._requests = requests

    async def single(self) -> float:
        """Commands per second, one per round trip."""
        return await self._rate(1)

    async def pipelined(self) -> float:
        """Commands per second, 16 per round trip."""
        return await self._rate(PIPELINED)

    async def _rate(self, per_trip: int) -> float:
        options = ["-s", str(self._socket), "-c", str(CONNECTIONS), "-P", str(per_trip)]
        options += ["-n", str(self._requests), "-r", str(KEYS), "--csv"]
        child = await asyncio.create_subprocess_exec(
            program("redis-benchmark"),
            *options,
            *self._command,
            stdout=asyncio.subprocess.PIPE,
        )
        output = (await child.communicate())[0].decode()
        *_, last = csv.reader(io.StringIO(output))
        return float(last[1])


def _row(name: str, figure: Figure) -> Row:
    return Row("z", f"redis-benchmark, {name}", "ops/s", None, "floor", figure)
