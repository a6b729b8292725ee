"""What is kept of messages about plugs: readings, answers of sites, requests, settings. Pure.

They are made in psd/charging/charging_events.py, and kept by psd/charging/plugs/plug_keeper.py.
"""

from __future__ import annotations

import msgspec

from psd.charging.plugs.plug_readings import PlugReading
from psd.engine.events import Change


class PlugTaken(msgspec.Struct, frozen=True, gc=False):
    """A reading of a chunk; ``flags`` are of :data:`NEGATIVE_CURRENT`."""

    plug: str
    reading: PlugReading
    state: int
    power_factor: float
    fuse: str
    flags: int = 0


NEGATIVE_CURRENT = 1
"""The device said less than 0; it is kept as 0."""


class Telemetry(Change, frozen=True):
    """A chunk of a site; ``refused`` of its readings broke a rule and are left out."""

    site: str
    readings: tuple[PlugTaken, ...]
    refused: int = 0


class CommandResult(Change, frozen=True):
    """What a relay came to after a command."""

    site: str
    plug: str
    command_id: str
    is_on: bool
    at_ms: int


class Announcement(Change, frozen=True):
    """The plugs and fuses of a site."""

    site: str
    plugs: tuple[str, ...]
    fuses: tuple[str, ...]


class PlugRequest(Change, frozen=True):
    """A user asks a plug for something: a state, or ``enable``, ``disable``, ``again``."""

    id: str
    plug: str
    user: str
    wanted: str
    at_ms: int


class SiteSetting(Change, frozen=True):
    """What is set of a site (``site``), a plug (``plug:p1``) or a fuse (``fuse:f1``)."""

    site: str
    name: str
    values: dict[str, str | int]
