"""What energy counts of itself (listed in docs/energy.md)."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter, Histogram

from psd.energy.registers import RegisterSpan
from psd.observe.metrics import SECONDS, Metrics


class EnergyMetrics:
    """The instruments of one process, on the registry of its metrics."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self.cost_seconds = Histogram(
            "psd_energy_cost_seconds",
            "Time to bill a meter's energy by all plans of a question.",
            buckets=SECONDS,
            registry=registry,
        )
        self._points = Counter(
            "psd_energy_points",
            "Readings and intervals by kind, and what became of their message.",
            ["kind", "outcome"],
            registry=registry,
        )
        self._unmetered = Counter(
            "psd_energy_unmetered_seconds",
            "Seconds between readings of power that are too far apart, each time they are met.",
            registry=registry,
        )
        self._cases = Counter(
            "psd_energy_register_cases",
            "Spans of registers by case, but for normal ones, each time they are computed.",
            ["case"],
            registry=registry,
        )
        self._again = Counter(
            "psd_energy_settle_again",
            "Energy that was computed again, because somebody else kept readings first.",
            registry=registry,
        )
        self._rows = Counter(
            "psd_energy_import_rows",
            "Rows of imported files by format and outcome: kept, refused.",
            ["format", "outcome"],
            registry=registry,
        )

    def points(self, kind: str, outcome: str, count: int) -> None:
        """So many readings or intervals came in messages."""
        self._points.labels(kind, outcome).inc(count)

    def unmetered(self, seconds: int) -> None:
        """So many seconds have no energy."""
        self._unmetered.inc(seconds)

    def spans(self, spans: Iterable[RegisterSpan]) -> None:
        """These were computed."""
        for span in spans:
            if span.case != "normal":
                self._cases.labels(span.case).inc()
            if span.left_out:
                self._cases.labels("left_out").inc(span.left_out)

    def again(self) -> None:
        """Somebody else came first."""
        self._again.inc()

    def rows(self, format_: str, kept: int, refused: int) -> None:
        """A file had so many."""
        self._rows.labels(format_, "kept").inc(kept)
        self._rows.labels(format_, "refused").inc(refused)
