"""Every metric psd exports, in one place (Prometheus; listed in docs/operations.md).

Labels name kinds (an outcome, a script, a route), never an id: the number of series does
not grow with the number of owners.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

SECONDS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.5, 5.0)
"""A sum takes 0.3 ms, a full batch of a worker 50 ms, and nothing of the store more than 1.5 s
(redis.timeout_s)."""

TRIP_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 512)
"""512 is the most of one trip."""

BATCH_SIZES = (1, 5, 20, 50, 100, 200, 500, 1000, 1200, 2500)
"""1,200 is a full batch, 2,500 all that a worker may have unfinished, both by default."""

AGES_S = (1, 5, 15, 60, 300, 3600, 86_400, 604_800, 2_592_000, 31_536_000)

UNFIT = ("role", "policy", "version", "schema", "cluster", "store", "partitions", "migration")
"""What a store may be unfit by (psd/store/fitness.py)."""

REFUSED = ("connections", "room", "head_timeout", "line", "head", "malformed", "unread")
"""What a connection is refused for (server/connections)."""

EVENT_OUTCOMES = ("booked", "unchanged", "duplicate", "withdrawn", "superseded", "refused")

# When a series began is known to whoever collects it, and was every fourth line.
_without_created: Callable[[], None] = disable_created_metrics
_without_created()


METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Set by the supervisor of several processes: where each keeps its part of the metrics."""

_gather: Callable[[CollectorRegistry], object] = MultiProcessCollector


class Metrics:
    """The instruments of one process, on a registry of their own.

    What is read when somebody asks (psd/vitals) stands on it beside them.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = CollectorRegistry() if registry is None else registry
        self._beside: list[Collector] = []
        self._add_events()
        self._add_workers()
        self._add_store()
        self._add_archive()
        self._add_http()
        self._add_watching()
        self._add_process()

    def tell_beside(self, collector: Collector) -> None:
        """Have something told beside the instruments, read when it is asked for."""
        self._beside.append(collector)
        self.registry.register(collector)

    def told(self) -> CollectorRegistry:
        """All that there is to tell: of this process, or of all that share the port."""
        if METRICS_FOLDER not in os.environ:
            return self.registry
        together = CollectorRegistry()
        _gather(together)
        for collector in self._beside:
            together.register(collector)
        return together

    def _add_events(self) -> None:
        """What became of events."""
        self.events = Counter(
            "psd_events",
            "Events by outcome: booked, unchanged, duplicate, withdrawn, refused, superseded.",
            ["outcome"],
            registry=self.registry,
        )
        for outcome in EVENT_OUTCOMES:
            self.events.labels(outcome)
        self.events_refused = Counter(
            "psd_events_refused", "Events refused, by error code.", ["code"], registry=self.registry
        )
        self.too_late = Counter(
            "psd_events_too_late", "Events refused as too late.", registry=self.registry
        )
        self.event_age = Histogram(
            "psd_event_age_seconds",
            "Age of the newest event of each batch when it was booked.",
            buckets=AGES_S,
            registry=self.registry,
        )
        self.dead_lettered = Counter(
            "psd_dead_lettered",
            "Messages sent to the dead letter, by error code.",
            ["code"],
            registry=self.registry,
        )

    def _add_workers(self) -> None:
        """What workers do, by message and by the clock."""
        self.requeued = Counter(
            "psd_requeued", "Messages given back to the queue.", registry=self.registry
        )
        self.topic_messages = Counter(
            "psd_topic_messages",
            "Messages by the topic they came from: finished, requeued; dead_lettered among these.",
            ["topic", "outcome"],
            registry=self.registry,
        )
        self.clock_steps = Counter(
            "psd_clock_steps",
            "Steps of what a worker does by the clock: done, failed, unavailable.",
            ["task", "outcome"],
            registry=self.registry,
        )
        self.waited = Counter(
            "psd_worker_waits",
            "Times that a message was put back because a clock may be wrong, by what it is now.",
            ["code"],
            registry=self.registry,
        )
        self.pauses = Counter(
            "psd_worker_pauses", "Times a worker paused for an outage.", registry=self.registry
        )
        self.batch_messages = Histogram(
            "psd_batch_messages",
            "Messages per worker batch.",
            buckets=BATCH_SIZES,
            registry=self.registry,
        )

    def _add_store(self) -> None:
        """Trips to Redis, and what is known of it."""
        self.script_seconds = Histogram(
            "psd_script_seconds",
            "Round trip of the trips that carried a script, by script.",
            ["script"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.trip_commands = Histogram(
            "psd_trip_commands",
            "Redis commands that travelled together in one trip.",
            buckets=TRIP_SIZES,
            registry=self.registry,
        )
        self.store_unfit = Gauge(
            "psd_store_unfit",
            "1 while a server of the store is none to work with, by readiness check.",
            ["check"],
            registry=self.registry,
            multiprocess_mode="livemax",
        )
        for check in UNFIT:
            self.store_unfit.labels(check)
        self.store_changes = Counter(
            "psd_store_changes",
            "Times that the store was found changed: its server another, or all of it emptied.",
            ["change"],
            registry=self.registry,
        )
        for change in ("server", "emptied"):
            self.store_changes.labels(change)
        self.clock_difference = Gauge(
            "psd_clock_difference_seconds",
            "How far the store's clock is ahead of this machine's.",
            registry=self.registry,
            multiprocess_mode="livemostrecent",
        )

    def _add_archive(self) -> None:
        """Writes to the archive."""
        self.archived = Counter(
            "psd_archived", "Messages written to the archive.", registry=self.registry
        )
        self.archived_bytes = Counter(
            "psd_archived_bytes", "Bytes written to the archive.", registry=self.registry
        )
        self.archive_failures = Counter(
            "psd_archive_failures", "Writes to the archive that failed.", registry=self.registry
        )
        self.archive_failing = Gauge(
            "psd_archive_failing",
            "1 while the archive cannot be written.",
            registry=self.registry,
            multiprocess_mode="livemax",
        )
        self.archive_seconds = Histogram(
            "psd_archive_seconds",
            "Time of one write to the archive, with its fsync.",
            buckets=SECONDS,
            registry=self.registry,
        )

    def _add_http(self) -> None:
        """Requests, and who signs in."""
        self.page_sign_ins = Counter(
            "psd_pages_logins",
            "Sign-ins to pages: done, wrong, limited.",
            ["outcome"],
            registry=self.registry,
        )
        self.requests = Counter(
            "psd_http_requests",
            "HTTP requests by route and status.",
            ["route", "status"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "psd_http_request_seconds",
            "Time to answer an HTTP request, by route.",
            ["route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.connections = Gauge(
            "psd_http_connections",
            "HTTP connections that are open.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )

    def _add_watching(self) -> None:
        """Who watches, and what that costs."""
        self.watchers = Gauge(
            "psd_http_watchers",
            "Who watches something just now.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.watch_looks = Counter(
            "psd_http_watch_looks",
            "Trips to the store for the versions of all that is watched.",
            registry=self.registry,
        )
        self.watch_answers = Counter(
            "psd_http_watch_answers",
            "Answers that were asked for because what is watched has changed.",
            registry=self.registry,
        )

    def _add_process(self) -> None:
        """Whom a process turns away, and its end."""
        self.refused = Counter(
            "psd_http_refused",
            "HTTP connections that were refused before any route, by reason.",
            ["reason"],
            registry=self.registry,
        )
        for reason in REFUSED:
            self.refused.labels(reason)
        self.draining = Gauge(
            "psd_draining",
            "1 while the process is shutting down.",
            registry=self.registry,
            multiprocess_mode="max",
        )
