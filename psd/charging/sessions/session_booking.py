"""Books the energy of sessions: a report a minute, of the plug and of the customer.

Reports are fenced by how many readings were kept of the plug (psd/engine/fences.py): whoever knew
of fewer has nothing to say::

    await booking.book(closing(session), {1723939200: 38_667, 1723939260: 40_000}, taken=403)
    -> True; or False, where somebody has booked of 404 or more
"""

from __future__ import annotations

from collections.abc import Mapping

from psd.charging.accounts.ledger_entries import customer_uid
from psd.charging.effects import BookSession, CloseSession
from psd.charging.sessions.session_energy import CELL_S, fuse_number, session_number
from psd.charging.sessions.session_store import ChargeSession
from psd.charging.sites.site_store import PLUG_SPACE
from psd.engine.engine import Engine
from psd.engine.events import Report
from psd.users import uid_of

Cells = Mapping[int, int]
"""MWh by the first second of their minute."""

PLUG_FENCE = "charge"


class SessionBooking:
    """Books under the numbers of ``things`` by name."""

    def __init__(self, engine: Engine, things: Mapping[str, int]) -> None:
        self._engine = engine
        self._things = [things.get("charge_energy"), things.get("customer_energy")]

    async def book(self, effect: BookSession | CloseSession, found: Cells, taken: int) -> bool:
        """Book cells that were made of so many readings; False where others knew of more."""
        reports = self.reports(effect, found)
        plug, customer = uid_of(PLUG_SPACE, effect.plug), customer_uid(effect.customer)
        fences = {plug: (PLUG_FENCE, taken), customer: (f"{PLUG_FENCE}.{plug:x}", taken)}
        named = {report.uid for report in reports}
        outcomes = await self._engine.book(
            reports, {uid: fence for uid, fence in fences.items() if uid in named}
        )
        for outcome in outcomes:
            if outcome.error is not None:
                raise outcome.error
        return all(outcome.status != "superseded" for outcome in outcomes)

    def reports(self, effect: BookSession | CloseSession, found: Cells) -> list[Report]:
        """What is booked of a session by its cells."""
        owners = uid_of(PLUG_SPACE, effect.plug), customer_uid(effect.customer)
        atid, aid = fuse_number(effect.fuse), session_number(effect.session_id)
        return [
            Report(thing, uid, atid, aid, mwh, cell, cell + CELL_S - 1)
            for thing, uid in zip(self._things, owners, strict=True)
            if thing is not None
            for cell, mwh in found.items()
        ]


def closing(session: ChargeSession) -> CloseSession:
    """The end of a session, as whoever closed it was told."""
    return CloseSession(
        session.plug_id,
        session.session_id,
        session.owner_id,
        session.start_ms,
        session.finish_ms,
        session.fuze_id,
    )
