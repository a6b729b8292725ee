"""Recorded scenarios of the original, played on a store: what happened, and what it came to.

A scenario says in the recording's own words what happens at one plug, second by second::

    {"init": "INITIALISING", "steps": [
        {"op": "balance", "user": "u1", "cents": 5000},
        {"op": "tick", "n": 1, "cur": 0, "volt": 240},
        {"op": "user", "user": "u1", "state": "ACCOUNT_ADDED"},
        {"op": "tick", "n": 5, "cur": 0, "volt": 240},
        {"op": "resp", "state": "ON"}]}
    -> {"trace": [{"ev": "state", "t": 1, "from": "INITIALISING", "to": "ACCOUNT_NULL", ...}, ...],
        "sessions": {}, "balances": {"u1": 5000}, "prompts_at_end": [["Disable Socket"]], ...}

A tick takes a reading each 2 s (``every``) where it says a current, then looks at whatever is due.
An answer names the command that went out last, unless it says another ``req_id``. ``fail`` stands
for documents that could not be written: there are none here that could be written by halves, so
nothing happens. Readings, answers, requests and steps go the way of all that sites and users say.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from psd.charging import charging_events
from psd.charging.accounts.customer_accounts import (
    STRIPE,
    AutoTopup,
    method_fact,
    since,
    topup_fact,
)
from psd.charging.accounts.ledger_entries import LedgerEntry
from psd.charging.charging_changes import CommandResult, PlugRequest
from psd.charging.charging_metrics import ChargingMetrics
from psd.charging.charging_services import ChargingServices
from psd.charging.payments.payment_desk import PaymentDesk
from psd.charging.payments.payment_metrics import PaymentMetrics
from psd.charging.plugs.machine import PlugMoved
from psd.charging.plugs.plug import Plug
from psd.charging.plugs.plug_scenarios import (
    PLUG,
    BalanceStep,
    CommissionStep,
    PlugScenario,
    PlugScenarioError,
    PlugStep,
    RespStep,
    TickStep,
    TopupStep,
    UserStep,
)
from psd.charging.plugs.states import PlugState, RequestStatus
from psd.charging.settings import ChargingSettings
from psd.charging.sites.site_store import Decided
from psd.charging.sources.stripe_api import StripeApi
from psd.charging.transitions import prompts_of
from psd.charging.wire import ON, contracts, packed, unpacked
from psd.clock import ManualClock
from psd.domain.core import Core
from psd.engine.event_rules import EventRules
from psd.errors import InputError
from psd.observe.metrics import Metrics

BASE_S = 1_723_939_200
"""Second 0 of a scenario; it is even, as readings come at even seconds."""

SITE = "s1"
PAYER = "cus_"

Told = dict[str, Any]


def clock_of_scenario() -> ManualClock:
    """The clock of a scenario, at its second 0."""
    return ManualClock(BASE_S)


class NoStripe(StripeApi):
    """Stands for Stripe in a scenario: writes down what it is asked for, and credits nothing."""

    def __init__(self, told: Callable[[Told], None]) -> None:
        super().__init__("", "", "", PaymentMetrics(Metrics()))
        self._told = told

    async def charge(
        self, stripe_id: str, method: str, cents: int, key: str, metadata: Mapping[str, str]
    ) -> str:
        """An automatic top-up."""
        user = stripe_id.removeprefix(PAYER)
        self._told({"ev": "charge", "user": user, "cents": cents, "method": method})
        return key


class PlugPlay:
    """Plays one scenario on an empty store, whose clock is ``clock``."""

    def __init__(self, scenario: PlugScenario, core: Core, clock: ManualClock) -> None:
        self._scenario = scenario
        self._clock = clock
        self._trace: list[Told] = []
        self._events: list[str] = []
        self._session = ""
        self._command_id = ""
        self._requests = itertools.count(1)
        self._users: dict[str, None] = {}
        settings = ChargingSettings(stripe_key="none")
        # Instruments of its own: those of the process are its part's.
        core = replace(core, metrics=Metrics())
        self._desk = PaymentDesk(core, settings, NoStripe(self._note))
        ids = itertools.count(1)
        self._services = ChargingServices(
            core,
            settings,
            self._desk,
            self._published,
            lambda: f"id-{next(ids)}",
            ChargingMetrics(core.metrics),
            self._moved,
            "scenario",
        )

    async def told(self) -> Told:
        """Do each step, and tell what happened and what it came to."""
        await self._begin()
        for at, step in enumerate(self._scenario.steps):
            try:
                await self._do(step)
            except InputError as exc:
                raise PlugScenarioError(f"steps[{at}]: {exc}") from exc
        return await self._outcome()

    async def _do(self, step: PlugStep) -> None:
        """One step; a document that cannot be written is nothing that happens here."""
        if isinstance(step, TickStep):
            await self._tick(step)
        elif isinstance(step, UserStep):
            await self._user(step)
        elif isinstance(step, RespStep):
            await self._resp(step)
        elif isinstance(step, BalanceStep):
            await self._balance(step)
        elif isinstance(step, TopupStep):
            await self._topup(step)
        elif isinstance(step, CommissionStep):
            await self._commission()

    async def _begin(self) -> None:
        """A plug in its first state."""
        await self._services.store.place(PLUG, SITE)
        plug = Plug(
            version=1,
            state=int(self._scenario.init),
            owner=self._scenario.init_owner,
            entered_ms=self._clock.now_ms(),
        )
        decided = Decided(versions={PLUG: 0}, plugs={PLUG: plug})
        due_ms = self._services.machine.due_ms(plug, self._clock.now_ms())
        decided.dues.append((PLUG, None, due_ms))
        await self._services.store.commit(SITE, decided, self._clock.now_ms())

    async def _tick(self, step: TickStep) -> None:
        for _ in range(step.n):
            self._clock.advance(1)
            if step.cur is not None and self._t % step.every == 0:
                await self._read(step.cur, step.volt)
            now_ms = self._clock.now_ms()
            due = await self._services.store.due([SITE], now_ms)
            await self._services.clock.look(due, now_ms)

    async def _read(self, current: float, voltage: float) -> None:
        chunk = contracts().ReadingChunk(site_id=SITE)
        chunk.readings.add(
            state=ON,
            current=current,
            voltage=voltage,
            timestamp_ms=self._clock.now_ms(),
            plug_id=PLUG,
        )
        [taken] = charging_events.telemetry(packed(chunk), self._clock.now_s(), "", EventRules({}))
        await self._services.sites.take(taken)

    async def _user(self, step: UserStep) -> None:
        plug = step.plug
        told: Told = {"ev": "user_result", "user": step.user, "requested": step.wanted}
        asked = PlugRequest(
            self._clock.now_s(),
            f"request-{next(self._requests)}",
            plug,
            step.user,
            step.wanted,
            self._clock.now_ms(),
        )
        if await self._services.store.site_of(plug) is None:
            self._note({**told, "status": RequestStatus.RECEIVED.name})
            return
        result = await self._services.sites.request(asked)
        told["status"] = RequestStatus(result.status).name
        if result.reason:
            told["reason"] = result.reason
        self._note(told)

    async def _resp(self, step: RespStep) -> None:
        is_on = step.is_on
        id_ = self._command_id if step.req_id is UNSET else step.req_id
        result = CommandResult(self._clock.now_s(), SITE, PLUG, id_, is_on, self._clock.now_ms())
        transitioned = await self._services.sites.answer(result)
        self._note(
            {
                "ev": "response_result",
                "resultant": "ON" if is_on else "OFF",
                "transitioned": transitioned,
            }
        )

    async def _balance(self, step: BalanceStep) -> None:
        """The balance is this from now on."""
        user, cents = step.user, step.cents
        self._users[user] = None
        await self._desk.accounts.tell(user, (), begins=True)
        held = (await self._desk.accounts.account(user)).balance_cents
        entry = LedgerEntry(
            id=f"opening/{next(self._requests)}",
            kind="opening",
            cents=cents - held,
            at_ms=self._clock.now_ms(),
        )
        await self._desk.post(user, entry)

    async def _topup(self, step: TopupStep) -> None:
        user, now_ms = step.user, self._clock.now_ms()
        wish = AutoTopup(step.is_enabled, step.threshold, step.value)
        facts = [
            topup_fact(wish, now_ms),
            method_fact("pm_1", self._clock.now_s(), is_attached=True),
            (STRIPE, since(now_ms), f"{PAYER}{user}"),
        ]
        await self._desk.accounts.tell(user, facts)

    async def _commission(self) -> None:
        reason = await self._services.sites.commission(SITE, PLUG)
        status = RequestStatus.FAILURE if reason else RequestStatus.SUCCESS
        told: Told = {"ev": "commission_result", "status": status.name}
        self._note({**told, "reason": reason} if reason else told)

    @property
    def _t(self) -> int:
        return self._clock.now_s() - BASE_S

    def _note(self, told: Told) -> None:
        self._trace.append({**told, "t": self._t})

    def _moved(self, _site: str, _plug: str, moved: PlugMoved) -> None:
        if moved.session_id and moved.session_id != self._session:
            self._events.append(f"SessionEventType_START@{self._t}:{moved.session_id}")
        if self._session and not moved.session_id:
            self._events.append(f"SessionEventType_FINISH@{self._t}:{self._session}")
        self._session = moved.session_id
        self._note(
            {
                "ev": "state",
                "from": PlugState(moved.source).name,
                "to": PlugState(moved.target).name,
                "cause": moved.cause,
                "owner": moved.owner,
                "session": moved.session_id,
            }
        )

    async def _published(self, topic: str, bodies: Sequence[bytes]) -> None:
        """Stands for the queue: commands are written down."""
        for body in bodies:
            command = unpacked(body, contracts().LocalStateRequest)
            self._command_id = command.id
            self._note(
                {
                    "ev": "command",
                    "topic": topic,
                    "plug": command.plug_id,
                    "site": command.site_id,
                    "requested_state": "ON" if command.requested_state == ON else "OFF",
                }
            )

    async def _outcome(self) -> Told:
        view = await self._services.store.view(SITE)
        plug = view.plugs[PLUG]
        sessions = await self._services.session_store.newest(SITE, 1_000)
        accounts = {user: await self._desk.accounts.account(user) for user in self._users}
        return {
            "trace": self._trace,
            "sessions": {
                each.session_id: {
                    "cents": each.cents,
                    "total_kwh": each.total_kwh,
                    "owner": each.owner_id,
                    "start_s": each.start_ms // 1000 - BASE_S,
                    "finish_s": each.finish_ms // 1000 - BASE_S,
                }
                for each in reversed(sessions)
            },
            "balances": {user: account.balance_cents for user, account in accounts.items()},
            "prompts_at_end": [[row.prompt for row in prompts_of(plug.place)]],
            "session_events": self._events or None,
            "end": {
                "state": plug.place.name,
                "owner_in_details": plug.owner,
                "owner_in_state": plug.owner,
                "session_in_details": plug.session_id,
            },
        }
