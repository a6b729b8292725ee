"""The original's documents, by the names of its collections: one each, as its programs read them.

::

    GET /v3/charging/documents/customer_balances/u1
    -> {"firestore_id":"u1","cents_aud":4988,"last_update_ms":1723940006000}

They are the same resources as the others of /v3/charging, in the shape of its protobuf messages.
Nobody writes one: psd makes them of what it keeps.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from psd.charging.charging_services import ChargingServices
from psd.charging.payments.payment_desk import PaymentDesk
from psd.charging.plugs.plug_answers import (
    RequestAnswer,
    ShownDetails,
    ShownReading,
    ShownTransition,
)
from psd.charging.plugs.plug_questions import PlugQuestions
from psd.charging.plugs.states import PlugState
from psd.charging.sessions.session_questions import SessionQuestions
from psd.charging.sites.shown_settings import plug_settings, site_settings
from psd.charging.whose import visible
from psd.clock import Clock
from psd.domain.question import Asked, Endpoint
from psd.errors import NotFoundError
from psd.foreign_texts import shown

ROOT = "/v3/charging/documents"

DocumentT = TypeVar("DocumentT", bound=msgspec.Struct)


class PlugStatusDocument(msgspec.Struct, frozen=True):
    """PlugStatus."""

    id: str
    site_id: str
    state: ShownTransition
    latest_reading: ShownReading | None
    state_machine_details: ShownDetails
    possible_next_states: list[int]
    possible_next_states_labels: list[str]


class PlugSettingsDocument(msgspec.Struct, frozen=True):
    """PlugSettings."""

    id: str
    name: str
    current_limit: float
    site_id: str


class SiteSettingsDocument(msgspec.Struct, frozen=True):
    """SiteSettings."""

    id: str
    name: str
    description: str


class UserRequestDocument(msgspec.Struct, frozen=True):
    """UserRequest; what was asked for by a word ("enable") stands as the word."""

    id: str
    user_id: str
    plug_id: str
    requested_state: int | str
    time_requested: int
    result: RequestAnswer


class SessionDocument(msgspec.Struct, frozen=True):
    """Session."""

    session_id: str
    start_ms: int
    finish_ms: int
    plug_id: str
    site_id: str
    owner_id: str
    total_kwh: float
    cents: int


class BalanceDocument(msgspec.Struct, frozen=True):
    """CustomerBalance."""

    firestore_id: str
    cents_aud: int
    last_update_ms: int


class TopupDocument(msgspec.Struct, frozen=True):
    """AutoTopupPreferences."""

    firestore_id: str
    enabled: bool
    threshold_cents: int
    recharge_value_cents_aud: int


class StripeDocument(msgspec.Struct, frozen=True):
    """StripeCustomer."""

    stripe_id: str
    firestore_id: str
    payment_methods: list[str]
    default_payment_method: str


class Documents:
    """Of all collections."""

    def __init__(
        self,
        services: ChargingServices,
        plugs: PlugQuestions,
        sessions: SessionQuestions,
        desk: PaymentDesk,
        clock: Clock,
    ) -> None:
        self._services = services
        self._plugs = plugs
        self._sessions = sessions
        self._desk = desk
        self._clock = clock

    async def plug_status(self, asked: Asked) -> PlugStatusDocument:
        """What a plug is, as the original's document."""
        told = await self._plugs.plug(_named(asked, "plug"))
        return _in(PlugStatusDocument, told)

    async def plug_settings(self, asked: Asked) -> PlugSettingsDocument:
        """What is set of a plug, as the original's document."""
        plug = asked.path["id"]
        site = await self._services.store.site_of(plug)
        if site is None:
            raise NotFoundError(f"plug: no site has announced {shown(plug)}")
        held = await self._services.reads.settings(site)
        return _in(PlugSettingsDocument, plug_settings(held, site, plug))

    async def site_settings(self, asked: Asked) -> SiteSettingsDocument:
        """What is set of a site, as the original's document."""
        site = asked.path["id"]
        if site not in await self._services.store.sites():
            raise NotFoundError(f"site: {shown(site)} has announced no plug")
        held = await self._services.reads.settings(site)
        return _in(SiteSettingsDocument, site_settings(held, site))

    async def user_request(self, asked: Asked) -> UserRequestDocument:
        """What a user asked for and what it came to, as the original's document."""
        id_ = asked.path["id"]
        found = await self._services.reads.request_anywhere(id_, self._clock.now_ms())
        if found is None:
            raise NotFoundError(f"request: none of the last two days is {shown(id_)}")
        return UserRequestDocument(
            id=id_,
            user_id=found.user,
            plug_id=found.plug,
            requested_state=_number_of(found.wanted),
            time_requested=found.time_requested,
            result=RequestAnswer(found.time_entered_state, found.status, found.reason),
        )

    async def session(self, asked: Asked) -> SessionDocument:
        """A session that has ended, as the original's document."""
        return _in(SessionDocument, await self._sessions.session(_named(asked, "session")))

    async def balance(self, asked: Asked) -> BalanceDocument:
        """A customer's balance, as the original's document."""
        customer = visible(asked.identity, asked.path["id"])
        account = await self._desk.account(customer)
        newest = await self._desk.entries(customer, 0, 1)
        last_ms = newest[0].entry.at_ms if newest else 0
        return BalanceDocument(customer, account.balance_cents, last_ms)

    async def topup(self, asked: Asked) -> TopupDocument:
        """How an account is topped up, as the original's document."""
        customer = visible(asked.identity, asked.path["id"])
        wish = (await self._desk.account(customer)).auto_topup
        return TopupDocument(
            customer, wish.enabled, wish.threshold_cents, wish.recharge_value_cents
        )

    async def stripe_customer(self, asked: Asked) -> StripeDocument:
        """A customer's cards, as the original's document."""
        customer = visible(asked.identity, asked.path["id"])
        account = await self._desk.account(customer)
        return StripeDocument(
            account.stripe_id, customer, list(account.methods), account.default_method
        )

    def endpoints(self) -> list[Endpoint]:
        """A question a collection."""
        return [
            _endpoint("plug_status", PlugStatusDocument, self.plug_status, "p1", "the plug", _PLUG),
            _endpoint(
                *("plug_settings", PlugSettingsDocument, self.plug_settings, "p1"),
                *("what is set of the plug", _PLUG_SETTINGS),
                whole=True,
            ),
            _endpoint(
                *("site_settings", SiteSettingsDocument, self.site_settings, "s1"),
                *("what is set of the site", '{"id":"s1","name":"Yard","description":""}'),
                whole=True,
            ),
            _endpoint(
                *("user_requests", UserRequestDocument, self.user_request, "r1"),
                *("the request", _REQUEST),
                whole=True,
            ),
            _endpoint("sessions", SessionDocument, self.session, "id-2", "the session", _SESSION),
            _endpoint(
                *("customer_balances", BalanceDocument, self.balance, "u1", "the balance"),
                '{"firestore_id":"u1","cents_aud":2286,"last_update_ms":...}',
            ),
            _endpoint(
                *("autotopup_preferences", TopupDocument, self.topup, "u1"),
                *("how it is topped up", '{"firestore_id":"u1","enabled":true,...}'),
            ),
            _endpoint(
                *("stripe_customers", StripeDocument, self.stripe_customer, "u1", "the cards"),
                '{"stripe_id":"...","firestore_id":"u1","payment_methods":[...],...}',
            ),
        ]


