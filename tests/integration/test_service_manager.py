"""``psd server`` and ``psd worker`` under a service manager: ready, well, ill, at their end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import StoreKind
from tests.support.processes.managing import Managing, abstract_address
from tests.support.processes.worker_process import environment
from tests.support.servers.ports import free_ports

WATCHDOG_S = 3.0


@pytest.fixture
def managing() -> Iterator[Managing]:
    with Managing(abstract_address(), WATCHDOG_S) as listening:
        yield listening


@contextmanager
def psd(managing: Managing, folder: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "psd", *words],
            cwd=folder,
            env={**environment(), **managing.environment},
            stdin=subprocess.DEVNULL,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def served(url: str, *more: str) -> list[str]:
    return ["--set", f"redis.url={url}", "server", "--port", str(free_ports(1)[0]), *more]


def serving_processes(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid for pid in map(int, found) if b"spawn_main" in command_line(pid)]


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.parametrize("options", [(), ("--processes", "2")])
async def test_a_server_is_ready_when_it_listens_and_says_when_it_leaves(
    managing: Managing, redis_url: str, tmp_path: Path, options: tuple[str, ...]
) -> None:
    with psd(managing, tmp_path, *served(redis_url, *options)) as process:
        await managing.told("READY=1")
        expected = (tmp_path / "log").read_text().count("listening")
        assert expected == (2 if options else 1)
        await managing.told("WATCHDOG=1")
        process.send_signal(signal.SIGTERM)
        await managing.told("STOPPING=1")
        assert process.wait(60) == 0


async def test_a_server_of_which_a_process_hangs_shows_no_sign_of_life(
    managing: Managing, redis_url: str, tmp_path: Path
) -> None:
    with psd(managing, tmp_path, *served(redis_url, "--processes", "2")) as process:
        await managing.told("READY=1")
        hung = serving_processes(process.pid)[0]
        os.kill(hung, signal.SIGSTOP)
        await managing.told("STATUS=no sign of life of process")
        assert "WATCHDOG=1" not in managing.hear()
        os.kill(hung, signal.SIGCONT)
        await managing.told("WATCHDOG=1")


async def test_a_worker_is_well_while_its_store_is_away(managing: Managing, tmp_path: Path) -> None:
    with StoreKind(tmp_path / "redis") as store:
        words = ["--set", f"redis.url={store.url}", "worker", "--queue", "stream"]
        with psd(managing, tmp_path, *words) as process:
            await managing.told("READY=1")
            assert "working" in (tmp_path / "log").read_text()
            await managing.told("WATCHDOG=1")
            store.kill9()
            managing.hear()
            for _ in range(3):
                await managing.told("WATCHDOG=1")
            process.send_signal(signal.SIGTERM)
            await managing.told("STOPPING=1")
            assert process.wait(60) == 0
