"""What energy counts of itself (listed in docs/energy.md)."""

from __future__ import annotations

from prometheus_client import Histogram

from psd.observe.metrics import SECONDS, Metrics


class EnergyMetrics:
    """The instruments of one process, on the registry of its metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self.cost_seconds = Histogram(
            "psd_energy_cost_seconds",
            "Time to bill a meter's energy by all plans of a question.",
            buckets=SECONDS,
            registry=metrics.registry,
        )
