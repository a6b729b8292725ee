"""Whether this process is on its way out.

A process drains from the first SIGTERM or SIGINT until it ends: it takes no new work and
finishes what it has. ``/readyz`` says so, and the metric ``psd_draining`` stands at 1.
"""

from __future__ import annotations

from psd.observe.metrics import Metrics


class Draining:
    """A switch that turns once."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._begun = False

    @property
    def begun(self) -> bool:
        """Whether the process takes no new work any more."""
        return self._begun

    def begin(self) -> None:
        """From now on take no new work."""
        self._begun = True
        self._metrics.draining.set(1)
