"""What charging answers and takes over HTTP, put together (docs/charging.md)."""

from __future__ import annotations

from collections.abc import Sequence

from psd.charging.accounts.account_decrees import AccountDecrees
from psd.charging.accounts.account_questions import AccountQuestions
from psd.charging.charging_services import ChargingServices
from psd.charging.live_versions import LiveVersions
from psd.charging.original_documents import Documents
from psd.charging.payments.payment_desk import PaymentDesk
from psd.charging.plugs.commissioning import Commissioning
from psd.charging.plugs.plug_answers import (
    PlugReadingRows,
    PlugStatus,
    ShownSite,
    ShownSites,
    TransitionRows,
)
from psd.charging.plugs.plug_deeds import PlugDeeds
from psd.charging.plugs.plug_questions import PlugQuestions, PlugReadingsQuery, TransitionsQuery
from psd.charging.sessions.session_questions import SessionQuestions
from psd.charging.settings import ChargingSettings
from psd.charging.sites.setting_deeds import SettingDeeds
from psd.charging.sites.site_questions import SiteQuestions
from psd.clock import Clock
from psd.domain.decree import Decree
from psd.domain.deed import Deed
from psd.domain.question import Endpoint, Watchable

ROOT = "/v3/charging"

_PLUG = '{"id":"p1","site_id":"s1","state":{...},...,"possible_next_states_labels":[...],...}'
_MOVED = '{"id":"...","state":8,"reason":"user","time_ms":...,"plug_id":"p1",...}'


class ChargingRoutes:
    """All questions, deeds and decrees of one process."""

    def __init__(
        self,
        services: ChargingServices,
        desk: PaymentDesk,
        settings: ChargingSettings,
        clock: Clock,
    ) -> None:
        self.plugs = PlugQuestions(services, settings, clock)
        self.sites = SiteQuestions(services, self.plugs, settings, clock)
        self.sessions = SessionQuestions(services, desk, settings, clock)
        self.accounts = AccountQuestions(desk)
        self.versions = LiveVersions(services, desk, clock)
        self._documents = Documents(services, self.plugs, self.sessions, desk, clock)
        self._wishes = PlugDeeds(services.store, settings, clock)
        self._set = SettingDeeds(services.store, services.reads)
        self._commissioning = Commissioning(services.store, services.sites, settings, clock)
        self._decrees = AccountDecrees(desk)

    def endpoints(self) -> list[Endpoint]:
        """All questions."""
        return [
            Endpoint(
                path=f"{ROOT}/sites",
                answer=ShownSites,
                ask=self.sites.sites,
                meaning="the sites",
                example=("/v3/charging/sites", '{"data":["s1"]}'),
                whole=True,
            ),
            self._site(),
            self._plug(),
            *self._of_a_plug(),
            *self.sessions.endpoints(),
            *self.accounts.endpoints(),
            *self._documents.endpoints(),
        ]

    def watchables(self) -> list[Watchable]:
        """What may be watched."""
        return [
            Watchable(endpoint=self._site(), event="site", versioned=self.versions.site),
            Watchable(endpoint=self._plug(), event="plug", versioned=self.versions.plug),
            Watchable(
                endpoint=self.accounts.of_account(),
                event="customer",
                versioned=self.versions.account,
            ),
        ]

    def deeds(self) -> Sequence[Deed]:
        """All that may be said."""
        return [self._wishes.deed(), *self._set.deeds()]

    def decrees(self) -> Sequence[Decree]:
        """All that may be decided."""
        return [*self._decrees.decrees(), *self._commissioning.decrees()]

    def _site(self) -> Endpoint:
        return Endpoint(
            path=f"{ROOT}/sites/{{site}}",
            answer=ShownSite,
            ask=self.sites.site,
            meaning="the site",
            example=("/v3/charging/sites/s1", '{"id":"s1",...,"fuses":[...],"plugs":[...]}'),
            refused=(404, 406),
            whole=True,
        )

    def _plug(self) -> Endpoint:
        return Endpoint(
            path=f"{ROOT}/plugs/{{plug}}",
            answer=PlugStatus,
            ask=self.plugs.plug,
            meaning="the plug",
            details="A customer's token is told of another's plug what state it is in, no more.",
            example=("/v3/charging/plugs/p1", _PLUG),
            refused=(404, 406),
        )

    def _of_a_plug(self) -> list[Endpoint]:
        return [
            Endpoint(
                path=f"{ROOT}/plugs/{{plug}}/readings",
                query=PlugReadingsQuery,
                answer=PlugReadingRows,
                ask=self.plugs.readings,
                meaning="readings of sessions, in order of time",
                details="They are kept for `charging.readings_kept_s` behind the end of their "
                "session. Whoever asks again with `next` as `start` has each reading once.",
                example=(
                    "/v3/charging/plugs/p1/readings?start=-10m",
                    '{"plug_id":"p1","data":[...],"next":null}',
                ),
                refused=(404, 406),
                whole=True,
            ),
            Endpoint(
                path=f"{ROOT}/plugs/{{plug}}/transitions",
                query=TransitionsQuery,
                answer=TransitionRows,
                ask=self.plugs.transitions,
                meaning="transitions, the newest first",
                details="A site remembers the newest 10,000 of its plugs. Whoever asks again with "
                "`next` as `before` has each once.",
                example=(
                    "/v3/charging/plugs/p1/transitions?limit=1",
                    '{"plug_id":"p1","data":[' + _MOVED + '],"next":"..."}',
                ),
                refused=(404, 406),
                whole=True,
            ),
        ]