_PLUG = '{"id":"p1","site_id":"s1","state":{...},"latest_reading":...}'
_PLUG_SETTINGS = '{"id":"p1","name":"left","current_limit":16.0,"site_id":"s1"}'
_REQUEST = '{"id":"r1","user_id":"u1","plug_id":"p1","requested_state":"enable",...,"result":{...}}'
_SESSION = '{"session_id":"id-2","start_ms":1723939201000,...,"total_kwh":0.400133...,"cents":12}'


def _endpoint(
    collection: str,
    answer: Any,
    ask: Any,
    id_: str,
    meaning: str,
    told: str,
    *,
    whole: bool = False,
) -> Endpoint:
    return Endpoint(
        path=f"{ROOT}/{collection}/{{id}}",
        answer=answer,
        ask=ask,
        meaning=meaning,
        example=(f"{ROOT}/{collection}/{id_}", told),
        refused=(404,),
        whole=whole,
    )


def _named(asked: Asked, part: str) -> Asked:
    """The same question, of a resource whose path calls the id otherwise."""
    return msgspec.structs.replace(asked, path={part: asked.path["id"]})


def _in(kind: type[DocumentT], told: msgspec.Struct) -> DocumentT:
    """What a resource tells, with the fields of a document alone."""
    return kind(*(getattr(told, name) for name in kind.__struct_fields__))


def _number_of(wanted: str) -> int | str:
    return int(PlugState[wanted]) if wanted in PlugState.__members__ else wanted
