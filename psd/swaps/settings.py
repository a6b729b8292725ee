"""The section ``[swaps]`` of the settings.

What stands below each key is what conf/settings.toml.dist and docs/swaps.md tell of it; a test
holds both against this.
"""

from __future__ import annotations

import re
from typing import Self

from psd.config import Section
from psd.errors import BadQueryError, ConfigError
from psd.zones import zone

NETWORK = re.compile(r"[a-z0-9._-]{1,64}", re.ASCII)
"""What a network may be called."""


class SwapsSettings(Section, frozen=True):
    """Whose swaps are kept, and by which calendar they are read."""

    network: str = "main"
    """Name: the network of what names none."""
    tz: str = "UTC"
    """Time zone: drivers' days are days of it."""
    energy_unit: str = "Wh"
    """Text: the unit of energies; numbers stay as they were entered."""
    distance_unit: str = "km"
    """Text: the unit of odometers."""
    strict: bool = False
    """Switch: a swap of a battery that is elsewhere is refused, instead of warned of."""
    port: int = 0
    """Port: the original's pages at its own root; 0 for none."""
    backdate_max_s: int = 0
    """Seconds: a swap may be so old; 0 for any age."""

    def checked(self) -> Self:
        """The section; raises ConfigError for a name or a zone that is none."""
        if not NETWORK.fullmatch(self.network):
            raise ConfigError(f"swaps.network = {self.network!r}: 1 to 64 of a-z 0-9 . _ -")
        try:
            zone(self.tz)
        except BadQueryError as exc:
            raise ConfigError(f"swaps.{exc}") from exc
        if not 0 <= self.port <= 65_535 or self.backdate_max_s < 0:
            raise ConfigError(
                f"swaps: port {self.port} must be 0 to 65535, backdate_max_s "
                f"{self.backdate_max_s} at least 0"
            )
        return self
