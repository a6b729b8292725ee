"""What is answered about plugs and sites, with the original's names for its fields."""

from __future__ import annotations

import msgspec


class ShownTransition(msgspec.Struct, frozen=True):
    """StateMachineTransition."""

    id: str
    state: int
    time_ms: int
    plug_id: str
    owner_id: str


class ShownReading(msgspec.Struct, frozen=True):
    """Reading: amperes and volts."""

    state: int
    current: float
    voltage: float
    power_factor: float
    timestamp_ms: int
    plug_id: str
    fuze_id: str


class ShownDetails(msgspec.Struct, frozen=True):
    """StateMachineDetails."""

    current_owner: str
    charge_start_time_ms: int
    queue_position: int
    queue_entered_ms: int
    error: str
    session_id: str
    last_credit_check_ms: int


class PlugStatus(msgspec.Struct, frozen=True):
    """PlugStatus, and what the session has come to so far."""

    id: str
    site_id: str
    state: ShownTransition
    latest_reading: ShownReading | None
    state_machine_details: ShownDetails
    possible_next_states: list[int]
    possible_next_states_labels: list[str]
    kwh: float
    cents: int


class ShownFuse(msgspec.Struct, frozen=True):
    """A fuse in amperes; ``state`` is FuzeState: 1 OK, 2 LIMITING. The site's own has no id."""

    id: str
    name: str
    current_limit: float
    parent: str
    current: float
    reserved: float
    state: int
    queue: list[str]


class ShownSite(msgspec.Struct, frozen=True):
    """A site, its fuses and its plugs."""

    id: str
    name: str
    description: str
    fuses: list[ShownFuse]
    plugs: list[PlugStatus]


class ShownSites(msgspec.Struct, frozen=True):
    """All sites."""

    data: list[str]


class RequestAnswer(msgspec.Struct, frozen=True):
    """UserRequestResult."""

    time_entered_state: int
    status: int
    reason: str
