"""The section ``[meters]`` of the settings."""

from __future__ import annotations

from psd.config import Section


class MetersSettings(Section, frozen=True):
    """What a meter can show."""

    wh_max: int = 1_000
    """Wh: the largest reading."""
