"""Adds sessions up for ``psd verify``: their readings, their entries of ledgers, what is booked.

The ledger is believed for money, readings for energy as long as they are kept, and what the session
says of itself behind that::

    psd:charging:{s:s1}:session:id-2 cents: 99, should be 12 by the ledger
    psd:charging:{c:u1}:ledger use/id-2: nothing, should be -12 by the session
    bookings of plug p1 id-2 1723939200: nothing, should be 38667 by the readings
    bookings of plug p1 sum: 400140, should be 400133 by the sessions

A repair rewrites a session by the ledger, posts what was never posted, books what was never booked,
and corrects a bill by an adjustment; an entry is never changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping

import msgspec
from msgspec.structs import replace

from psd.audit.examine import NOTHING, Discrepancy
from psd.audit.sweep import Audited
from psd.charging.accounts.account_store import AccountStore
from psd.charging.accounts.ledger_entries import customer_uid
from psd.charging.charging_services import ChargingServices
from psd.charging.effects import CloseSession, RecountSessions
from psd.charging.keys import ledger_key, session_key_of
from psd.charging.plugs.plug_readings import cents_of
from psd.charging.sessions.charge_sessions import ChargeSessions, Measured
from psd.charging.sessions.session_booking import Cells, closing
from psd.charging.sessions.session_energy import CELL_S, MS
from psd.charging.sessions.session_store import ChargeSession, SessionStore
from psd.charging.sites.site_store import PLUG_SPACE, SiteStore
from psd.engine.engine import Engine
from psd.engine.events import TIME_END_S, Report
from psd.engine.plan import Range
from psd.engine.windows import Window
from psd.users import uid_of

ATTEMPTS = 8
LEDGER, SESSION, SESSIONS, READINGS = "the ledger", "the session", "the sessions", "the readings"
PLUG_THING, CUSTOMER_THING = "charge_energy", "customer_energy"


class SessionAudit:
    """Audits the sessions of all sites, then what is booked of each plug and customer in all."""

    def __init__(
        self,
        services: ChargingServices,
        accounts: AccountStore,
        engine: Engine,
        things: Mapping[str, int],
    ) -> None:
        self._sites: SiteStore = services.store
        self._store: SessionStore = services.session_store
        self._sessions: ChargeSessions = services.sessions
        self._accounts = accounts
        self._engine = engine
        self._things = {
            name: things[name] for name in (PLUG_THING, CUSTOMER_THING) if name in things
        }

    async def every(self, *, repair: bool) -> AsyncIterator[Audited]:
        """All sessions that have ended, and then the sums."""
        sums: Counter[tuple[str, str]] = Counter()
        open_owners: set[tuple[str, str]] = set()
        for site in await self._sites.sites():
            for plug in (await self._open(site)).items():
                open_owners |= {(PLUG_THING, plug[0]), (CUSTOMER_THING, plug[1])}
            for id_ in await self._store.ids(site):
                audited, session = await self._one(site, id_, repair=repair)
                yield audited
                if session is not None:
                    sums[PLUG_THING, session.plug_id] += session.mwh
                    sums[CUSTOMER_THING, session.owner_id] += session.mwh
        for (thing, owner), mwh in sums.items():
            if thing in self._things:
                yield await self._sum(thing, owner, mwh, goes_on=(thing, owner) in open_owners)

    async def _open(self, site: str) -> dict[str, str]:
        """Owners by plugs of whom energy may be booked at any moment."""
        plugs = await self._sites.plugs(site)
        left = await self._unsettled(site)
        return {name: plug.owner for name, plug in plugs.items() if plug.session_id or name in left}

    async def _unsettled(self, site: str) -> set[str]:
        """Plugs whose sessions somebody has still to bill, or to count again."""
        return {
            effect.plug
            for _, effect in await self._sites.left(site)
            if isinstance(effect, CloseSession | RecountSessions)
        }

    async def _one(
        self, site: str, id_: str, *, repair: bool
    ) -> tuple[Audited, ChargeSession | None]:
        """One session; repaired it is read again."""
        key = session_key_of(site, id_)
        session = await self._store.session(site, id_)
        if session is None:
            lost = Discrepancy(key, "", "a session", NOTHING, "its list")
            return Audited(key, "found", [lost]), None
        found = await self._differences(session)
        if not found:
            return Audited(key, "clean", []), session
        if session.plug_id in await self._unsettled(site):
            return Audited(key, "busy", found), session
        for _ in range(ATTEMPTS if repair else 0):
            session = await self._repaired(session)
            if not await self._differences(session):
                return Audited(key, "repaired", found), session
        return Audited(key, "found", found), session

    async def _differences(self, session: ChargeSession) -> list[Discrepancy]:
        measured = await self._sessions.measured(session)
        is_known = session.readings > 0 and measured.says_all_of(session)
        return [
            *await self._of_money(session),
            *(_of_readings(session, measured) if is_known else ()),
            *_of_price(session, measured if is_known else None),
            *await self._of_bookings(session, measured.sum.cells if is_known else None),
        ]

    async def _of_money(self, session: ChargeSession) -> list[Discrepancy]:
        """What the ledger says of a session."""
        key = session_key_of(session.site_id, session.session_id)
        bill, corrected = await self._posted(session)
        if bill is None:
            ledger = ledger_key(session.owner_id)
            wanted = str(-session.billed_cents)
            return [Discrepancy(ledger, _bill_id(session), wanted, NOTHING, SESSION)]
        told = (
            ("billed_cents", -bill, session.billed_cents),
            ("cents", -bill - corrected, session.cents),
        )
        return [
            Discrepancy(key, field, str(wanted), str(held), LEDGER)
            for field, wanted, held in told
            if wanted != held
        ]

    async def _posted(self, session: ChargeSession) -> tuple[int | None, int]:
        """Cents of its bill as they are posted, None for nothing, and of all its adjustments."""
        numbers = range(1, session.revision + 1)
        ids = [_bill_id(session), *(f"adj/{session.session_id}/{n}" for n in numbers)]
        entries = await self._accounts.entries_of(session.owner_id, ids)
        bill = entries.pop(ids[0], None)
        return None if bill is None else bill.cents, sum(each.cents for each in entries.values())

    async def _of_bookings(self, session: ChargeSession, known: Cells | None) -> list[Discrepancy]:
        found: list[Discrepancy] = []
        for name, owner, uid in _owners(session):
            if name in self._things:
                standing = await self._standing(session, self._things[name], uid)
                place = f"bookings of {owner}"
                found += _of_cells(place, session, standing, known)
        return found

    async def booked(self, session: ChargeSession) -> dict[int, int]:
        """MWh that are booked of a session, by minutes; of its plug, or else of its customer."""
        for name, _, uid in _owners(session):
            if name in self._things:
                return await self._standing(session, self._things[name], uid)
        return {}

    async def _standing(self, session: ChargeSession, thing: int, uid: int) -> dict[int, int]:
        """MWh that stand in the minutes of a session."""
        first_s = session.start_ms // MS // CELL_S * CELL_S
        seconds = range(first_s, session.finish_ms // MS + 1, CELL_S)
        reports: list[Report] = self._sessions.booking.reports(
            closing(session), dict.fromkeys(seconds, 0)
        )
        windows = [
            Window(each.thing, each.uid, each.aid, each.ts1, each.ts2)
            for each in reports
            if (each.thing, each.uid) == (thing, uid)
        ]
        standing = await self._engine.reported(windows)
        return {
            window.ts1: stands.value
            for window, stands in zip(windows, standing, strict=True)
            if stands.status == "booked"
        }

    async def _sum(self, thing: str, owner: str, mwh: int, *, goes_on: bool) -> Audited:
        """All energy of a plug or a customer; of one that charges there may be more."""
        is_plug = thing == PLUG_THING
        uid = uid_of(PLUG_SPACE, owner) if is_plug else customer_uid(owner)
        key = f"bookings of {'plug' if is_plug else 'customer'} {owner}"
        number = self._things[thing]
        [sums] = await self._engine.sums([uid], [number], [Range(0, TIME_END_S)])
        held = sums.sums[number]
        if held == mwh or (goes_on and held > mwh):
            return Audited(key, "clean", [])
        return Audited(key, "found", [Discrepancy(key, "sum", str(mwh), str(held), SESSIONS)])

    async def _repaired(self, session: ChargeSession) -> ChargeSession:
        """Put right what can be; the session as it is kept then."""
        bill, corrected = await self._posted(session)
        if bill is not None:
            right = replace(session, billed_cents=-bill, cents=-bill - corrected)
            session = await self._store.keep(session.site_id, right, session.revision)
        await self._sessions.count_again(session)
        held = await self._store.session(session.site_id, session.session_id)
        return session if held is None else held


def _bill_id(session: ChargeSession) -> str:
    return f"use/{session.session_id}"


def _owners(session: ChargeSession) -> list[tuple[str, str, int]]:
    """Things that a session's energy is booked as, of whom, and their numbers."""
    plug, customer = session.plug_id, session.owner_id
    return [
        (PLUG_THING, f"plug {plug}", uid_of(PLUG_SPACE, plug)),
        (CUSTOMER_THING, f"customer {customer}", customer_uid(customer)),
    ]


