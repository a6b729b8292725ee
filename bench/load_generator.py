"""wrk: HTTP load from 16 connections, with a small Lua script that varies each request."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import msgspec

from bench.model import WrongAnswerError
from bench.processes import program
from bench.workloads import SPARSE_USERS, YEAR_END_S, YEAR_START_S

CONNECTIONS = 16
SCRIPTS = Path(__file__).parent / "wrk"


class Load(msgspec.Struct, frozen=True):
    """What one wrk run reports."""

    requests: int
    requests_per_s: float


async def wrk(url: str, script: str, seconds: int, seed: int) -> Load:
    """Drive ``url`` and count; an answer that is not 2xx ends the run."""
    command = [program("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    command += ["-s", str(SCRIPTS / f"{script}.lua"), url, "--", str(len(SPARSE_USERS))]
    command += [str(YEAR_START_S), str(YEAR_END_S - 1), str(seed)]
    child = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output = (await child.communicate())[0].decode()
    done = re.search(r"(\d+) requests in", output)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if not done or not rate or "Non-2xx" in output or "Socket errors" in output:
        raise WrongAnswerError(f"wrk {script} {url}: {output}")
    return Load(int(done[1]), float(rate[1]))
