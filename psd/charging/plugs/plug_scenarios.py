"""What a plug is to go through, as a file says it: read as a whole before anything is played. Pure.

::

    {"init": "INITIALISING", "steps": [{"op": "balance", "user": "u1", "cents": 5000},
                                       {"op": "tick", "n": 5, "cur": 0, "volt": 240}, ...]}
    -> PlugScenario(init=INITIALISING, steps=(BalanceStep("u1", 5000), TickStep(5, 0.0, 240.0), ..))
    {"op": "jump"}              -> PlugScenarioError: steps[3]: op: 'jump' is none of tick, ...
    {"op": "tick", "n": "5"}    -> steps[3]: tick: n: '5': expected `int`, got `str`

Fields that say how the recording came about (``trace``, ``flush_lag_10s``, ...) are none of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from psd.charging.plugs.plug_readings import MILLI_MAX
from psd.charging.plugs.states import PlugState, state_of
from psd.engine.events import VALUE_MAX
from psd.errors import BadQueryError, InputError
from psd.foreign_texts import shown
from psd.queries.parsing import from_fields

PLUG = "p1"
READ_EVERY_S = 2
SECONDS_MAX = 10_000_000
"""Of one tick: four months."""

Seconds = Annotated[int, Meta(ge=0, le=SECONDS_MAX)]
Name = Annotated[str, Meta(min_length=1, max_length=128)]
Cents = Annotated[int, Meta(ge=-VALUE_MAX, le=VALUE_MAX)]
Volts = Annotated[float, Meta(ge=0, le=MILLI_MAX / 1000)]
Amps = Annotated[float, Meta(ge=-MILLI_MAX / 1000, le=MILLI_MAX / 1000)]
"""Below 0 it is taken in as 0."""


class PlugScenarioError(ValueError):
    """A file that is no scenario."""


class TickStep(msgspec.Struct, frozen=True):
    """Seconds pass; with ``cur`` there is a reading each ``every`` seconds."""

    n: Seconds = 1
    cur: Amps | None = None
    volt: Volts = 240.0
    every: Annotated[int, Meta(ge=1)] = READ_EVERY_S


class UserStep(msgspec.Struct, frozen=True):
    """A user asks for a state."""

    user: Name
    state: str | int
    plug: Name = PLUG

    def __post_init__(self) -> None:
        """Raise an error for what is no state."""
        try:
            state_of(self.state, "state")
        except InputError as exc:
            raise ValueError(str(exc)) from exc

    @property
    def wanted(self) -> str:
        """The name of the state."""
        return state_of(self.state, "state").name


class RespStep(msgspec.Struct, frozen=True):
    """The site answers; without ``req_id`` the command that went out last."""

    state: Annotated[str, Meta(pattern="^(RequestedState_)?(ON|OFF)$")]
    req_id: str | UnsetType = UNSET

    @property
    def is_on(self) -> bool:
        """What the relay is."""
        return self.state.endswith("ON")


class BalanceStep(msgspec.Struct, frozen=True):
    """An account has so much from now on."""

    user: Name
    cents: Cents = 0


class TopupStep(msgspec.Struct, frozen=True):
    """Whether and how an account is topped up by itself; there is a card for it."""

    user: Name
    threshold: Cents = 0
    value: Annotated[int, Meta(ge=0, le=VALUE_MAX)] = 0
    enabled: bool = False
    on: bool = False

    @property
    def is_enabled(self) -> bool:
        """By either of its names."""
        return self.enabled or self.on


class CommissionStep(msgspec.Struct, frozen=True):
    """The plug is to show where it is."""


class FailStep(msgspec.Struct, frozen=True):
    """Documents of the original could not be written from here on, or could again."""


PlugStep = TickStep | UserStep | RespStep | BalanceStep | TopupStep | CommissionStep | FailStep

OPS: Mapping[str, type[PlugStep]] = {
    "tick": TickStep,
    "user": UserStep,
    "resp": RespStep,
    "balance": BalanceStep,
    "topup": TopupStep,
    "commission": CommissionStep,
    "fail": FailStep,
}


class PlugScenario(msgspec.Struct, frozen=True):
    """The state that a plug is in at first, whose it is, and what happens then."""

    steps: tuple[PlugStep, ...]
    init: PlugState = PlugState.INITIALISING
    init_owner: str = ""


def scenarios_in(document: Any) -> dict[str, Mapping[str, Any]]:
    """The scenarios of a file by name: one by itself, a list of them, or a whole recording."""
    if isinstance(document, Mapping) and "steps" in document:
        return {str(document.get("name", "scenario")): document}
    listed = document.get("scenarios") if isinstance(document, Mapping) else document
    found: dict[str, Mapping[str, Any]] = {}
    for at, each in enumerate(listed if isinstance(listed, Sequence) else ()):
        if isinstance(each, Mapping) and "steps" in each:
            found[str(each.get("name", at))] = each
    if not found:
        raise PlugScenarioError("scenario: no object with 'steps' is in it")
    return found


def scenario_of(told: Mapping[str, Any]) -> PlugScenario:
    """A scenario as it is played; raises PlugScenarioError for what is none."""
    steps = told["steps"]
    if not isinstance(steps, list):
        raise PlugScenarioError(f"steps: {shown(steps)} is no list")
    owner = told.get("init_owner", "")
    if not isinstance(owner, str):
        raise PlugScenarioError(f"init_owner: {shown(owner)} is no text")
    try:
        init = state_of(told.get("init", PlugState.INITIALISING.name), "init")
    except (InputError, TypeError) as exc:
        raise PlugScenarioError(str(exc)) from exc
    return PlugScenario(tuple(_step(at, each) for at, each in enumerate(steps)), init, owner)


def _step(at: int, told: Any) -> PlugStep:
    """One step, each of its fields looked at."""
    op = told.get("op") if isinstance(told, Mapping) else None
    kind = OPS.get(op) if isinstance(op, str) else None
    if kind is None:
        named = op if isinstance(told, Mapping) else told
        raise PlugScenarioError(f"steps[{at}]: op: {shown(named)} is none of {', '.join(OPS)}")
    try:
        return from_fields(told, kind)
    except BadQueryError as exc:
        raise PlugScenarioError(f"steps[{at}]: {op}: {exc}") from exc
