"""What the ledger counts of itself (listed in docs/swaps.md)."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from psd.observe.metrics import SECONDS, Metrics


class SwapsMetrics:
    """The instruments of one process, on the registry of its metrics."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self.events = Counter(
            "psd_swaps_events",
            "Events of swaps by kind and outcome: booked, duplicate, unchanged, refused.",
            ["kind", "outcome"],
            registry=registry,
        )
        self.again = Counter(
            "psd_swaps_append_again",
            "Appends and bookings that were made again, because somebody else came first.",
            registry=registry,
        )
        self.unsettled = Gauge(
            "psd_swaps_unsettled",
            "Events whose bookings were not known to be kept when they were counted last.",
            registry=registry,
        )
        self.settle_seconds = Histogram(
            "psd_swaps_settle_seconds",
            "Time from the append of a batch of events to its bookings.",
            buckets=SECONDS,
            registry=registry,
        )
        self.warnings = Counter(
            "psd_swaps_warnings",
            "Warnings of accepted swaps: battery_elsewhere, before_start, odometer_back.",
            ["kind"],
            registry=registry,
        )