def _of_readings(session: ChargeSession, measured: Measured) -> list[Discrepancy]:
    key = session_key_of(session.site_id, session.session_id)
    told = (("nj", measured.sum.nj, session.nj), ("mwh", measured.sum.mwh, session.mwh))
    return [
        Discrepancy(key, field, str(wanted), str(held), READINGS)
        for field, wanted, held in told
        if wanted != held
    ]


def _of_price(session: ChargeSession, measured: Measured | None) -> list[Discrepancy]:
    """Of prices that change nothing is known without the readings."""
    price = session.price
    if price is None:
        return []
    if price.steps is msgspec.UNSET:
        wanted = cents_of(session.nj, price.cents_per_kwh)
    elif measured is None:
        return []
    else:
        wanted = price.cents(measured.sum)
    if wanted == session.cents:
        return []
    key = session_key_of(session.site_id, session.session_id)
    return [Discrepancy(key, "cents", str(wanted), str(session.cents), "its energy")]


def _of_cells(
    place: str, session: ChargeSession, standing: Cells, known: Cells | None
) -> list[Discrepancy]:
    """What is booked of a session: minute by minute by its readings, else in all."""
    id_ = session.session_id
    if known is None:
        held = sum(standing.values())
        if held == session.mwh or not standing:
            return []
        return [Discrepancy(place, id_, str(session.mwh), str(held), SESSION)]
    return [
        Discrepancy(
            place,
            f"{id_} {cell}",
            str(known.get(cell, 0)),
            str(standing[cell]) if cell in standing else NOTHING,
            READINGS,
        )
        for cell in sorted({*known, *standing})
        if standing.get(cell, 0) != known.get(cell, 0)
    ]
