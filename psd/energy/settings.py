"""The section ``[energy]`` of the settings.

What stands below each key is what conf/settings.toml.dist and docs/energy.md tell of it; a test
holds both against this.
"""

from __future__ import annotations

from typing import Literal, Self

from psd.config import FilePath, Section
from psd.errors import BadQueryError, ConfigError
from psd.measures.curve import HOUR_S
from psd.zones import zone

PORT_MAX = 65_535


class EnergySettings(Section, frozen=True):
    """How readings of meters become energy."""

    cell_s: int = 300
    """Seconds: the windows in which energy of readings is booked; must divide 3,600."""
    gap_max_s: int = 7200
    """Seconds: readings of power further apart have no energy between them."""
    spread_max_s: int = 3_024_000
    """Seconds: energy between readings of a register further apart is booked at their end."""
    max_kw: int = 100
    """kW: the most that a meter's fuse can deliver."""
    joi_port: int = 0
    """Port: where the JOI face is; 0 for none."""
    joi_number: Literal["documented", "true"] = "documented"
    """Word: what the JOI face takes for kWh, the original's number or the energy."""
    joi_tables: FilePath = ""
    """Path: plans and accounts of the JOI face; "" takes the shipped conf/joi.toml."""
    batches_max: int = 1_000
    """Batches: how many of a meter the JOI face keeps, the newest ones."""
    tz: str = "UTC"
    """Time zone: days of a meter are of it, where none was said of the meter."""

    import_bytes_max: int = 8_388_608
    """Bytes: of a file that is imported over HTTP, unpacked."""

    def checked(self) -> Self:
        """The section; raises ConfigError for a value that no meter could be read with."""
        if self.cell_s < 1 or HOUR_S % self.cell_s:
            raise ConfigError(f"energy.cell_s: {self.cell_s} must divide {HOUR_S}")
        for name in ("gap_max_s", "spread_max_s", "max_kw", "batches_max", "import_bytes_max"):
            if getattr(self, name) < 1:
                raise ConfigError(f"energy.{name}: must be 1 or more")
        if not 0 <= self.joi_port <= PORT_MAX:
            raise ConfigError(f"energy.joi_port: {self.joi_port} must lie between 0 and {PORT_MAX}")
        try:
            zone(self.tz)
        except BadQueryError as exc:
            raise ConfigError(f"energy.{exc}") from exc
        return self
