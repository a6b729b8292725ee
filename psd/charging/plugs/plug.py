"""A plug as it stands in the store, and what is looked at when it makes a step. Pure.

The state of a plug is one value with a version; a step makes another value of it, which is kept
only if the version is still the one that was read (lua/charging/commit.lua). It is msgpack, an
array whose first four numbers a script reads::

    [version, state, session_start_ms, ended_ms, entered_ms, owner, session_id, ...]
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from psd.charging.plugs.plug_readings import PlugReading
from psd.charging.plugs.states import PlugState


class Plug(msgspec.Struct, frozen=True, array_like=True):
    """Milliseconds are Unix; 0 and an empty text are nothing. ``version`` 0 was never kept.

    ``ended_ms`` is the end of the newest session, ``admitted_ms`` when it left the queue.
    ``moved_id`` is the newest transition, ``command_id`` the command that the site has not
    answered; ``unread_ms`` is since when the account could not be read.
    """

    version: int = 0
    state: int = PlugState.INITIALISING
    session_start_ms: int = 0
    ended_ms: int = 0
    entered_ms: int = 0
    owner: str = ""
    session_id: str = ""
    charge_start_ms: int = 0
    queue_entered_ms: int = 0
    admitted_ms: int = 0
    last_credit_check_ms: int = 0
    sensing_check_ms: int = 0
    unread_ms: int = 0
    command_id: str = ""
    command_on: bool = False
    command_ms: int = 0
    fuse: str = ""
    error: str = ""
    moved_id: str = ""

    @property
    def place(self) -> PlugState:
        """The state."""
        return PlugState(self.state)


class CreditRead(msgspec.Struct, frozen=True):
    """Whether an owner has an account, and enough on it; or it could not be read."""

    is_known: bool = False
    is_enough: bool = False
    is_unreadable: bool = False


class Look(msgspec.Struct, frozen=True):
    """What is around a plug when it is looked at: its newest readings, its fuses, its owner."""

    ring: Sequence[PlugReading] = ()
    is_admitted: bool = True
    is_shed: bool = False
    credit: CreditRead | None = None
    too_large: str = ""
    """Why its fuse can never carry it."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Plug).decode


def packed_plug(plug: Plug) -> bytes:
    """As it stands in the store."""
    return _encode(plug)


def plug_of(packed: bytes) -> Plug:
    """What stands in the store."""
    return _decode(packed)
