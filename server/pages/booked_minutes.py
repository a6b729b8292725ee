"""How many events this process has booked in each of the last minutes, for the page of the state.

What is counted is the process's own metric ``psd_events_total{outcome="booked"}``: under ``psd up``
that is everything, as its worker is in the same process; elsewhere what came over HTTP::

    minutes.note(0); minutes.note(400); minutes.note(1_000)
    minutes.counts                       -> [400, 600]
    sparkline([400, 600])                -> "0,8 100,0", in a box of 100 by 24
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise

from aiohttp import web

from psd.observe.metrics import Metrics

MINUTE_S = 60.0
MINUTES = 60

WIDTH, HEIGHT = 100, 24


class BookedMinutes:
    """Notes how much was booked by each minute."""

    def __init__(self, metrics: Metrics) -> None:
        self._registry = metrics.registry
        self._totals: deque[float] = deque(maxlen=MINUTES + 1)

    @property
    def counts(self) -> list[int]:
        """Of each minute that is over, the oldest first."""
        return [round(after - before) for before, after in pairwise(self._totals)]

    def note(self, total: float) -> None:
        """So much is booked by the end of a minute."""
        self._totals.append(total)

    async def running(self, _app: web.Application) -> AsyncIterator[None]:
        """Note each minute, for as long as an application runs."""
        task = asyncio.create_task(self._run(), name="booked minutes")
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self.note(self._total())
            await asyncio.sleep(MINUTE_S)

    def _total(self) -> float:
        return self._registry.get_sample_value("psd_events_total", {"outcome": "booked"}) or 0


def sparkline(counts: Sequence[int]) -> str:
    """The points of a line through counts, the greatest at the top.

    >>> sparkline([0, 5, 10])
    '0,24 50,12 100,0'
    """
    most = max(counts, default=0)
    last = max(len(counts) - 1, 1)
    return " ".join(
        f"{WIDTH * at / last:g},{HEIGHT - (HEIGHT * each / most if most else 0):g}"
        for at, each in enumerate(counts)
    )
