"""The section ``[meters]`` of the settings."""

from __future__ import annotations

from psd.config import Section


class MetersSettings(Section, frozen=True):
    """What a meter can show."""

    wh_max: int = 1_000
    """Wh: the largest reading."""
    port: int = 0
    """Port: the old API and the pages at a root of their own; 0 for none."""
