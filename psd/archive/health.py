"""Whether the archive can be written: what became of the last write, and how full its disk is.

A write that fails answers 503 or pauses a worker, and is tried again. That is told once when it
begins and once when it ends, by ``psd_archive_failing`` meanwhile, and to whoever asks::

    ok
    ok: 312 MB are free on the disk of /var/lib/psd/archive
    cannot be written since 2026-11-27T22:40:01+00:00 (No space left on device)
"""

from __future__ import annotations

import logging
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from psd.observe.metrics import Metrics

log = logging.getLogger(__name__)

FREE_BYTES_ADVISED = 1 << 30
"""With less free than a GB a look at the disk is due: at 50 bytes a message, 20 million more."""

FREE_BYTES_MIN = 1 << 20
"""With less free the next group of messages may not find room: the disk counts as full."""


class Health:
    """What one process knows of its archive."""

    def __init__(self, folder: Path, metrics: Metrics) -> None:
        self._folder = folder
        self._metrics = metrics
        self._error = ""
        self._since_s = 0.0

    @property
    def is_failing(self) -> bool:
        """Whether the last write failed."""
        return bool(self._error)

    def failed(self, error: OSError, *, is_probe: bool = False) -> None:
        """A write failed, or one that was only made to find out."""
        if not is_probe:
            self._metrics.archive_failures.inc()
        before, self._error = self._error, error.strerror or str(error)
        if before:
            return
        self._since_s = time.time()
        self._metrics.archive_failing.set(1)
        log.error(
            "the archive cannot be written, nothing is accepted until it can",
            extra={"folder": str(self._folder), "error": self._error},
        )

    def worked(self) -> None:
        """A write did not fail."""
        if not self._error:
            return
        self._error = ""
        self._metrics.archive_failing.set(0)
        took_s = round(time.time() - self._since_s, 1)
        log.warning("the archive can be written again", extra={"after_s": took_s})

    def found(self) -> str:
        """A readiness check: ``ok``, ``ok: <advice>`` or what is wrong."""
        if self._error:
            since = datetime.fromtimestamp(self._since_s, UTC).isoformat(timespec="seconds")
            return f"cannot be written since {since} ({self._error})"
        return room_in(self._folder)


def room_in(folder: Path) -> str:
    """How much room there is on a folder's disk, as a readiness check. Blocking."""
    disk = os.statvfs(folder)
    blocks = disk.f_bavail if os.geteuid() else disk.f_bfree
    free_bytes = blocks * disk.f_frsize
    if free_bytes < FREE_BYTES_MIN or (disk.f_files and not disk.f_ffree):
        return f"the disk of {folder} is full"
    if free_bytes < FREE_BYTES_ADVISED:
        return f"ok: {free_bytes // 1_000_000} MB are free on the disk of {folder}"
    return "ok"
