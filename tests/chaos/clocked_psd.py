"""``psd`` whose clock somebody else sets: the same command line, another clock.

``python -m tests.chaos.clocked_psd worker`` is ``psd worker``, but each look at its clock adds the
seconds that stand in the file ``clock.<its process id>`` beneath it; without one, none::

    echo 3456000 > clock.4711        process 4711 is 40 days ahead from now on

Messages that wait for a clock come again after a moment, because a trial has no half minute.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from unittest import mock

from psd.cli.main import main
from psd.clock import SystemClock
from workers import waiting

DELAY_S = 0.3


def clock_file(folder: Path, pid: int) -> Path:
    """Where a process finds how wrong its clock is."""
    return folder / f"clock.{pid}"


def _ahead_ms() -> int:
    with suppress(OSError, ValueError):
        return int(clock_file(Path(), os.getpid()).read_text()) * 1000
    return 0


def _now_ms(_clock: SystemClock) -> int:
    return time.time_ns() // 1_000_000 + _ahead_ms()


def _now_s(clock: SystemClock) -> int:
    return _now_ms(clock) // 1000


if __name__ == "__main__":
    with (
        mock.patch.multiple(SystemClock, now_ms=_now_ms, now_s=_now_s),
        mock.patch.object(waiting, "DELAY_MAX_S", DELAY_S),
    ):
        main()
