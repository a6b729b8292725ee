"""The section ``[rides]`` of the settings; PSD_RIDES_METRES_MAX of the environment."""

from __future__ import annotations

from psd.config import Section


class RidesSettings(Section, frozen=True):
    """What a ride may be."""

    metres_max: int = 100_000
    """m: the longest ride that is believed."""
