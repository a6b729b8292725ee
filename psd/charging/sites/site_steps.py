"""Steps of sites: read, decide, keep, and carry out; whatever leads to them but the clock.

::

    answer, request, announcement ─▶ plugs of the site ─▶ machine.py ─▶ commit ─▶ outbox.py
                                        ▲──── changed meanwhile ────┘ up to 10 times

The clock has site_looks.py. Nothing of a plug is kept in a process: what a worker knows of it is
what it has just read, and it is written only where it is still so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from psd.charging.charging_changes import Announcement, CommandResult, PlugRequest, Telemetry
from psd.charging.charging_metrics import ChargingMetrics
from psd.charging.effects import Acknowledge
from psd.charging.outbox import on_or_off
from psd.charging.plugs.machine import Machine, RequestRefusal, Step
from psd.charging.plugs.plug import Look, Plug
from psd.charging.plugs.states import PlugState, RequestStatus
from psd.charging.settings import ChargingSettings
from psd.charging.sites.site_store import Decided, RequestResult, SiteStore
from psd.charging.sites.site_view import SiteView
from psd.charging.sites.step_keeping import TRIES, StepKeeping, overtaken
from psd.clock import Clock
from psd.errors import ChangedError, ConflictError, IdempotencyMismatchError
from psd.failpoints import reach
from psd.foreign_texts import shown


class Sites:
    """Steps the plugs of all sites."""

    def __init__(
        self,
        store: SiteStore,
        machine: Machine,
        keeping: StepKeeping,
        settings: ChargingSettings,
        clock: Clock,
        metrics: ChargingMetrics,
    ) -> None:
        self._store = store
        self._machine = machine
        self._keeping = keeping
        self._settle_ms = settings.settle_s * 1000
        self._step_ms = settings.step_ms
        self._clock = clock
        self._metrics = metrics

    async def take(self, telemetry: Telemetry) -> dict[str, int]:
        """Keep a chunk of readings; new ones by plug, -1 for an unknown plug."""
        told = await self._store.take(telemetry, self._clock.now_ms())
        reach("charging_taken")
        taken = self._metrics.taken
        taken.chunks.labels("kept").inc()
        outcomes = Counter(_outcome(told[each.plug]) for each in telemetry.readings)
        for outcome, count in {**outcomes, "refused": telemetry.refused}.items():
            taken.readings.labels(outcome).inc(count)
        return told

    async def request(self, asked: PlugRequest) -> RequestResult:
        """What a user's wish comes to, once for its id; raises an InputError."""
        site = await self._store.site_of(asked.plug)
        if site is None:
            raise ConflictError(f"plug_id: no site has announced {shown(asked.plug)}")
        for _ in range(TRIES):
            now_ms = self._clock.now_ms()
            known = await self._store.requested(site, asked.id, now_ms)
            if known is not None:
                return _same(known, asked)
            view = await self._store.view(site)
            decided, result = self._requested(view, asked, now_ms)
            if await self._keeping.keep(site, decided, now_ms):
                return result
        raise overtaken(asked.plug)

    async def answer(self, result: CommandResult) -> bool:
        """What a site says of a relay; whether it has led anywhere."""
        has_led = await self._answered(result)
        outcome = "answered" if has_led else "ignored"
        self._metrics.outbox.commands.labels(on_or_off(is_on=result.is_on), outcome).inc()
        return has_led

    async def _answered(self, result: CommandResult) -> bool:
        for _ in range(TRIES):
            now_ms = self._clock.now_ms()
            plug = (await self._store.plugs(result.site, result.plug)).get(result.plug)
            if plug is None:
                return False
            name, id_ = result.plug, result.command_id
            step = self._machine.answer(name, plug, id_, now_ms, is_on=result.is_on)
            if step is None:
                return False
            decided = Decided(versions={name: plug.version})
            self._keeping.add(decided, name, step, None, now_ms)
            if await self._keeping.keep(result.site, decided, now_ms):
                return step.moved is not None
        raise overtaken(result.plug)

    async def announce(self, announced: Announcement) -> None:
        """Begin to step plugs that are new; raises ConflictError for those of another site."""
        others = []
        for name in announced.plugs:
            if await self._store.place(name, announced.site) != announced.site:
                others.append(name)
        plugs = [name for name in announced.plugs if name not in others]
        for _ in range(TRIES):
            now_ms = self._clock.now_ms()
            known = await self._store.plugs(announced.site, *plugs)
            new = [name for name in plugs if name not in known]
            decided = Decided(versions=dict.fromkeys(new, 0))
            for name in new:
                # Versions begin at the time: those of a store that was lost are behind them.
                decided.plugs[name] = Plug(version=now_ms, entered_ms=now_ms)
                decided.dues.append((name, None, now_ms))
            decided.effects.append(Acknowledge())
            if await self._keeping.keep(announced.site, decided, now_ms):
                break
        if others:
            raise ConflictError(f"plug_ids: {shown(others[0])} is at another site")

    async def put_back(self, site: str, plugs: Mapping[str, Plug]) -> int:
        """Keep plugs as they were, unless they have stepped since; how many are changed by it.

        Nothing follows from it but when they are looked at next.
        """
        for _ in range(TRIES):
            now_ms = self._clock.now_ms()
            held = await self._store.plugs(site, *plugs)
            decided = Decided(versions={})
            for name, plug in plugs.items():
                before = held.get(name, Plug()).version
                if before < plug.version and await self._store.place(name, site) == site:
                    decided.versions[name], decided.plugs[name] = before, plug
                    decided.dues.append((name, None, self._machine.due_ms(plug, now_ms)))
            try:
                await self._store.commit(site, decided, now_ms)
            except ChangedError:
                continue
            return len(decided.plugs)
        raise overtaken(next(iter(plugs)))

    async def commission(self, site: str, name: str) -> str:
        """Blink the relay of a plug; why not, empty where it does."""
        for _ in range(TRIES):
            now_ms = self._clock.now_ms()
            plug = (await self._store.plugs(site, name)).get(name)
            if plug is None:
                return f"no site has announced {name}"
            step = self._machine.commission(name, plug, now_ms)
            if isinstance(step, RequestRefusal):
                return step.reason
            decided = Decided(versions={name: plug.version})
            self._keeping.add(decided, name, step, None, now_ms)
            if await self._keeping.keep(site, decided, now_ms):
                return ""
        raise overtaken(name)

    def _requested(
        self, view: SiteView, asked: PlugRequest, now_ms: int
    ) -> tuple[Decided, RequestResult]:
        name = asked.plug
        plug = view.plugs[name]
        board = view.board(now_ms, self._settle_ms) if view.has_limits else None
        look = Look(too_large="" if board is None else board.too_large(name))
        step = self._machine.request(name, view.fused(name), asked.wanted, asked.user, look, now_ms)
        is_refused = isinstance(step, RequestRefusal)
        result = RequestResult(
            time_entered_state=now_ms,
            status=RequestStatus.FAILURE if is_refused else RequestStatus.SUCCESS,
            reason=step.reason if isinstance(step, RequestRefusal) else "",
            plug=name,
            user=asked.user,
            wanted=asked.wanted,
            time_requested=asked.at_ms,
        )
        decided = Decided(versions={name: plug.version}, request=(asked, result))
        if isinstance(step, Step):
            self._keeping.add(decided, name, step, None, now_ms)
            if board is not None and plug.place is PlugState.IN_QUEUE:
                self._add_heads(decided, view, board.heads({name}), now_ms)
        return decided, result

    def _add_heads(
        self, decided: Decided, view: SiteView, heads: Iterable[str], now_ms: int
    ) -> None:
        """Have those looked at at once who wait longest since somebody left."""
        for name in heads:
            plug = view.plugs[name]
            decided.versions[name] = plug.version
            decided.dues.append((name, None, max(now_ms, plug.entered_ms + self._step_ms)))


def _outcome(new: int) -> str:
    """What became of a reading, by how many of its plug were new."""
    return "unknown_plug" if new < 0 else "kept" if new else "repeated"


def _same(known: RequestResult, asked: PlugRequest) -> RequestResult:
    """What a request came to before; raises IdempotencyMismatchError for another one's id."""
    if (known.plug, known.user, known.wanted) != (asked.plug, asked.user, asked.wanted):
        raise IdempotencyMismatchError(f"id: {shown(asked.id)} came before with other content")
    return known
