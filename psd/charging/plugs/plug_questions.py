"""Answers questions about plugs from what is kept of them.

Whose a plug is, and what that comes to, is told as psd/charging/plugs/plug_visibility.py says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from psd.charging.charging_services import ChargingServices
from psd.charging.fuses import FRESH_MS
from psd.charging.plugs.plug import Plug
from psd.charging.plugs.plug_answers import (
    PlugReadingRow,
    PlugReadingRows,
    PlugStatus,
    ShownDetails,
    ShownReading,
    ShownTransition,
    TransitionRow,
    TransitionRows,
)
from psd.charging.plugs.plug_readings import NJ_A_KWH
from psd.charging.plugs.plug_visibility import seen_by
from psd.charging.plugs.states import ActualState
from psd.charging.sessions.running_sums import SoFar
from psd.charging.sessions.session_energy import MS, STRIP_MS
from psd.charging.settings import ChargingSettings
from psd.charging.sites.site_view import SiteView
from psd.charging.transitions import prompts_of
from psd.clock import Clock
from psd.domain.question import Asked
from psd.errors import BadQueryError, NotFoundError
from psd.foreign_texts import shown
from psd.queries.moments import moment, moment_ms
from psd.slices import give_way

MA = 1000
RECENT_MS = 600_000

AT_ONCE = 50
"""Plugs that are told in one go, some 20 us each."""


class PlugReadingsQuery(msgspec.Struct, frozen=True):
    """Readings from ``start`` on, before ``end``."""

    start: Annotated[str, Meta(description="a time; ten minutes before `end` without it")] = ""
    end: Annotated[str, Meta(description="a time; now without it")] = ""
    limit: Annotated[int, Meta(ge=1, le=5000)] = 1000


class TransitionsQuery(msgspec.Struct, frozen=True):
    """Transitions before one, the newest first."""

    before: Annotated[str, Meta(pattern=r"^\d{1,15}-\d{1,15}$")] | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class PlugQuestions:
    """Of the plugs of all sites."""

    def __init__(
        self, services: ChargingServices, settings: ChargingSettings, clock: Clock
    ) -> None:
        self._services = services
        self._settle_ms = settings.settle_s * MS
        self._kept_ms = settings.readings_kept_s * MS
        self._clock = clock

    async def plug(self, asked: Asked) -> PlugStatus:
        """A plug as it is, what may be asked of it, and what its session has come to."""
        name = asked.path["plug"]
        view = await self._services.store.view(await self._site(name))
        if name not in view.plugs:
            raise _unknown(name)
        return seen_by(await self.status(view, name), asked.identity)

    async def status(self, view: SiteView, name: str) -> PlugStatus:
        """All of a plug, as whoever it is may see it."""
        [status] = await self.statuses(view, [name])
        return status

    async def statuses(self, view: SiteView, names: Sequence[str]) -> list[PlugStatus]:
        """The same of several; sums of sessions that go on are read together, some at once."""
        now_ms = self._clock.now_ms()
        positions = view.board(now_ms, self._settle_ms).positions
        found: list[PlugStatus] = []
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            sums = await asyncio.gather(*(self._so_far(view, name, now_ms) for name in some))
            found += [
                _status(view, name, so_far, positions.get(name, 0), now_ms)
                for name, so_far in zip(some, sums, strict=True)
            ]
            if start:
                await give_way()
        return found

    async def _so_far(self, view: SiteView, name: str, now_ms: int) -> SoFar:
        plug = view.plugs[name]
        if not plug.session_id:
            return SoFar()
        sessions = self._services.sessions
        return await sessions.so_far(view.site, name, plug.session_start_ms, now_ms)

    async def readings(self, asked: Asked) -> PlugReadingRows:
        """What a plug delivered in sessions, as it is kept."""
        query: PlugReadingsQuery = asked.query
        name = asked.path["plug"]
        site, now_ms = await self._site(name), self._clock.now_ms()
        end_ms = asked_ms(query.end, "end", now_ms) if query.end else now_ms + 1
        start_ms = asked_ms(query.start, "start", now_ms) if query.start else end_ms - RECENT_MS
        if start_ms > end_ms:
            raise BadQueryError(f"start: {shown(query.start)} lies behind end")
        # Logs live for so long behind the end of a session; before them is nothing to read.
        plug = (await self._services.store.plugs(site, name)).get(name, Plug())
        kept_ms = min(plug.session_start_ms or now_ms, now_ms - self._kept_ms)
        first_ms = max(start_ms, kept_ms - STRIP_MS)
        last_ms = min(end_ms - 1, now_ms + STRIP_MS)
        rows = [
            PlugReadingRow(each.ms, each.ma / MA, each.mv / MA, each.mwh or None)
            for each in await self._services.session_store.first_readings(
                site, name, first_ms, last_ms, query.limit + 1
            )
        ]
        following = _second_text(rows[-1].timestamp_ms) if len(rows) > query.limit else None
        return PlugReadingRows(name, rows[: query.limit], following)

    async def transitions(self, asked: Asked) -> TransitionRows:
        """What states a plug was in, as far back as its site remembers them."""
        query: TransitionsQuery = asked.query
        name = asked.path["plug"]
        site = await self._site(name)
        found = await self._services.reads.transitions_of(
            site, name, query.before or "", query.limit + 1
        )
        rows = [
            TransitionRow(
                *(told["id"], told["state"], told["reason"], told["time_ms"], told["plug_id"]),
                *(told["owner_id"], told["from"], told["session_id"]),
            )
            for _, told in found[: query.limit]
        ]
        following = found[query.limit - 1][0] if len(found) > query.limit else None
        return TransitionRows(name, rows, following)

    async def _site(self, name: str) -> str:
        site = await self._services.store.site_of(name)
        if site is None:
            raise _unknown(name)
        return site


def _status(view: SiteView, name: str, so_far: SoFar, position: int, now_ms: int) -> PlugStatus:
    plug = view.plugs[name]
    rows = prompts_of(plug.place)
    return PlugStatus(
        id=name,
        site_id=view.site,
        state=ShownTransition(plug.moved_id, plug.state, plug.entered_ms, name, plug.owner),
        latest_reading=_reading(view, name, now_ms),
        state_machine_details=ShownDetails(
            current_owner=plug.owner,
            charge_start_time_ms=plug.charge_start_ms,
            queue_position=position,
            queue_entered_ms=plug.queue_entered_ms,
            error=plug.error,
            session_id=plug.session_id,
            last_credit_check_ms=plug.last_credit_check_ms,
        ),
        possible_next_states=[int(row.target) for row in rows],
        possible_next_states_labels=[row.prompt for row in rows],
        kwh=so_far.nj / NJ_A_KWH,
        cents=so_far.cents,
    )


def asked_ms(text: str, field: str, now_ms: int) -> int:
    """The millisecond that a question names, also relative to now; raises BadQueryError."""
    try:
        return moment_ms(text, field)
    except BadQueryError:
        return moment(text, field, now_s=now_ms // MS) * MS


def _unknown(name: str) -> NotFoundError:
    return NotFoundError(f"plug: no site has announced {shown(name)}")


def _second_text(ms: int) -> str:
    return f"{ms // MS}.{ms % MS:03}"


def _reading(view: SiteView, name: str, now_ms: int) -> ShownReading | None:
    """The newest reading; a plug that is silent is MIA, one past its own limit OVERCURRENT."""
    latest = view.latest(name)
    if latest is None:
        return None
    state, limit = latest.state, view.settings.limit_ma(f"plug:{name}")
    if limit and latest.ma > limit:
        state = ActualState.OVERCURRENT
    if now_ms - latest.ms > FRESH_MS:
        state = ActualState.MIA
    return ShownReading(
        int(state),
        latest.ma / MA,
        latest.mv / MA,
        latest.power_factor,
        latest.ms,
        name,
        latest.fuse,
    )
