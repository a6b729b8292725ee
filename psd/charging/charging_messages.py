"""What producers may say of plugs, as it stands on the wire in JSON.

::

    {"command": "plug_request", "plug_request": {"id": "r1", "plug_id": "p1", "user_id": "u1",
                                                 "requested_state": "enable"}}
    {"command": "fuse_settings", "fuse_settings": {"site_id": "s1", "id": "f1",
                                                   "current_limit": "32", "parent": "main"}}

What sites say stands on topics of their own (psd/charging/wire.py). Fields have the original's
names; currents are amperes as JSON numbers or decimal text.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec import UNSET, UnsetType

from psd.engine.event_times import Time

Amperes = Decimal


class PlugRequestFields(msgspec.Struct, forbid_unknown_fields=True):
    """A user asks a plug for a state: by number or name, or "enable", "disable", "again"."""

    id: str
    plug_id: str
    user_id: str
    requested_state: int | str
    time_requested: Time | None = None


class PlugSettingsFields(msgspec.Struct, forbid_unknown_fields=True):
    """What is set of a plug; what is left out stays."""

    site_id: str
    id: str
    name: str | UnsetType = UNSET
    current_limit: Amperes | UnsetType = UNSET
    fuze_id: str | UnsetType = UNSET


class FuseSettingsFields(msgspec.Struct, forbid_unknown_fields=True):
    """What is set of a fuse; ``parent`` is the fuse before it, "" for none."""

    site_id: str
    id: str
    name: str | UnsetType = UNSET
    current_limit: Amperes | UnsetType = UNSET
    parent: str | UnsetType = UNSET


class SiteSettingsFields(msgspec.Struct, forbid_unknown_fields=True):
    """What is set of a site; its ``current_limit`` is that of all its fuses together.

    Where it is stands in OCPI records; coordinates are decimal degrees.
    """

    id: str
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    current_limit: Amperes | UnsetType = UNSET
    address: str | UnsetType = UNSET
    city: str | UnsetType = UNSET
    postal_code: str | UnsetType = UNSET
    latitude: str | UnsetType = UNSET
    longitude: str | UnsetType = UNSET
