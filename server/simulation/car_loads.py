"""What a car draws: all that it may until it is nearly full, then less and less. Pure.

::

    car = CarLoad(capacity_wh=40_000, charged_wh=36_000, full_amps=32.0)
    car.amps(240.0)      32.0 below 80 %, here 16.2, and IDLE_AMPS once it is full
    car.take(1_000.0)    charged_wh is 37,000
    car.held_to_amps = 6.0    its owner does not want it to draw more just now
"""

from __future__ import annotations

import msgspec

TAPERS_AT = 0.8
LEAST_AMPS = 0.5
IDLE_AMPS = 0.01


class CarLoad(msgspec.Struct):
    """A battery that is charged."""

    capacity_wh: float
    charged_wh: float
    full_amps: float
    tapers_at: float = TAPERS_AT
    held_to_amps: float | None = None

    def amps(self) -> float:
        """What it draws now, if it is given any."""
        most = self._most_amps()
        return most if self.held_to_amps is None else min(most, self.held_to_amps)

    def _most_amps(self) -> float:
        share = self.charged_wh / self.capacity_wh
        if share >= 1:
            return IDLE_AMPS
        if share <= self.tapers_at:
            return self.full_amps
        left = (1 - share) / (1 - self.tapers_at)
        return max(LEAST_AMPS, self.full_amps * left)

    def take(self, wh: float) -> None:
        """It was given so much."""
        self.charged_wh = min(self.capacity_wh, self.charged_wh + wh)
