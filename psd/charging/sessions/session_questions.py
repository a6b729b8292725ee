"""Answers questions about sessions that have ended, also as OCPI has them.

A customer's token is told of that customer's sessions alone; of others it hears the same as of
sessions that never were.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from psd.access.identity import Identity
from psd.charging.charging_services import ChargingServices
from psd.charging.payments.payment_desk import PaymentDesk
from psd.charging.plugs.plug_questions import asked_ms
from psd.charging.sessions.ocpi import Ocpi, OcpiCdr, OcpiRecords
from psd.charging.sessions.session_answers import SessionRow, SessionRows, session_row
from psd.charging.sessions.session_reads import SessionScope, mark_of
from psd.charging.sessions.session_store import ChargeSession
from psd.charging.settings import ChargingSettings
from psd.charging.sites.site_view import SiteSettings
from psd.charging.whose import is_of, is_operator, visible
from psd.clock import Clock
from psd.domain.question import Asked, Endpoint
from psd.errors import BadQueryError, NotFoundError
from psd.foreign_texts import shown

ROOT = "/v3/charging"
OCPI = "ocpi"

ROW = (
    '{"session_id":"id-2","start_ms":1723939201000,"finish_ms":1723940006000,"plug_id":"p1",...,'
    '"total_kwh":0.400133...,"cents":12,...}'
)


class PageQuery(msgspec.Struct, frozen=True):
    """Some sessions, the newest first."""

    after: Annotated[str, Meta(description="a time: sessions that ended behind it")] = ""
    before: Annotated[str, Meta(description="the `next` of the page before")] = ""
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class SessionsQuery(PageQuery, frozen=True):
    """Some sessions of a customer, a site or a plug, or of all, the newest first."""

    customer: str = ""
    site: str = ""
    plug: str = ""


class SessionQuestions:
    """Of all sites and customers."""

    def __init__(
        self,
        services: ChargingServices,
        desk: PaymentDesk,
        settings: ChargingSettings,
        clock: Clock,
    ) -> None:
        self._services = services
        self._desk = desk
        self._ocpi = Ocpi(settings)
        self._clock = clock

    async def sessions(self, asked: Asked) -> SessionRows | OcpiRecords:
        """Sessions that have ended, the newest first."""
        query: SessionsQuery = asked.query
        customer = _customer(asked.identity, query.customer)
        return await self._page(asked, SessionScope(customer, query.site, query.plug))

    async def of_plug(self, asked: Asked) -> SessionRows | OcpiRecords:
        """Sessions of a plug that have ended, the newest first."""
        plug = asked.path["plug"]
        site = await self._services.store.site_of(plug)
        if site is None:
            raise NotFoundError(f"plug: no site has announced {shown(plug)}")
        return await self._page(asked, SessionScope(_customer(asked.identity, ""), site, plug))

    async def of_customer(self, asked: Asked) -> SessionRows | OcpiRecords:
        """Sessions of a customer that have ended, the newest first."""
        customer = visible(asked.identity, asked.path["customer"])
        await self._desk.account(customer)
        return await self._page(asked, SessionScope(customer))

    async def session(self, asked: Asked) -> SessionRow | OcpiCdr:
        """A session that has ended."""
        id_ = asked.path["session"]
        found = await self._services.session_reads.session(id_)
        if found is None or not is_of(asked.identity, found.owner_id):
            raise NotFoundError(f"session: {shown(id_)} is none that has ended")
        if asked.form != OCPI:
            return session_row(found)
        return self._ocpi.record(found, await self._services.reads.settings(found.site_id))

    async def records(self, sessions: list[ChargeSession]) -> list[OcpiCdr]:
        """All OCPI records of sessions."""
        settings: dict[str, SiteSettings] = {}
        found: list[OcpiCdr] = []
        for each in sessions:
            if each.site_id not in settings:
                settings[each.site_id] = await self._services.reads.settings(each.site_id)
            found += self._ocpi.records(each, settings[each.site_id])
        return found

    async def _page(self, asked: Asked, scope: SessionScope) -> SessionRows | OcpiRecords:
        query: PageQuery = asked.query
        # Nobody ended a session before 1970.
        after_ms = asked_ms(query.after, "after", self._clock.now_ms()) if query.after else -1
        before = mark_of(query.before) if query.before else None
        found, following = await self._services.session_reads.page(
            scope, after_ms, before, query.limit
        )
        following_text = None if following is None else following.text
        if asked.form == OCPI:
            return OcpiRecords(await self.records(found), following_text)
        return SessionRows([session_row(each) for each in found], following_text)

    def endpoints(self) -> list[Endpoint]:
        """All questions."""
        return [*self._of_sessions(), *self._of_whom()]

    def _of_sessions(self) -> list[Endpoint]:
        return [
            Endpoint(
                path=f"{ROOT}/sessions",
                query=SessionsQuery,
                answer=SessionRows,
                ask=self.sessions,
                meaning="some sessions",
                details="Whoever asks again with `next` as `before` has each session once. As "
                "`ocpi` they are CDRs of OCPI 2.2.1, with credits of those that were corrected.",
                example=(
                    "/v3/charging/sessions?customer=u1&limit=1",
                    '{"data":[' + ROW + '],"next":"1723940006000/s1/id-2"}',
                ),
                refused=(404, 406),
                forms={OCPI: OcpiRecords},
            ),
            Endpoint(
                path=f"{ROOT}/sessions/{{session}}",
                answer=SessionRow,
                ask=self.session,
                meaning="the session",
                details="As `ocpi` it is the CDR of OCPI 2.2.1 that counts by now.",
                example=("/v3/charging/sessions/id-2", ROW),
                refused=(404,),
                forms={OCPI: OcpiCdr},
            ),
        ]

    def _of_whom(self) -> list[Endpoint]:
        """Those of one plug, and of one customer."""
        return [
            Endpoint(
                path=f"{ROOT}/plugs/{{plug}}/sessions",
                query=PageQuery,
                answer=SessionRows,
                ask=self.of_plug,
                meaning="some sessions",
                details="A customer's token is told of its own.",
                example=(
                    "/v3/charging/plugs/p1/sessions?limit=1",
                    '{"data":[' + ROW + '],"next":...}',
                ),
                refused=(404, 406),
                forms={OCPI: OcpiRecords},
            ),
            Endpoint(
                path=f"{ROOT}/customers/{{customer}}/sessions",
                query=PageQuery,
                answer=SessionRows,
                ask=self.of_customer,
                meaning="some sessions",
                example=(
                    "/v3/charging/customers/u1/sessions?limit=1",
                    '{"data":[' + ROW + '],"next":...}',
                ),
                refused=(404, 406),
                forms={OCPI: OcpiRecords},
            ),
        ]


def _customer(identity: Identity, named: str) -> str:
    """The customer whose sessions are told, "" for everybody's."""
    if named:
        return visible(identity, named)
    if is_operator(identity):
        return ""
    if identity.owner is None:
        raise BadQueryError("customer: missing; it is needed with a token of several customers")
    return identity.owner
