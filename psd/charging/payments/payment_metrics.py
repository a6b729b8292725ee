"""What money counts of itself (listed in docs/charging.md)."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from psd.observe.metrics import SECONDS, Metrics


class PaymentMetrics:
    """The instruments of one process, on the registry of its metrics."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self.ledger_cents = Counter(
            "psd_charging_ledger_cents",
            "Amounts of new ledger entries by kind, without their sign.",
            ["kind"],
            registry=registry,
        )
        self.webhooks = Counter(
            "psd_charging_webhooks",
            "Webhooks by type and outcome: taken, ignored, refused, unavailable.",
            ["type", "outcome"],
            registry=registry,
        )
        self.stripe_seconds = Histogram(
            "psd_charging_stripe_seconds",
            "Time until Stripe answered, by call.",
            ["call"],
            buckets=SECONDS,
            registry=registry,
        )
