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


class ShownPlugSettings(msgspec.Struct, frozen=True):
    """PlugSettings, and the fuse that it is set to be behind; a limit of 0 is none."""

    id: str
    name: str
    current_limit: float
    site_id: str
    fuze_id: str


class ShownFuseSettings(msgspec.Struct, frozen=True):
    """FuzeSettings, and the fuse before it; a limit of 0 is none."""

    id: str
    name: str
    current_limit: float
    site_id: str
    parent: str


class ShownSiteSettings(msgspec.Struct, frozen=True):
    """SiteSettings, the limit of all its fuses together (0 is none), and where it is."""

    id: str
    name: str
    description: str
    current_limit: float
    address: str
    city: str
    postal_code: str
    latitude: str
    longitude: str


class PlugReadingRow(msgspec.Struct, frozen=True):
    """A Reading as it is kept; ``energy_mwh`` is what the register showed, null without one."""

    timestamp_ms: int
    current: float
    voltage: float
    energy_mwh: int | None


class PlugReadingRows(msgspec.Struct, frozen=True):
    """Readings in order of time; ``next`` is the `start` of those behind them."""

    plug_id: str
    data: list[PlugReadingRow]
    next: str | None = None


class TransitionRow(msgspec.Struct, frozen=True):
    """StateMachineTransition, where it led from, and the session."""

    id: str
    state: int
    reason: str
    time_ms: int
    plug_id: str
    owner_id: str
    from_state: int
    session_id: str


class TransitionRows(msgspec.Struct, frozen=True):
    """Transitions, the newest first; ``next`` asks for those before them."""

    plug_id: str
    data: list[TransitionRow]
    next: str | None = None
