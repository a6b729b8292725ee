"""One line about the machine and the versions: figures mean nothing without it."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from bench.peers.postgres import PROGRAMS
from bench.processes import NotInstalledError, program

GIB = 2**30


def describe() -> str:
    """Processor, memory, system and the versions of what is measured."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    parts = [
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB",
        f"{platform.system()} {platform.release()}",
        f"Python {platform.python_version()}",
        _version("redis-server", "--version", word=2, name="Redis"),
        _version(str(PROGRAMS / "postgres"), "--version", word=2, name="PostgreSQL"),
    ]
    return "; ".join(parts)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _version(command: str, option: str, *, word: int, name: str) -> str:
    try:
        path = command if "/" in command else program(command)
        output = subprocess.run([path, option], check=True, capture_output=True, text=True).stdout
    except (NotInstalledError, FileNotFoundError):
        return f"{name} not installed"
    return f"{name} {output.split()[word].removeprefix('v=')}"
