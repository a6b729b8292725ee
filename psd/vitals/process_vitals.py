"""What the kernel tells of a process, and which psd it is.

The names are those of every exporter, so that every dashboard knows them. Of several processes on
one port they are sums, and the start is that of the one that is there the longest; where one of
them is started again, its seconds of the processor begin anew, as after any start.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path

from prometheus_client import ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from psd.observe.metrics import METRICS_FOLDER
from psd.store.keys import SCHEMA_VERSION
from psd.version import VERSION

START = "process_start_time_seconds"


class ProcessVitals:
    """Build and process, for a registry."""

    def collect(self) -> Iterable[Metric]:
        """What is so now."""
        labels = {"version": VERSION, "python": platform.python_version(), "schema": SCHEMA_VERSION}
        build = GaugeMetricFamily(
            "psd_build_info", "1; which psd this is, by its labels.", labels=list(labels)
        )
        build.add_metric(list(labels.values()), 1)
        return [build, *summed([_told(process) for process in processes()])]


def processes() -> list[int]:
    """Ids of the processes that share a port: those that keep gauges for all, or this one."""
    folder = os.environ.get(METRICS_FOLDER)
    if not folder:
        return [os.getpid()]
    names = (path.stem.rpartition("_")[2] for path in Path(folder).glob("gauge_*.db"))
    return sorted({int(name) for name in names if name.isdigit()}) or [os.getpid()]


def _told(process: int) -> list[Metric]:
    return list(ProcessCollector(pid=lambda: process, registry=None).collect())


def summed(told: Sequence[Sequence[Metric]]) -> list[Metric]:
    """One family of each name: the sum, and of starts the first."""
    families: dict[str, Metric] = {}
    values: dict[str, list[float]] = {}
    for metrics in told:
        for metric in metrics:
            families.setdefault(metric.name, metric)
            values.setdefault(metric.name, []).extend(each.value for each in metric.samples)
    for name, metric in families.items():
        total = min(values[name]) if name == START else sum(values[name])
        [sample] = metric.samples
        metric.samples = [sample._replace(value=total)]
    return list(families.values())
