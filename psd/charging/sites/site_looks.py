"""Looks at the plugs of a site that are due: a step of each at most, fuses and money considered.

::

    await looks.look("s1", {"p1": due_ms, "p2": due_ms}, now_ms)
        view of the site ─▶ fuses: who is let in, who has to stop ─▶ credit of who is to be checked
        ─▶ machine.py, plug by plug ─▶ commit ─▶ outbox.py

Whoever is let in makes his step with whoever is due, also where he himself is not: he waits behind
others, and it is their going that lets him in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from psd.charging.charging_metrics import ChargingMetrics
from psd.charging.outbox import Outbox
from psd.charging.payments.paying import Payments
from psd.charging.plugs.machine import Machine
from psd.charging.plugs.plug import CreditRead, Plug
from psd.charging.plugs.states import PlugState
from psd.charging.sessions.charge_sessions import ChargeSessions
from psd.charging.settings import ChargingSettings
from psd.charging.sites.site_store import LEFTOVER_MS, OUTBOX, Decided, SiteStore
from psd.charging.sites.site_view import SiteView
from psd.charging.sites.step_keeping import TRIES, StepKeeping
from psd.errors import StoreUnavailableError


class SiteLooks:
    """Of all sites."""

    def __init__(
        self,
        store: SiteStore,
        machine: Machine,
        sessions: ChargeSessions,
        payments: Payments,
        outbox: Outbox,
        keeping: StepKeeping,
        settings: ChargingSettings,
        metrics: ChargingMetrics,
    ) -> None:
        self._store = store
        self._machine = machine
        self._sessions = sessions
        self._payments = payments
        self._outbox = outbox
        self._keeping = keeping
        self._settle_ms = settings.settle_s * 1000
        self._step_ms = settings.step_ms
        self._metrics = metrics

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
            if await self._keeping.keep(site, decided, now_ms):
                return

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
            self._keeping.add(decided, name, step, seen, now_ms)
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
        """What is known of the money of owners that are to be checked; 2 trips for all of them."""
        wanting = {
            name: plug
            for name in due
            if (plug := view.plugs.get(name)) and self._machine.rules.wants_credit(plug, now_ms)
        }
        reads = (self._credit(view.site, name, plug, now_ms) for name, plug in wanting.items())
        return dict(zip(wanting, await asyncio.gather(*reads), strict=True))

    async def _credit(self, site: str, name: str, plug: Plug, now_ms: int) -> CreditRead:
        """What a session has come to so far, against what its owner has. 2 trips."""
        try:
            found = await self._sessions.so_far(site, name, plug.session_start_ms, now_ms)
            credit = await self._payments.credit(plug.owner, plug.session_id, found.cents)
        except StoreUnavailableError:
            return CreditRead(is_unreadable=True)
        return CreditRead(credit.balance_cents is not None, credit.is_enough)
