"""The pages of sites and plugs: fuses with what flows, the queue, and what may be asked of a plug.

::

    GET  /charging/                     sites, each with its fuses as bars, its queue and its plugs
    GET  /charging/sites/s1/            one of them
    GET  /charging/plugs/shelly:A0:0/   its state, energy and cents so far, a button for each prompt
    POST ... requested_state=8          302 to the page; what the plug refuses is told there

They move as the site says something, where there is script, and refresh themselves where there is
none. A button carries an id, so that a request that is sent twice is done once.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from psd.access.identity import Identity
from psd.charging.charging_messages import PlugRequestFields
from psd.charging.charging_services import ChargingServices
from psd.charging.page_words import STATES, Tone, energy, lasted, moment, money
from psd.charging.plugs.plug_answers import PlugStatus, ShownReading, ShownSite
from psd.charging.plugs.plug_questions import PlugQuestions
from psd.charging.plugs.plug_visibility import is_seen, seen_by
from psd.charging.plugs.states import ActualState, PlugState, RequestStatus
from psd.charging.settings import ChargingSettings
from psd.charging.sites.fuse_tree import FuseNode, amperes, fuse_tree
from psd.charging.sites.site_questions import SiteQuestions
from psd.charging.sites.site_view import SiteView
from psd.charging.whose import is_of
from psd.clock import Clock
from psd.domain.question import Asked, NoParameters
from psd.domain.web_page import Answer, Moved, Said, Shown, Visit, WebPage
from psd.engine.outcomes import Outcome
from psd.errors import ForbiddenError, InputError, MalformedError
from psd.users import user_of

SITES_MAX = 10
TRANSITIONS_SHOWN = 8
"""Of a page."""


class PlugLine(msgspec.Struct, frozen=True):
    """A plug in the table of a site; energy and cents where they are the viewer's to see."""

    plug: str
    name: str
    path: str
    state: str
    tone: Tone
    fuse: str
    current: str
    energy: str
    cost: str
    is_own: bool


class QueueLine(msgspec.Struct, frozen=True):
    """A plug that waits, in the order of the queue."""

    place: int
    name: str
    path: str
    fuse: str
    since: str


class SitePanel(msgspec.Struct, frozen=True):
    """A site as it is shown."""

    id: str
    name: str
    description: str
    path: str
    tree: FuseNode
    plugs: list[PlugLine]
    queue: list[QueueLine]


class PlugButton(msgspec.Struct, frozen=True):
    """What may be asked of a plug."""

    state: int
    prompt: str
    is_off: bool


class PlugPages:
    """Shows sites and plugs."""

    def __init__(
        self,
        plugs: PlugQuestions,
        sites: SiteQuestions,
        services: ChargingServices,
        settings: ChargingSettings,
        clock: Clock,
    ) -> None:
        self._plugs = plugs
        self._sites = sites
        self._services = services
        self._currency = settings.currency
        self._clock = clock

    def pages(self) -> tuple[WebPage, ...]:
        """All of them."""
        return (
            WebPage(path="/", show=self.sites, parameters=("after",), link="Sites"),
            WebPage(path="/sites/{site}/", show=self.site, parameters=(), named=True),
            WebPage(
                path="/plugs/{plug}/", show=self.plug, parameters=(), named=True, takes_forms=True
            ),
        )

    async def sites(self, visit: Visit) -> Answer:
        """Sites in the order of their names."""
        after = visit.query.get("after", "")
        names = [each for each in await self._services.store.sites() if each > after]
        listed = names[:SITES_MAX]
        values = {
            "sites": [await self._panel(name, visit.identity) for name in listed],
            "first": bool(after),
            "next": listed[-1] if len(names) > SITES_MAX else "",
        }
        return Shown("sites.html", values)

    async def site(self, visit: Visit) -> Answer:
        """One site."""
        return Shown("site.html", {"yard": await self._panel(visit.names["site"], visit.identity)})

    async def plug(self, visit: Visit) -> Answer | Said:
        """A plug as it is, or what became of a request."""
        if visit.form is None:
            return await self._shown(visit, "")
        if not visit.identity.may("write"):
            raise ForbiddenError(f"{visit.identity.name} may not do this: it needs scope write")
        fields = _request(visit.names["plug"], visit.form, visit.identity)

        async def booked(_outcome: Outcome) -> Answer:
            return await self._told(visit, fields)

        async def refused(error: InputError) -> Answer:
            return await self._shown(visit, str(error))

        return Said("plug_request", fields, booked, refused)

    async def _told(self, visit: Visit, fields: PlugRequestFields) -> Answer:
        """What became of a request; the page again where the plug did not take it."""
        store = self._services.store
        site = await store.site_of(fields.plug_id)
        result = site and await store.requested(site, fields.id, self._clock.now_ms())
        if result and result.status != RequestStatus.SUCCESS:
            return await self._shown(visit, result.reason)
        return Moved(f"/plugs/{quote(fields.plug_id, safe='')}/")

    async def _shown(self, visit: Visit, refusal: str) -> Answer:
        status = await self._plugs.plug(_asked(visit))
        view = await self._services.store.view(status.site_id)
        place, details = PlugState(status.state.state), status.state_machine_details
        reading = status.latest_reading
        owner = view.plugs[status.id].owner
        limit_ma = view.settings.limit_ma(f"plug:{status.id}")
        now_ms = self._clock.now_ms()
        values = {
            "plug": status.id,
            "name": _name(view, status.id),
            "path": quote(status.id, safe=""),
            "yard": view.settings.text("site", "name") or status.site_id,
            "site_path": quote(status.site_id, safe=""),
            "state": STATES[place][0],
            "tone": STATES[place][1],
            "since": moment(status.state.time_ms),
            "error": details.error,
            "is_missing": reading is not None and reading.state == ActualState.MIA,
            "is_over": reading is not None and reading.state == ActualState.OVERCURRENT,
            "is_seen": is_seen(owner, visit.identity),
            "owner": details.current_owner,
            "session": details.session_id,
            "energy": energy(status.kwh),
            "cost": money(status.cents, self._currency),
            "current": _current(reading),
            "limit": f"{limit_ma / 1000:g} A" if limit_ma else "",
            "power": _power(reading),
            "volts": f"{reading.voltage:.0f} V" if reading else "-",
            "queue": details.queue_position,
            "queued": lasted(now_ms - details.queue_entered_ms),
            "began": moment(view.plugs[status.id].session_start_ms) if details.session_id else "",
            "buttons": _buttons(status, owner, visit.identity),
            "customers": customers_of(visit.identity),
            "request_id": uuid.uuid4().hex,
            "refusal": refusal,
            "moves": await self._moves(status, visit.identity),
        }
        return Shown("plug.html", values)

    async def _moves(self, status: PlugStatus, identity: Identity) -> list[tuple[str, str, str]]:
        """The newest transitions of a plug: when, to what, and whose it was."""
        newest = await self._services.reads.transitions_of(
            status.site_id, status.id, "", TRANSITIONS_SHOWN
        )
        return [
            (
                moment(each["time_ms"]),
                STATES[PlugState(each["state"])][0],
                each["owner_id"] if is_seen(each["owner_id"], identity) else "",
            )
            for _, each in newest
        ]

    async def _panel(self, name: str, identity: Identity) -> SitePanel:
        asked = Asked(NoParameters(), {"site": name}, identity, identity.sees)
        site: ShownSite = await self._sites.site(asked)
        view = await self._services.store.view(name)
        waiting = [each for each in site.plugs if each.state_machine_details.queue_position]
        waiting.sort(key=lambda each: (each.state_machine_details.queue_entered_ms, each.id))
        return SitePanel(
            name,
            site.name or name,
            site.description,
            quote(name, safe=""),
            fuse_tree(site.fuses),
            [self._line(view, seen_by(each, identity)) for each in site.plugs],
            [_waits(view, each) for each in waiting],
        )

    def _line(self, view: SiteView, status: PlugStatus) -> PlugLine:
        state, tone = STATES[PlugState(status.state.state)]
        reading, is_own = status.latest_reading, bool(status.state_machine_details.session_id)
        if reading is not None and reading.state == ActualState.MIA:
            state, tone = f"{state}; not heard of", "wrong"
        return PlugLine(
            status.id,
            _name(view, status.id),
            quote(status.id, safe=""),
            state,
            tone,
            _fuse(view, status.id),
            _current(reading),
            energy(status.kwh) if is_own else "",
            money(status.cents, self._currency) if is_own else "",
            is_own,
        )


