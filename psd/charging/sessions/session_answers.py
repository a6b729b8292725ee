"""What is told of sessions, with the original's names for its fields (Session). Pure."""

from __future__ import annotations

import msgspec

from psd.charging.sessions.session_store import ChargeSession


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """Session, and how it was corrected: ``cents`` is what it comes to by now.

    ``billed_cents`` is the bill, revision 0; each revision behind it is an adjustment.
    """

    session_id: str
    start_ms: int
    finish_ms: int
    plug_id: str
    site_id: str
    owner_id: str
    total_kwh: float
    cents: int
    fuze_id: str
    billed_cents: int
    revision: int
    corrected_ms: int


class SessionRows(msgspec.Struct, frozen=True):
    """Sessions that have ended, the newest first; ``next`` asks for those before them."""

    data: list[SessionRow]
    next: str | None = None


def session_row(session: ChargeSession) -> SessionRow:
    """A session as it is told."""
    return SessionRow(
        session_id=session.session_id,
        start_ms=session.start_ms,
        finish_ms=session.finish_ms,
        plug_id=session.plug_id,
        site_id=session.site_id,
        owner_id=session.owner_id,
        total_kwh=session.total_kwh,
        cents=session.cents,
        fuze_id=session.fuze_id,
        billed_cents=session.billed_cents,
        revision=session.revision,
        corrected_ms=session.corrected_ms,
    )
