"""The server that psd up starts: what it keeps, who may start it, and when it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from psd.embedded.folder import SOCKET_PATH_BYTES_MAX, DataFolder
from psd.embedded.server_process import Tether, embedded_server
from psd.errors import ConfigError, StartError
from tests.support.waiting import wait_until

pytestmark = pytest.mark.one_server("psd up starts one; cluster/ has what it starts of a cluster")

HOLDER = """
import asyncio, json, sys
from pathlib import Path
from psd.embedded.folder import DataFolder
from psd.embedded.server_process import embedded_server

async def main():
    async with embedded_server(DataFolder(Path(sys.argv[1])), tether=sys.argv[2]) as server:
        print(json.dumps([server.url, server.process.pid]), flush=True)
        await asyncio.get_running_loop().create_future()

asyncio.run(main())
"""
"""A process that runs a server and waits to be killed."""


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """A data folder that does not exist yet."""
    return DataFolder(tmp_path / "my data")


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder with a path that leaves room for a socket's name."""
    with tempfile.TemporaryDirectory(prefix="psd", dir="/tmp") as path:
        yield Path(path)


async def start_holder(folder: Path, tether: Tether) -> tuple[Process, str, int]:
    """Start a server in another process; returns the process, the URL and the server's pid."""
    holder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HOLDER, str(folder), tether), stdout=PIPE
    )
    assert holder.stdout is not None
    url, server_pid = json.loads(await holder.stdout.readline())
    return holder, url, server_pid


def runs(pid: int) -> bool:
    """Whether a process is there and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except OSError:
        return False


async def test_it_answers_and_has_the_policy_that_loses_nothing(folder: DataFolder) -> None:
    wanted = {
        "appendonly": "yes",
        "appendfsync": "always",
        "maxmemory-policy": "noeviction",
        "port": "0",
    }
    async with (
        embedded_server(folder) as server,
        Redis.from_url(server.url, decode_responses=True) as client,
    ):
        assert await client.config_get(*wanted) == wanted


async def test_data_survives_a_restart(folder: DataFolder) -> None:
    async with embedded_server(folder) as server, Redis.from_url(server.url) as client:
        await client.set("kept", 7)
    async with embedded_server(folder) as server, Redis.from_url(server.url) as client:
        assert await client.get("kept") == b"7"


async def test_a_second_start_on_the_same_folder_is_refused_with_the_holders_pid(
    folder: DataFolder,
) -> None:
    async with embedded_server(folder) as first:
        with pytest.raises(StartError, match=f"process {os.getpid()}"):
            async with embedded_server(folder):
                pass
        assert first.process.returncode is None


async def test_the_server_and_its_socket_are_gone_after_a_clean_stop(folder: DataFolder) -> None:
    async with embedded_server(folder) as server:
        pid = server.process.pid
        assert folder.socket.exists()
    assert not runs(pid)
    assert not folder.socket.exists()


@pytest.mark.parametrize("tether", ["signal", "pipe"])
async def test_sigkill_of_its_psd_ends_the_server_and_keeps_the_data(
    short_folder: Path, tether: Tether
) -> None:
    if tether == "signal" and sys.platform != "linux":
        pytest.skip("PR_SET_PDEATHSIG is Linux's")
    holder, url, server_pid = await start_holder(short_folder, tether)
    async with Redis.from_url(url) as client:
        await client.set("answered", "kept")
    holder.kill()
    await holder.wait()
    await wait_until("the server is gone", lambda: not runs(server_pid))
    async with (
        embedded_server(DataFolder(short_folder)) as server,
        Redis.from_url(server.url) as client,
    ):
        assert await client.get("answered") == b"kept"


async def test_data_survives_sigkill_of_the_server(short_folder: Path) -> None:
    folder = DataFolder(short_folder)
    async with embedded_server(folder) as server:
        async with Redis.from_url(server.url) as client:
            for number in range(200):
                await client.incrby("sum", number)
        os.kill(server.process.pid, signal.SIGKILL)
        with pytest.raises(StartError, match="ended"):
            await server.watch()
    async with embedded_server(folder) as server, Redis.from_url(server.url) as client:
        assert await client.get("sum") == str(sum(range(200))).encode()


async def test_a_start_right_after_a_sigkill_waits_for_the_old_server(short_folder: Path) -> None:
    holder, url, _ = await start_holder(short_folder, "signal")
    async with Redis.from_url(url) as client:
        await client.set("answered", "kept")
    holder.kill()
    await holder.wait()
    async with (
        embedded_server(DataFolder(short_folder)) as server,
        Redis.from_url(server.url) as client,
    ):
        assert await client.get("answered") == b"kept"


async def test_a_folder_with_a_long_path_gets_its_socket_in_a_private_short_one(
    tmp_path: Path,
) -> None:
    folder = DataFolder(tmp_path / ("long" * 30))
    assert len(os.fsencode(folder.socket)) <= SOCKET_PATH_BYTES_MAX
    assert folder.socket.parent.stat().st_mode & 0o077 == 0
    async with embedded_server(folder) as server, Redis.from_url(server.url) as client:
        assert await client.ping()
    assert not folder.socket.parent.exists()


async def test_a_server_that_cannot_start_is_reported_with_the_end_of_its_log(
    folder: DataFolder,
) -> None:
    async with embedded_server(folder) as server, Redis.from_url(server.url) as client:
        await client.set("kept", 7)
    for part in folder.path.rglob("appendonly*"):
        if part.is_file():
            part.write_bytes(b"not an append-only file")
    with pytest.raises(StartError, match=r"ended at once; the end of .*redis\.log:\n.*"):
        async with embedded_server(folder):
            pass


async def test_a_configured_path_that_is_no_server_is_bad_configuration(
    folder: DataFolder,
) -> None:
    with pytest.raises(ConfigError, match="cannot be run"):
        async with embedded_server(folder, configured="/bin/false"):
            pass
