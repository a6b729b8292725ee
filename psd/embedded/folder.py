"""The data folder of ``psd up``: who owns it, and what lies where in it.

::

    data/psd.lock       held while a server uses the folder; holds the pid of its psd
    data/redis.conf     written at each start from conf/redis.embedded.conf
    data/redis.sock     the server's socket (in a short folder instead if the path is long)
    data/redis.log      the server's own log
    data/appendonlydir  the data (Redis 6.2: appendonly.aof)
    data/archive        what was accepted (unless archive.folder says another place)
    data/imports        journals of psd import (unless imports.folder says another place)
    data/psd.toml       settings that reach this store, while psd up runs

With ``psd up --cluster`` each master has such a folder, data/node1 and so on (cluster.py).

The lock is a ``flock`` that the server inherits: it ends when the last of psd and the
server has ended, so that two servers never write one append-only file.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

from psd.errors import StartError

SOCKET_PATH_BYTES_MAX = 100
"""A socket's path has at most 107 bytes on Linux and 103 on macOS."""

RELEASE_WAIT_S = 10.0
"""How long a server may take to leave after its psd was killed; it leaves in milliseconds."""


class DataFolder:
    """A folder that one ``psd up`` uses at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.config = self.path / "redis.conf"
        self.log = self.path / "redis.log"
        self.settings = self.path / "psd.toml"
        self.archive = self.path / "archive"
        self.imports = self.path / "imports"
        self.socket = socket_path(self.path)
        self.url = f"unix://{quote(str(self.socket))}"

    @contextlib.asynccontextmanager
    async def locked(self) -> AsyncIterator[int]:
        """Hold the folder; yields the lock's file descriptor for the server to inherit.

        Raises :class:`StartError` when another psd has it. When that psd is dead, its server
        is about to end: then this waits for it.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self.path / "psd.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as exc:
            raise StartError(f"the data folder {self.path} cannot be used: {exc}") from exc
        try:
            await self._lock(descriptor)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield descriptor
        finally:
            os.close(descriptor)

    async def _lock(self, descriptor: int) -> None:
        deadline = time.monotonic() + RELEASE_WAIT_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError as exc:
                holder = os.pread(descriptor, 32, 0).decode().strip()
                if _alive(holder) or time.monotonic() > deadline:
                    raise StartError(
                        f"the data folder {self.path} is in use by another psd up "
                        f"(process {holder or 'unknown'}); stop it, or choose another "
                        "folder with --data"
                    ) from exc
            await asyncio.sleep(0.02)


def socket_path(folder: Path) -> Path:
    """Where the server of a data folder listens.

    In the folder, unless that makes the path too long for a socket: then in a folder of this
    user's own, named after the data folder.
    """
    inside = folder / "redis.sock"
    if len(os.fsencode(inside)) <= SOCKET_PATH_BYTES_MAX:
        return inside
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    parent = Path(runtime) if runtime and len(runtime) < 60 else Path(tempfile.gettempdir())
    if len(os.fsencode(parent)) >= 60:
        parent = Path("/tmp")
    digest = hashlib.blake2b(os.fsencode(folder), digest_size=6).hexdigest()
    return private_folder(parent / f"psd-{os.getuid()}-{digest}") / "redis.sock"


def private_folder(path: Path) -> Path:
    """Make a folder that only this user may enter; refuse one that somebody else made."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise StartError(f"{path} is not a folder of this user alone; remove it")
    return path


def _alive(pid_text: str) -> bool:
    if not pid_text.isdigit():
        return False
    try:
        os.kill(int(pid_text), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
