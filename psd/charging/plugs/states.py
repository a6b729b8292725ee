"""The states of a plug, with the names and numbers of the original. Pure.

::

    PlugState.CHARGING               -> 15
    state_name(15)                   -> "StateMachineState_CHARGING"
    state_of("CHARGING")             -> PlugState.CHARGING
"""

from __future__ import annotations

from enum import IntEnum

from psd.errors import WrongTypeError
from psd.foreign_texts import shown

PREFIX = "StateMachineState_"


class PlugState(IntEnum):
    """StateMachineState; 1 to 6 and 13 are not used."""

    INITIALISING = 0
    ACCOUNT_NULL = 7
    ACCOUNT_ADDED = 8
    ENTERING_QUEUE = 9
    IN_QUEUE = 10
    SENSING_START_REQUESTED = 11
    SENSING_START_ISSUED_LOCALLY = 12
    SENSING_CHARGE = 14
    CHARGING = 15
    CHARGE_COMPLETE = 16
    ACCOUNT_REMOVAL_REQUESTED = 17
    ACCOUNT_REMOVAL_ISSUED_LOCALLY = 18
    WAITING_FOR_PLUG_IN = 19
    COMMISSIONING = 20
    ACCOUNT_REMOVAL_NOT_RESPONDING = 21
    SENSING_START_NOT_RESPONDING = 22
    INSUFFICIENT_CREDIT = 23


class RequestStatus(IntEnum):
    """UserRequestStatus."""

    UNKNOWN = 0
    PENDING = 1
    SUCCESS = 2
    FAILURE = 3
    RECEIVED = 4


class ActualState(IntEnum):
    """What a relay says of itself."""

    UNKNOWN = 0
    ON = 1
    OFF = 2
    MIA = 3
    OVERCURRENT = 4


WATCHED = frozenset({PlugState.SENSING_CHARGE, PlugState.CHARGING})
"""In these a reading may lead on at once."""


def state_name(state: int) -> str:
    """As the original writes it."""
    return PREFIX + PlugState(state).name


def state_of(told: int | str, field: str = "requested_state") -> PlugState:
    """A state by its number or its name, with or without the prefix; raises WrongTypeError."""
    try:
        return PlugState[told.removeprefix(PREFIX)] if isinstance(told, str) else PlugState(told)
    except (KeyError, ValueError) as exc:
        raise WrongTypeError(f"{field}: {shown(told)} is no state of a plug") from exc
