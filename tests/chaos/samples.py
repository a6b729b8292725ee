"""What a process holds over time, and whether that stays flat. Reads /proc, so it needs Linux.

The medians of the middle and the last third are compared, so that what grows only at the start, or
once for a moment, is no growth:

>>> samples = Samples()
>>> for minute in range(30):
...     samples.add("worker", "MB", 60 + 2 * minute)
>>> samples.growing()
['worker: 89.0 MB in the middle third, 109.0 in the last']
"""

from __future__ import annotations

import os
import statistics
from pathlib import Path
from typing import NamedTuple


class Growth(NamedTuple):
    """How far a median may rise: a share of it, and an amount that is no growth."""

    share: float
    amount: float


GROWTH = {"MB": Growth(0.10, 6.0), "descriptors": Growth(0.0, 4.0)}


class Samples:
    """What is looked at over time: ``add("worker", "MB", 61.2)``; and whether it stayed flat.

    ``shares`` are those of capacity that the minutes came to.
    """

    def __init__(self) -> None:
        self.shares: list[float] = []
        self._found: dict[tuple[str, str], list[float]] = {}

    def add(self, of: str, unit: str, amount: float) -> None:
        """Keep one sample."""
        self._found.setdefault((of, unit), []).append(amount)

    def add_process(self, of: str, pid: int) -> None:
        """Resident memory and open descriptors of a process."""
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        self.add(of, "MB", pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
        self.add(of, "descriptors", len(os.listdir(f"/proc/{pid}/fd")))

    def medians(self) -> list[tuple[str, str, float, float]]:
        """Of, unit, and the medians of the middle and the last third."""
        found = []
        for (of, unit), samples in self._found.items():
            third = max(1, len(samples) // 3)
            middle = samples[-2 * third : -third] or samples
            found.append((of, unit, statistics.median(middle), statistics.median(samples[-third:])))
        return found

    def growing(self) -> list[str]:
        """What has grown further than GROWTH allows."""
        return [
            f"{of}: {middle:.1f} {unit} in the middle third, {last:.1f} in the last"
            for of, unit, middle, last in self.medians()
            if last > middle * (1 + GROWTH[unit].share) + GROWTH[unit].amount
        ]

    def __str__(self) -> str:
        """``worker 61.2 -> 61.4 MB, worker 21 -> 21 descriptors``."""
        return ", ".join(
            f"{of} {middle:.4g} -> {last:.4g} {unit}" for of, unit, middle, last in self.medians()
        )
