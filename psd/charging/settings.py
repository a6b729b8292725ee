"""The section ``[charging]`` of the settings.

What stands below each key is what conf/settings.toml.dist and docs/charging.md tell of it; a test
holds both against this.
"""

from __future__ import annotations

import re
from typing import Literal, Self

from psd.config import FilePath, Section
from psd.errors import ConfigError
from psd.secrets import PrivateSecret

EnergyRule = Literal["later", "trapezoid"]

POSITIVE = (
    "step_ms",
    "idle_readings",
    "ring",
    "command_timeout_s",
    "credit_every_s",
    "gap_max_ms",
    "deadman_s",
    "read_every_ms",
    "readings_kept_s",
)

RING_MAX = 600

OCPI_NAMES = {
    "ocpi_country_code": re.compile("[A-Z]{2}"),
    "ocpi_country": re.compile("[A-Z]{3}"),
    "ocpi_party_id": re.compile("[A-Z0-9]{3}"),
    "ocpi_connector": re.compile("[A-Z0-9_]{1,40}"),
}


class ChargingSettings(Section, frozen=True):
    """How plugs are stepped, and how what they deliver is measured and paid."""

    enabled: bool = False
    """Switch: workers take the topics of sites and step their plugs."""
    port: int = 0
    """Port: the original's payment routes at their own root; 0 for none."""
    step_ms: int = 1000
    """Milliseconds: a plug makes at most one step by the clock in this time."""
    start_amps: float = 5.0
    """Amperes: a plug that draws more than this is charging."""
    idle_watts: float = 10.0
    """Watts: a charge is complete when the mean of the newest readings is below this."""
    idle_readings: int = 20
    """Readings: so many are needed for that mean."""
    ring: int = 60
    """Readings: so many of the newest of a session make the mean."""
    command_timeout_s: int = 60
    """Seconds: a site that has not answered a command after these is not responding."""
    credit_every_s: int = 60
    """Seconds: credit is checked at most once in these."""
    credit_grace_s: int = 300
    """Seconds: a charge goes on so long while the account cannot be read."""
    cents_per_kwh: int = 30
    """Cents: the price of a kWh."""
    plan: FilePath = ""
    """Path: a price plan by which sessions are billed, as JSON; "" bills all by cents_per_kwh."""
    currency: str = "aud"
    """Currency: of accounts and payments."""
    energy_rule: EnergyRule = "later"
    """Rule: between two readings the power of the "later" one, or the "trapezoid" of both."""
    gap_max_ms: int = 60_000
    """Milliseconds: readings further apart have no energy between them."""
    late_max_s: int = 86_400
    """Seconds: readings of a session that come so long after it correct its bill."""
    settle_s: int = 60
    """Seconds: a plug that began to charge keeps its whole limit so long."""
    queue_settle_ms: int = 0
    """Milliseconds: a plug waits in the queue at least so long."""
    deadman_s: int = 180
    """Seconds: a relay that is not told again turns off by itself."""
    read_every_ms: int = 2000
    """Milliseconds: a site reads its plugs so often."""
    readings_kept_s: int = 172_800
    """Seconds: readings of a session are kept so long behind its end; until then all are."""
    stripe_url: str = "https://api.stripe.com"
    """URL: where payments are made."""
    stripe_key: PrivateSecret = ""
    """Secret: the key of the payments' API; empty for no payments."""
    stripe_webhook_secrets: PrivateSecret = ""
    """Secret: by which webhooks are signed; several with commas between while one is changed."""
    price_id: str = ""
    """Name: what a top-up buys at the payments' site."""
    frontend_url: str = ""
    """URL: where whoever has paid is led back to."""

    ocpi_country_code: str = "AU"
    """Country: of whoever bills, two letters, in OCPI records."""
    ocpi_country: str = "AUS"
    """Country: where sites are, three letters, in OCPI records."""
    ocpi_party_id: str = "PSD"
    """Name: of whoever bills, three letters or digits, in OCPI records."""
    ocpi_connector: str = "DOMESTIC_I"
    """Name: what plugs are in OCPI records (ConnectorType)."""

    def checked(self) -> Self:
        """The section; raises ConfigError for values that no plug could be run with."""
        for name in POSITIVE:
            if getattr(self, name) < 1:
                raise ConfigError(f"charging.{name}: must be 1 or more")
        for name in ("credit_grace_s", "cents_per_kwh", "late_max_s", "settle_s"):
            if getattr(self, name) < 0:
                raise ConfigError(f"charging.{name}: must be 0 or more")
        if not self.idle_readings <= self.ring <= RING_MAX:
            raise ConfigError(
                f"charging.ring: {self.ring} must lie between idle_readings = "
                f"{self.idle_readings} and {RING_MAX}"
            )
        for name, rule in OCPI_NAMES.items():
            if not rule.fullmatch(getattr(self, name)):
                raise ConfigError(
                    f"charging.{name}: {getattr(self, name)!r} does not match {rule.pattern}"
                )
        if not 0 <= self.port <= 65_535 or self.queue_settle_ms < 0:
            raise ConfigError(
                f"charging: port {self.port} must be 0 to 65535, queue_settle_ms "
                f"{self.queue_settle_ms} at least 0"
            )
        return self
