"""What charging counts of itself (listed in docs/charging.md).

::

    metrics.taken      chunks, readings                    what sites say
    metrics.steps      transitions, due_lag, queued, ...   what becomes of plugs
    metrics.outbox     effects, left, age, commands        what is done then
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from psd.observe.metrics import SECONDS, Metrics


class ChargingMetrics:
    """The instruments of one process, on the registry of its metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self.taken = TakenMetrics(metrics.registry)
        self.steps = StepMetrics(metrics.registry)
        self.outbox = OutboxMetrics(metrics.registry)


class TakenMetrics:
    """What sites say."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.chunks = Counter(
            "psd_charging_chunks", "Chunks of readings: kept.", ["outcome"], registry=registry
        )
        self.readings = Counter(
            "psd_charging_readings",
            "Readings of plugs: kept, repeated, refused, unknown_plug.",
            ["outcome"],
            registry=registry,
        )


class StepMetrics:
    """What becomes of plugs."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.transitions = Counter(
            "psd_charging_transitions",
            "Transitions of plugs, by the states before and after.",
            ["from", "to"],
            registry=registry,
        )
        self.again = Counter(
            "psd_charging_commit_again",
            "Commits that were made again, because somebody else came first.",
            registry=registry,
        )
        self.due_lag = Histogram(
            "psd_charging_due_lag_seconds",
            "Time from when a plug was due to when it was looked at.",
            buckets=SECONDS,
            registry=registry,
        )
        self.queued = Gauge(
            "psd_charging_queue_plugs",
            "Plugs that waited at the site that was looked at last.",
            registry=registry,
        )
        self.shed = Counter(
            "psd_charging_fuse_shed", "Plugs that a fuse has shed.", registry=registry
        )
        self.sessions = Counter(
            "psd_charging_sessions",
            "Sessions that came to their end, by what ended them: complete, credit, user.",
            ["end"],
            registry=registry,
        )


class OutboxMetrics:
    """What is done behind a step."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.effects = Counter(
            "psd_charging_effects",
            "Effects of steps by kind and outcome: done, unavailable.",
            ["kind", "outcome"],
            registry=registry,
        )
        self.left = Gauge(
            "psd_charging_outbox_entries",
            "Effects that a site had left when they were counted last.",
            registry=registry,
        )
        self.age = Gauge(
            "psd_charging_outbox_age_seconds",
            "How long effects that somebody left had waited, when they were taken up last.",
            registry=registry,
        )
        self.commands = Counter(
            "psd_charging_commands",
            "Commands for relays by state (on, off) and outcome: sent, answered, ignored.",
            ["state", "outcome"],
            registry=registry,
        )
