"""What a step has decided and somebody has still to do; it stands in the outbox of its site. Pure.

An effect says all that is needed to carry it out, by whomever and however often: a command has the
id that the site knows it by, an entry of a ledger the id of its session, bookings are reports::

    SwitchRelay("p1", "7c0d...", is_on=True, at_ms=1723939205000)   -> commands_s1
    CloseSession("p1", "id-2", "u1", 1723939201000, 1723940006000)  -> the bill, then a top-up
"""

from __future__ import annotations

import msgspec

from psd.charging.plugs.plug import Plug


class Effect(msgspec.Struct, frozen=True, tag_field="kind"):
    """One of those below."""


class SwitchRelay(Effect, frozen=True, tag="command"):
    """Tell a site to switch a plug's relay."""

    plug: str
    command_id: str
    is_on: bool
    at_ms: int


class BookSession(Effect, frozen=True, tag="book"):
    """Book the energy of a session that goes on, as far as its readings have come."""

    plug: str
    session_id: str
    customer: str
    start_ms: int
    fuse: str = ""


class CloseSession(Effect, frozen=True, tag="close"):
    """Book a session that has ended, bill it, and top its account up where that is wished."""

    plug: str
    session_id: str
    customer: str
    start_ms: int
    finish_ms: int
    fuse: str = ""


class RecountSessions(Effect, frozen=True, tag="recount"):
    """Readings came late: the sessions that they lie in are billed anew, by adjustments."""

    plug: str
    first_ms: int
    last_ms: int


class Acknowledge(Effect, frozen=True, tag="acknowledge"):
    """Tell a site that its announcement came."""


class TellArchive(Effect, frozen=True, tag="tell"):
    """Archive what plugs have become. It comes last: no command waits for a full disk."""

    plugs: dict[str, Plug]


AnyEffect = SwitchRelay | BookSession | CloseSession | RecountSessions | Acknowledge | TellArchive

_encode = msgspec.msgpack.Encoder().encode
_DECODER: msgspec.msgpack.Decoder[AnyEffect] = msgspec.msgpack.Decoder(AnyEffect)


def packed_effect(effect: AnyEffect) -> bytes:
    """As it stands in the outbox."""
    return _encode(effect)


def effect_of(packed: bytes) -> AnyEffect:
    """What stands in the outbox."""
    return _DECODER.decode(packed)
