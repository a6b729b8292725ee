"""The commands of docs/backup.md and docs/upgrade.md, run as they stand in an empty folder.

Ports are replaced by free ones; tests/bare runs the pages on a machine that has nothing else.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.processes.page_commands import commands_of, said_in, script_of
from tests.support.servers.ports import free_ports
from tests.support.servers.redis_server import SYSTEM_FOLDERS, RedisServer, binary
from tests.support.stored.stored_shapes import restore as fill

PORT = re.compile(r"\b63\d\d\b")


def run(page: str, folder: Path, environ: Mapping[str, str], known: Mapping[str, str] = {}) -> None:
    """Run a page's commands and compare what they say; ``known`` are ports that are there."""
    told = commands_of(page)
    ports = sorted({port for command, _ in told for port in PORT.findall(command)})
    free = {**dict(zip(ports, map(str, free_ports(len(ports))), strict=True)), **known}

    def here(text: str) -> str:
        return PORT.sub(lambda found: free.get(found[0], found[0]), text)

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script_of(told, here)],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    said = said_in(done.stdout)
    assert done.returncode == 0, (told[len(said) - 1], done.stdout, done.stderr)
    assert said == [here(each) for _, each in told]


@pytest.fixture
def environ(tmp_path: Path) -> Mapping[str, str]:
    """As a person has it: psd and Redis on the path, and no settings of ours."""
    folders = [str(tmp_path / "bin"), SYSTEM_FOLDERS]
    (tmp_path / "bin").mkdir()
    # The folder of psd itself may hold a server of another version under the same name.
    (tmp_path / "bin" / "psd").symlink_to(Path(sys.executable).parent / "psd")
    binary("debian")
    own = {name: value for name, value in os.environ.items() if not name.startswith("PSD_")}
    return {**own, "PATH": ":".join(folders), "HOME": str(tmp_path)}


def test_the_drill_of_the_page_about_backups_is_what_happens(
    tmp_path: Path, environ: Mapping[str, str]
) -> None:
    run("backup.md", tmp_path, environ)


async def test_the_move_of_the_page_about_upgrades_is_what_happens(
    tmp_path: Path, environ: Mapping[str, str]
) -> None:
    (port,) = free_ports(1)
    options = ("--port", str(port), "--bind", "127.0.0.1")
    with RedisServer(tmp_path / "old", options=options) as old:
        async with old.client() as client:
            await fill(client, "3")
        await asyncio.to_thread(run, "upgrade.md", tmp_path, environ, {"6398": str(port)})
