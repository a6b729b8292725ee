"""When a day of the archive may go: on the word of no single clock, and never more than one a day.

``keep_days = 30``, and it is the 12th of April by the machine's clock and by the store's, which
have gone as evenly as a stopwatch for an hour: then the oldest day before the 13th of March goes.
The next one goes on the 13th of April at the earliest. So a clock that jumps ahead by 60 days
deletes nothing within the hour, and nothing ever while the store's clock does not say the same;
and where both are of one machine, a day of its wrong time costs one day of the archive.

What was deleted last is noted in the folder, for all processes that write there: the file
``.deleted-20160412`` is made by the one process that may delete on that day.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from psd.archive.folders import day_files, day_folders
from psd.archive.order import day_of

log = logging.getLogger(__name__)

SETTLED_S = 3600.0
"""Clocks that have gone evenly for so long are believed: NTP sets a wrong one within minutes."""

UNEVEN_MS = 60_000
"""A jump is more than this: what a stopwatch and a clock that NTP steers never differ within."""

LOOK_EVERY_S = 600.0


class Deletion:
    """Deletes the days of one folder that are too old; one process's view, one thread at a time."""

    def __init__(
        self, folder: Path, keep_days: int, stopwatch: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._keep_days = keep_days
        self._stopwatch = stopwatch
        self._began_ms = float("inf")
        self._even_since_s = 0.0
        self._look_at_s = 0.0

    def consider(self, own_ms: int, store_ms: int) -> None:
        """Delete a day if one is due by both clocks; called with every write, costs 1 us."""
        if not self._keep_days:
            return
        now_ms, now_s = min(own_ms, store_ms), self._stopwatch()
        if abs(now_ms - now_s * 1000 - self._began_ms) > UNEVEN_MS:
            self._began_ms, self._even_since_s = now_ms - now_s * 1000, now_s
        if now_s - self._even_since_s < SETTLED_S or now_s < self._look_at_s:
            return
        self._look_at_s = now_s + LOOK_EVERY_S
        self._delete_on(day_of(now_ms))

    def _delete_on(self, today: str) -> None:
        moment = datetime.strptime(today, "%Y%m%d").replace(tzinfo=UTC)
        oldest = (moment - timedelta(days=self._keep_days)).strftime("%Y%m%d")
        due = [day for day in day_folders(self._folder) if day.name < oldest]
        if not due or not self._is_ours(today):
            return
        try:
            for path in day_files(due[0]):
                path.unlink(missing_ok=True)
            due[0].rmdir()
        except OSError as error:
            # Somebody else's file lies there.
            log.warning("day not deleted", extra={"day": due[0].name, "error": str(error)})
        else:
            log.info("day deleted", extra={"day": due[0].name, "older_ones": len(due) - 1})

    def _is_ours(self, today: str) -> bool:
        """Whether this process is the first that deletes on this day."""
        mark = self._folder / f"{MARK}{today}"
        try:
            os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640))
        except FileExistsError:
            return False
        for other in self._folder.glob(f"{MARK}*"):
            if other != mark:
                other.unlink(missing_ok=True)
        return True


MARK = ".deleted-"
