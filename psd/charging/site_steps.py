"""Steps of sites: read, decide, keep, and carry out; whatever leads to them.

::

    clock, answer, request ─▶ view of the site ─▶ machine.py, fuses.py ─▶ commit ─▶ outbox.py
                                  ▲───────────── changed meanwhile ─────────┘ up to 10 times

Nothing of a plug is kept in a process: what a worker knows of it is what it has just read, and it
is written only where it is still so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from psd.charging.charge_sessions import ChargeSessions
from psd.charging.charging_changes import Announcement, CommandResult, PlugRequest, Telemetry
from psd.charging.charging_metrics import ChargingMetrics
from psd.charging.effects import Acknowledge, TellArchive
from psd.charging.machine import Machine, PlugMoved, RequestRefusal, Step
from psd.charging.outbox import Outbox, on_or_off
from psd.charging.paying import Payments
from psd.charging.plug import CreditRead, Look, Plug
from psd.charging.settings import ChargingSettings
from psd.charging.site_store import LEFTOVER_MS, OUTBOX, Decided, RequestResult, SiteStore
from psd.charging.site_view import SiteView
from psd.charging.states import PlugState, RequestStatus
from psd.clock import Clock
from psd.errors import (
    ChangedError,
    ConflictError,
    IdempotencyMismatchError,
    StoreUnavailableError,
)
from psd.failpoints import reach
from psd.foreign_texts import shown

TRIES = 10
"""Commits of one step, each decided anew because something it was decided of changed."""

Witness = Callable[[str, str, PlugMoved], None]
"""Is told of each transition that is kept: site, plug, transition."""


class Sites:
    """Steps the plugs of all sites."""

    def __init__(
        self,
        store: SiteStore,
        machine: Machine,
        sessions: ChargeSessions,
        payments: Payments,
        outbox: Outbox,
        settings: ChargingSettings,
        clock: Clock,
        metrics: ChargingMetrics,
        witness: Witness = lambda _site, _plug, _moved: None,
        *,
        archives: bool = False,
    ) -> None:
        self._store = store
        self._machine = machine
        self._sessions = sessions
        self._payments = payments
        self._outbox = outbox
        self._settle_ms = settings.settle_s * 1000
        self._step_ms = settings.step_ms
        self._clock = clock
        self._metrics = metrics
        self._witness = witness
        self._archives = archives

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

    async def look(self, site: str, due: Mapping[str, int], now_ms: int) -> None:
        """Look at plugs that are due, by the time at which they were; a step of each at most."""
        if OUTBOX in due:
            waited_ms = now_ms - due[OUTBOX] + LEFTOVER_MS
            self._metrics.outbox.age.set(max(0, waited_ms) / 1000)
            await self._outbox.carry_out_left(site, now_ms)
        plugs = {name: seen for name, seen in due.items() if name != OUTBOX}
        for seen in plugs.values():
            self._metrics.steps.due_lag.observe(max(0, now_ms - seen) / 1000)
        for _ in range(TRIES if plugs else 0):
            view = await self._store.view(site)
            queued = [each for each in view.plugs.values() if each.place is PlugState.IN_QUEUE]
            self._metrics.steps.queued.set(len(queued))
            decided = await self._decided(view, plugs, now_ms)
            if await self._kept(site, decided, now_ms):
                return

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
            if await self._kept(site, decided, now_ms):
                return result
        raise _overtaken(asked.plug)

    async def answer(self, result: CommandResult) -> bool:
        """What a site says of a relay; whether it has led anywhere."""
        has_led = await self._answered(result)
        outcome = "answered" if has_led else "ignored"
        self._metrics.outbox.commands.labels(on_or_off(is_on=result.is_on), outcome).inc()
        return has_led

    async def _answered(self, result: CommandResult) -> bool:
        for _ in range(TRIES):
            now_ms = self._clock.now_ms()
            view = await self._store.view(result.site)
            plug = view.plugs.get(result.plug)
            if plug is None:
                return False
            name, id_ = result.plug, result.command_id
            step = self._machine.answer(name, plug, id_, now_ms, is_on=result.is_on)
            if step is None:
                return False
            decided = Decided(versions={name: plug.version})
            self._add(decided, name, step, None, now_ms)
            if await self._kept(result.site, decided, now_ms):
                return step.moved is not None
        raise _overtaken(result.plug)

    async def announce(self, announced: Announcement) -> None:
        """Begin to step plugs that are new; raises ConflictError for those of another site."""
        others = []
        for name in announced.plugs:
            if await self._store.place(name, announced.site) != announced.site:
                others.append(name)
        plugs = [name for name in announced.plugs if name not in others]
        for _ in range(TRIES):
            now_ms = self._clock.now_ms()
            known = (await self._store.view(announced.site)).plugs
            new = [name for name in plugs if name not in known]
            decided = Decided(versions=dict.fromkeys(new, 0))
            for name in new:
                # Versions begin at the time: those of a store that was lost are behind them.
                decided.plugs[name] = Plug(version=now_ms, entered_ms=now_ms)
                decided.dues.append((name, None, now_ms))
            decided.effects.append(Acknowledge())
            if await self._kept(announced.site, decided, now_ms):
                break
        if others:
            raise ConflictError(f"plug_ids: {shown(others[0])} is at another site")

    async def put_back(self, site: str, plugs: Mapping[str, Plug]) -> int:
        """Keep plugs as they were, unless they have stepped since; how many are changed by it.

        Nothing follows from it but when they are looked at next.
        """
        for _ in range(TRIES):
            now_ms = self._clock.now_ms()
            held = (await self._store.view(site)).plugs
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
        raise _overtaken(next(iter(plugs)))

    async def commission(self, site: str, name: str) -> str:
        """Blink the relay of a plug; why not, empty where it does."""
        for _ in range(TRIES):
            now_ms = self._clock.now_ms()
            plug = (await self._store.view(site)).plugs.get(name)
            if plug is None:
                return f"no site has announced {name}"
            step = self._machine.commission(name, plug, now_ms)
            if isinstance(step, RequestRefusal):
                return step.reason
            decided = Decided(versions={name: plug.version})
            self._add(decided, name, step, None, now_ms)
            if await self._kept(site, decided, now_ms):
                return ""
        raise _overtaken(name)

    async def _decided(self, view: SiteView, due: Mapping[str, int], now_ms: int) -> Decided:
        """A step of each plug that is due, where there is one."""
        board = view.board(now_ms, self._settle_ms) if view.has_limits else None
        admitted = None if board is None else board.admitted()
        shed = set() if board is None else board.shed()
        heads = None if board is None else board.heads(admitted or ())
        credits_ = await self._credits(view, due, now_ms)
        decided = Decided(versions={})
        for name, seen in {**self._let_in(view, admitted or (), now_ms), **due}.items():
            plug = view.plugs.get(name)
            if plug is None:
                decided.dues.append((name, seen, None))
                continue
            look = replace(
                view.look(name),
                is_admitted=admitted is None or name in admitted,
                is_shed=name in shed,
                credit=credits_.get(name),
            )
            step = self._machine.step(name, view.fused(name), look, now_ms)
            if step is None:
                is_behind = heads is not None and name not in heads
                due_ms = self._machine.due_ms(plug, now_ms, is_behind=is_behind)
                decided.dues.append((name, seen, due_ms))
                continue
            decided.versions[name] = plug.version
            self._add(decided, name, step, seen, now_ms)
            if look.is_shed and step.moved and step.moved.target == PlugState.IN_QUEUE:
                self._metrics.steps.shed.inc()
        if admitted is not None and decided.plugs:
            # What is reserved is of all plugs: another one that moved may have taken the room.
            decided.versions |= {name: plug.version for name, plug in view.plugs.items()}
        return decided

    def _let_in(self, view: SiteView, admitted: Iterable[str], now_ms: int) -> dict[str, None]:
        """Plugs that leave the queue now, also where they are not due: they waited behind others.

        None of them makes two steps in the time of one.
        """
        entered_by_ms = now_ms - self._step_ms
        return {name: None for name in admitted if view.plugs[name].entered_ms <= entered_by_ms}

    async def _credits(
        self, view: SiteView, due: Mapping[str, int], now_ms: int
    ) -> dict[str, CreditRead]:
        """What is known of the money of owners that are to be checked."""
        wanting = {
            name: plug
            for name in due
            if (plug := view.plugs.get(name)) and self._machine.rules.wants_credit(plug, now_ms)
        }
        return {
            name: await self._credit(view.site, name, plug, now_ms)
            for name, plug in wanting.items()
        }

    async def _credit(self, site: str, name: str, plug: Plug, now_ms: int) -> CreditRead:
        """What a session has come to so far, against what its owner has. 2 trips."""
        try:
            found = await self._sessions.so_far(site, name, plug.session_start_ms, now_ms)
            credit = await self._payments.credit(plug.owner, plug.session_id, found.cents)
        except StoreUnavailableError:
            return CreditRead(is_unreadable=True)
        return CreditRead(credit.balance_cents is not None, credit.is_enough)

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
            self._add(decided, name, step, None, now_ms)
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

    def _add(
        self, decided: Decided, name: str, step: Step, seen_ms: int | None, now_ms: int
    ) -> None:
        """Add a step to what is to be kept."""
        decided.plugs[name] = replace(step.plug, version=step.plug.version + 1)
        decided.effects += step.effects
        due_ms = self._machine.due_ms(step.plug, now_ms)
        decided.dues.append((name, None if step.moved else seen_ms, due_ms))
        if step.moved is not None:
            decided.moved.append((name, step.moved))

    async def _kept(self, site: str, decided: Decided, now_ms: int) -> bool:
        """Keep what was decided and carry it out; False where somebody came first."""
        if self._archives and decided.plugs:
            decided.effects.append(TellArchive(decided.plugs))
        try:
            numbers = await self._store.commit(site, decided, now_ms)
        except ChangedError:
            self._metrics.steps.again.inc()
            return False
        reach("charging_committed")
        for name, moved in decided.moved:
            labels = PlugState(moved.source).name, PlugState(moved.target).name
            self._metrics.steps.transitions.labels(*labels).inc()
            if moved.ends_by:
                self._metrics.steps.sessions.labels(moved.ends_by).inc()
            self._witness(site, name, moved)
        if numbers:
            effects = [*zip(numbers, decided.effects, strict=True)]
            await self._outbox.carry_out(site, effects, now_ms)
        return True


def _outcome(new: int) -> str:
    """What became of a reading, by how many of its plug were new."""
    return "unknown_plug" if new < 0 else "kept" if new else "repeated"


def _same(known: RequestResult, asked: PlugRequest) -> RequestResult:
    """What a request came to before; raises IdempotencyMismatchError for another one's id."""
    if (known.plug, known.user, known.wanted) != (asked.plug, asked.user, asked.wanted):
        raise IdempotencyMismatchError(f"id: {shown(asked.id)} came before with other content")
    return known


def _overtaken(name: str) -> StoreUnavailableError:
    return StoreUnavailableError(f"charging: others went on changing plug {name} for {TRIES} tries")
