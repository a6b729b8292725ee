"""What the tests of ``psd backup`` and ``psd restore`` ask a store, and a folder.

::

    before = await held(server)
    await printed("backup", str(folder), url=server.url)
    server.flush()
    await printed("restore", str(folder), url=server.url)
    assert await held(server) == before
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.servers.redis_server import RedisServer

SUM = "psd:{p0}:1:1:y"
"""A key that every store of these tests has."""
AT_A_TERMINAL = """
import signal
from psd.__main__ import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""
"""A shell without jobs gives what it starts behind itself deaf ears for Ctrl-C, these tests too."""


def ends_at_ms(server: RedisServer, key: str) -> int:
    """When a key ends, in Unix milliseconds."""
    return int(server.ask("PEXPIRETIME", key))


def is_there(path: Path) -> bool:
    """Whether there is such a file or folder; one look, as a test's loop may have it."""
    return path.exists()


def names_in(folder: Path) -> list[str]:
    """The names of all files below a folder."""
    return [file.name for file in folder.rglob("*") if file.is_file()]


def started(
    server: RedisServer, archive: Path, *words: str, **environ: str
) -> subprocess.Popen[str]:
    """A command in a process of its own, which Ctrl-C reaches."""
    flags = ["--set", f"redis.url={server.url}"]
    return subprocess.Popen(
        [sys.executable, "-c", AT_A_TERMINAL, *flags, *words],
        env={**os.environ, "PSD_ARCHIVE_FOLDER": str(archive), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
