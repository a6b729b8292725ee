"""Folders of servers whose every write is an fsync, in memory where the machine has room.

A disk that several processes write to stands still for 13 to 19 s at times, and a Redis that
fsyncs each command with it. A kill -9 loses nothing on a tmpfs either; what a power cut leaves is
the chaos programme's.

>>> with memory_folder(tmp_path / "redis") as folder, RedisServer(folder, options=KEEP) as server:
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM_BYTES = 2 * 1024**3
"""A container's own is 64 MB."""


@contextmanager
def memory_folder(otherwise: Path) -> Iterator[Path]:
    """A folder on the machine's tmpfs, gone at the end; ``otherwise`` where that has no room."""
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ROOM_BYTES:
        yield otherwise
        return
    with tempfile.TemporaryDirectory(prefix="psd-test-", dir=MEMORY) as folder:
        yield Path(folder)
