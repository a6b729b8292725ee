"""What of a plug is whose to see. Pure.

Whether a plug is free is everybody's to see, and so is its current. Who has it, which session that
is, and what it has come to is its owner's, and theirs who see everybody::

    seen_by(status, u1)     owner "u1", session "id-2", 0.4 kWh, 12 cents
    seen_by(status, u2)     CHARGING, and nothing of these
"""

from __future__ import annotations

from msgspec.structs import replace

from psd.access.identity import Identity
from psd.charging.plugs.plug_answers import PlugStatus
from psd.charging.whose import is_of


def is_seen(owner: str, identity: Identity) -> bool:
    """Whether the session of an owner is somebody's to see; a plug without one has no secret."""
    return not owner or is_of(identity, owner)


def seen_by(status: PlugStatus, identity: Identity) -> PlugStatus:
    """A plug as somebody may see it."""
    details = status.state_machine_details
    if is_seen(details.current_owner, identity):
        return status
    return replace(
        status,
        state=replace(status.state, owner_id=""),
        state_machine_details=replace(
            details, current_owner="", session_id="", last_credit_check_ms=0
        ),
        kwh=0.0,
        cents=0,
    )