def customers_of(identity: Identity) -> list[str]:
    """The customers that somebody may speak for; empty for one who may for everybody."""
    if identity.owners is None:
        return []
    if identity.subject is not None:
        return [identity.subject]
    numbers = identity.owners - {user_of(name) for name in identity.names}
    return [*sorted(identity.names), *map(str, sorted(numbers))]


def _request(plug: str, form: Mapping[str, str], identity: Identity) -> PlugRequestFields:
    """What a form asks of a plug; raises MalformedError, or ForbiddenError for another's name."""
    customer = form.get("customer", "").strip()
    wanted = form.get("requested_state", "")
    if not customer:
        raise MalformedError("customer: say for whom")
    if not is_of(identity, customer):
        raise ForbiddenError(f"customer: {customer} is not you")
    if not wanted.isascii() or not wanted.isdigit() or len(wanted) > len("99"):
        raise MalformedError("requested_state: expected the number of a state")
    id_ = form.get("request_id", "") or uuid.uuid4().hex
    return PlugRequestFields(id_, plug, customer, int(wanted))


def _buttons(status: PlugStatus, owner: str, identity: Identity) -> list[PlugButton]:
    """What the viewer may ask for: nothing of a plug that another has."""
    if not identity.may("write") or not is_seen(owner, identity):
        return []
    pairs = zip(status.possible_next_states, status.possible_next_states_labels, strict=True)
    off = PlugState.ACCOUNT_REMOVAL_REQUESTED
    return [PlugButton(state, prompt, state == off) for state, prompt in pairs]


def _waits(view: SiteView, status: PlugStatus) -> QueueLine:
    details = status.state_machine_details
    return QueueLine(
        details.queue_position,
        _name(view, status.id),
        quote(status.id, safe=""),
        _fuse(view, status.id),
        moment(details.queue_entered_ms),
    )


def _name(view: SiteView, plug: str) -> str:
    return view.settings.text(f"plug:{plug}", "name") or plug


def _fuse(view: SiteView, plug: str) -> str:
    """The fuse of a plug, by its name."""
    fuse = view.fuse_of(plug) if plug in view.plugs else ""
    return view.settings.text(f"fuse:{fuse}", "name") or fuse


def _current(reading: ShownReading | None) -> str:
    return amperes(reading.current) if reading else "-"


def _power(reading: ShownReading | None) -> str:
    """Apparent power, as energy is billed: the power factor is ignored."""
    return f"{reading.current * reading.voltage / 1000:.2f} kW" if reading else "-"


def _asked(visit: Visit) -> Asked:
    return Asked(NoParameters(), visit.names, visit.identity, visit.sees)
