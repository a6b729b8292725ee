"""The Redis-compatible server that ``psd up`` runs as its child.

It listens on a unix socket only, fsyncs before it answers, keeps its data in the data
folder, and ends with psd, even when psd is killed (see tether.py)::

    async with embedded_server(DataFolder(Path("data"))) as server:
        server.url                      # unix:///home/me/psd/data/redis.sock

Interrupting psd from the keyboard does not reach the server: it has a session of its own,
so that the worker's last batch still finds it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

from psd.embedded.binaries import ServerBinary, find_server
from psd.embedded.folder import DataFolder
from psd.errors import StartError

Tether = Literal["signal", "pipe"]

TETHER: Tether = "signal" if sys.platform == "linux" else "pipe"

TETHER_SCRIPT = str(Path(__file__).with_name("tether.py"))

START_TIMEOUT_S = 30.0
"""Time for the first answer. Reading a large append-only file may take longer: while the
server answers that it is loading, psd waits on."""

STOP_TIMEOUT_S = 30.0
POLL_S = 0.01
LOG_LINES_SHOWN = 8


class ServerProcess:
    """A running server."""

    def __init__(
        self, binary: ServerBinary, folder: DataFolder, process: Process, password: str = ""
    ) -> None:
        self.binary = binary
        self.folder = folder
        self.process = process
        self.url = folder.url
        self._password = password

    async def wait_ready(self) -> None:
        """Return when the server answers PING; raises :class:`StartError` with its log."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            if self.process.returncode is not None:
                raise StartError(f"{self.binary.path} ended at once{self._log_tail()}")
            answer = await _ping(self.folder.socket, self._password)
            if answer.startswith(b"+PONG"):
                return
            if time.monotonic() > deadline and not answer.startswith(b"-LOADING"):
                raise StartError(
                    f"{self.binary.path} does not answer after {START_TIMEOUT_S:.0f} s"
                    f"{self._log_tail()}"
                )
            await asyncio.sleep(POLL_S)

    async def watch(self) -> None:
        """Return never; raises :class:`StartError` when the server ends by itself."""
        await self.process.wait()
        raise StartError(f"{self.binary.path} ended{self._log_tail()}")

    async def stop(self) -> None:
        """Ask the server to end, and wait; it keeps everything it has answered for."""
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        self.folder.socket.unlink(missing_ok=True)
        if self.folder.socket.parent != self.folder.path:
            with contextlib.suppress(OSError):
                self.folder.socket.parent.rmdir()

    def _log_tail(self) -> str:
        try:
            lines = self.folder.log.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return f"; the end of {self.folder.log}:\n" + "\n".join(lines[-LOG_LINES_SHOWN:])


@contextlib.asynccontextmanager
async def embedded_server(
    folder: DataFolder, configured: str = "", tether: Tether = TETHER
) -> AsyncIterator[ServerProcess]:
    """Run a server on a data folder; ``configured`` is the setting ``redis.server``."""
    async with own_server(folder, configured, tether) as server:
        yield server


@contextlib.asynccontextmanager
async def own_server(
    folder: DataFolder, configured: str, tether: Tether, own_config: str = "", password: str = ""
) -> AsyncIterator[ServerProcess]:
    """The same with lines of its own in its configuration, one of which sets the password."""
    binary = await asyncio.to_thread(find_server, configured)
    async with folder.locked() as lock:
        config = instance_config(folder) + own_config
        process = await _spawn(binary, folder, lock, tether, config)
        server = ServerProcess(binary, folder, process, password)
        try:
            await server.wait_ready()
            yield server
        finally:
            await asyncio.shield(server.stop())


async def _spawn(
    binary: ServerBinary, folder: DataFolder, lock: int, tether: Tether, config: str
) -> Process:
    folder.log.unlink(missing_ok=True)
    _write_for_owner(folder.config, config)
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", TETHER_SCRIPT, tether, str(os.getpid())),
        *(str(binary.path), str(folder.config)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        pass_fds=(lock,),
        start_new_session=True,
    )


def _write_for_owner(path: Path, text: str) -> None:
    """Write a file anew that its owner alone may read: it may hold a password."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def instance_config(folder: DataFolder) -> str:
    """The shipped configuration with the paths of one data folder."""
    paths = (("dir", folder.path), ("unixsocket", folder.socket), ("logfile", folder.log))
    own = "".join(f"{name} {_quoted(path)}\n" for name, path in paths)
    return f"{shipped_config().read_text(encoding='utf-8')}\n# This instance.\n{own}"


def shipped_config() -> Path:
    """conf/redis.embedded.conf: in the wheel below psd, in a checkout beside it."""
    package = Path(__file__).parents[1]
    inside = package / "conf" / "redis.embedded.conf"
    return inside if inside.is_file() else package.parent / "conf" / "redis.embedded.conf"


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


async def _ping(socket: Path, password: str) -> bytes:
    """The first line a server answers to PING; empty when it does not."""
    try:
        async with asyncio.timeout(1.0):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                if password:
                    writer.write(f"AUTH {password}\r\n".encode())
                    await reader.readline()
                writer.write(b"PING\r\n")
                return await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return b""
