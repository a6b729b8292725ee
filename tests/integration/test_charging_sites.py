"""Sites on a real store: what is kept, by whom, and what is left when somebody dies."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from psd.charging.charging_changes import (
    Announcement,
    CommandResult,
    PlugRequest,
    PlugTaken,
    Telemetry,
)
from psd.charging.charging_metrics import ChargingMetrics
from psd.charging.charging_services import ChargingServices
from psd.charging.keys import site_root
from psd.charging.ledger_entries import LedgerEntry, customer_uid
from psd.charging.part import ChargingPart
from psd.charging.plug import Plug
from psd.charging.plug_readings import NJ_A_KWH, NJ_A_MWH, PlugReading
from psd.charging.session_audit import SessionAudit
from psd.charging.session_energy import fuse_number
from psd.charging.settings import ChargingSettings
from psd.charging.site_store import OUTBOX
from psd.charging.states import PlugState, RequestStatus
from psd.charging.wire import contracts, unpacked
from psd.clock import ManualClock
from psd.errors import ConfigError, ConflictError, IdempotencyMismatchError, QueueUnavailableError
from psd.observe.metrics import Metrics
from psd.runtime import Runtime
from psd.users import uid_of
from tests.support.engine import engine_on, sum_of

NOON_S = 1_723_939_200
SITE = "s1"
CENTS = 5000


class Yard:
    """One process's services of a site, with a queue that can be away, and a clock."""

    def __init__(self, psd: Runtime, clock: ManualClock, **settings: Any) -> None:
        self.psd = psd
        self.clock = clock
        self.desk = psd.part(ChargingPart).desk
        self.published: list[tuple[str, bytes]] = []
        self.queue_is_away = False
        ids = itertools.count(1)
        core = replace(psd.core, metrics=Metrics())
        self.services = ChargingServices(
            core,
            ChargingSettings(**settings),
            self.desk,
            self.publish,
            lambda: f"{id(self)}-{next(ids)}",
            ChargingMetrics(core.metrics),
            lambda _site, _plug, _moved: None,
            f"{id(self)}",
        )
        self.sites, self.store = self.services.sites, self.services.store
        self.requests = itertools.count(1)

    async def publish(self, topic: str, bodies: Sequence[bytes]) -> None:
        if self.queue_is_away:
            raise QueueUnavailableError("nsqd: away")
        self.published += [(topic, body) for body in bodies]

    async def plug(self, name: str) -> Plug:
        return (await self.store.view(SITE)).plugs[name]

    async def tick(self, seconds: int = 1, **amps: float) -> None:
        """Seconds, with a reading of each plug that is named in each of them."""
        for _ in range(seconds):
            self.clock.advance(1)
            if amps:
                await self.read(**amps)
            await self.look()

    async def read(self, at_s: int | None = None, **amps: float) -> dict[str, int]:
        ms = (self.clock.now_s() if at_s is None else at_s) * 1000
        taken = [
            PlugTaken(name, PlugReading(ms, round(each * 1000), 240_000), 1, 1.0, "f1")
            for name, each in amps.items()
        ]
        return await self.sites.take(Telemetry(ms // 1000, SITE, tuple(taken)))

    async def look(self) -> None:
        now_ms = self.clock.now_ms()
        await self.services.clock.look(await self.store.due([SITE], now_ms), now_ms)

    async def ask(self, name: str, wish: str = "enable", user: str = "u1") -> RequestStatus:
        request = PlugRequest(
            self.clock.now_s(), f"r{next(self.requests)}", name, user, wish, self.clock.now_ms()
        )
        return RequestStatus((await self.sites.request(request)).status)

    async def answer(self, name: str) -> bool:
        """As a site that did what it was told."""
        plug = await self.plug(name)
        return await self.sites.answer(
            CommandResult(
                self.clock.now_s(),
                SITE,
                name,
                plug.command_id,
                plug.command_on,
                self.clock.now_ms(),
            )
        )

    async def charge(self, *names: str, amps: float = 10) -> None:
        """Plugs charge, each for a user of its name."""
        for name in names:
            await self.ask(name, user=f"u{name[1:]}")
        await self.tick(5)
        for name in names:
            await self.answer(name)
        await self.tick(2, **dict.fromkeys(names, amps))

    async def finish(self, name: str) -> None:
        await self.ask(name, "disable", f"u{name[1:]}")
        await self.tick(1, **{name: 0.0})
        await self.answer(name)

    async def balance(self, customer: str = "u1") -> int:
        return (await self.desk.account(customer)).balance_cents

    def commands(self) -> list[Any]:
        return [
            unpacked(body, contracts().LocalStateRequest)
            for topic, body in self.published
            if topic == f"commands_{SITE}"
        ]


@contextlib.asynccontextmanager
async def yard_on(url: str, *names: str, **settings: Any) -> AsyncIterator[Yard]:
    """A yard whose plugs nobody has; each has a user with money."""
    clock = ManualClock(NOON_S)
    async with engine_on(url, clock=clock) as psd:
        yard = Yard(psd, clock, **settings)
        await yard.sites.announce(Announcement(NOON_S, SITE, names, ("f1",)))
        for name in names:
            await yard.desk.begin(f"u{name[1:]}")
            entry = LedgerEntry(id="opening/1", kind="opening", cents=CENTS, at_ms=NOON_S * 1000)
            await yard.desk.post(f"u{name[1:]}", entry)
        await yard.tick()
        yield yard


async def booked(yard: Yard, name: str, thing: str) -> int:
    psd = yard.psd
    uid = uid_of("plug", name) if thing == "charge_energy" else customer_uid(f"u{name[1:]}")
    return await sum_of(psd, uid=uid, thing=psd.settings.numbers[thing])


async def test_announced_plugs_begin_and_the_site_is_told_so(redis_url: str) -> None:
    async with yard_on(redis_url, "p1", "p2") as yard:
        assert (await yard.plug("p2")).place is PlugState.ACCOUNT_NULL
        assert yard.published == [(f"ack_new_devices_{SITE}", b"\x01")]
        before = await yard.plug("p1")
        await yard.sites.announce(Announcement(NOON_S, SITE, ("p1",), ()))
        assert await yard.plug("p1") == before
        with pytest.raises(ConflictError, match="'p1' is at another site"):
            await yard.sites.announce(Announcement(NOON_S, "s2", ("p1",), ()))


async def test_readings_count_once_and_those_of_unknown_plugs_leave_the_others(
    redis_url: str,
) -> None:
    async with yard_on(redis_url, "p1") as yard:
        assert await yard.read(p1=1, p9=1) == {"p1": 1, "p9": -1}
        assert await yard.read(p1=1) == {"p1": 0}
        assert await yard.read(yard.clock.now_s() - 1, p1=2) == {"p1": 1}
        view = await yard.store.view(SITE)
        assert [each.ma for each in view.rings["p1"]] == [2000, 1000]
        assert view.latest["p1"].ma == 1000


async def test_a_request_is_done_once_for_its_id(redis_url: str) -> None:
    async with yard_on(redis_url, "p1") as yard:
        request = PlugRequest(NOON_S, "r", "p1", "u1", "enable", NOON_S * 1000)
        first = await yard.sites.request(request)
        await yard.tick(2)
        assert await yard.sites.request(request) == first
        assert (await yard.plug("p1")).place is PlugState.IN_QUEUE
        with pytest.raises(IdempotencyMismatchError):
            await yard.sites.request(replace(request, user="u2"))
        with pytest.raises(ConflictError, match="no site has announced 'p9'"):
            await yard.sites.request(replace(request, plug="p9"))


async def test_workers_who_look_at_once_make_one_step(redis_url: str) -> None:
    async with yard_on(redis_url, "p1", "p2") as yard:
        await yard.charge("p1", "p2")
        await yard.ask("p1", "disable")
        yard.clock.advance(1)
        before = len(yard.published)
        await asyncio.gather(*(yard.look() for _ in range(8)))
        assert (await yard.plug("p1")).place is PlugState.ACCOUNT_REMOVAL_ISSUED_LOCALLY
        assert len(yard.published) == before + 1


async def test_what_the_queue_was_away_for_is_done_later_by_anybody_and_in_order(
    redis_url: str,
) -> None:
    async with yard_on(redis_url, "p1") as yard:
        await yard.ask("p1")
        yard.queue_is_away = True
        await yard.tick(4)
        outstanding = (await yard.plug("p1")).command_id
        assert yard.commands() == []
        yard.queue_is_away = False
        await yard.tick(2)
        [command] = yard.commands()
        assert (command.id, command.plug_id, command.requested_state) == (outstanding, "p1", 1)
        await yard.tick(5)
        assert len(yard.commands()) == 1
        assert OUTBOX not in (await yard.store.due([SITE], 2**45))[SITE]


async def test_a_bill_is_paid_once_however_often_it_is_carried_out(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with yard_on(redis_url, "p1") as yard:
        await yard.charge("p1")
        await yard.tick(600, p1=10)
        outbox = yard.services.outbox
        monkeypatch.setattr(yard.sites, "_outbox", _Nobody())
        await yard.finish("p1")
        left = await yard.store.left(SITE)
        assert [type(effect).__name__ for _, effect in left] == ["SwitchRelay", "CloseSession"]
        assert await yard.balance() == CENTS
        for _ in range(3):
            await outbox.carry_out(SITE, left, yard.clock.now_ms())
        [session] = await yard.services.session_store.newest(SITE, 9)
        assert session.cents == 2400 * 602 * 30 // 3_600_000
        assert await yard.balance() == CENTS - session.cents
        assert await yard.store.left(SITE) == []
        ended = yard.services.metrics.steps.sessions.collect()[0].samples
        assert [each.labels for each in ended if each.name.endswith("_total")] == [{"end": "user"}]
        assert [each.value for each in ended if each.name.endswith("_total")] == [1]


class _Nobody:
    """Stands for a process that is killed behind its commit."""

    async def carry_out(self, *_arguments: object) -> bool:
        return False


async def test_energy_is_booked_of_the_plug_and_of_the_customer_to_the_milliwatt_hour(
    redis_url: str,
) -> None:
    async with yard_on(redis_url, "p1", "p2") as yard:
        await yard.charge("p1", "p2", amps=9.999)
        await yard.tick(130, p1=9.999, p2=7.3)
        for thing in ("charge_energy", "customer_energy"):
            assert await booked(yard, "p1", thing) > 0, "while it goes on"
        for name in ("p1", "p2"):
            await yard.finish(name)
            [nj] = [
                each.nj
                for each in await yard.services.session_store.newest(SITE, 9)
                if each.plug_id == name
            ]
            for thing in ("charge_energy", "customer_energy"):
                assert await booked(yard, name, thing) == round(nj / NJ_A_MWH)
        assert fuse_number("f1") > 0


async def test_readings_that_come_after_the_bill_correct_it_by_an_adjustment(
    redis_url: str,
) -> None:
    async with yard_on(redis_url, "p1") as yard:
        await yard.charge("p1")
        began_s = yard.clock.now_s()
        await yard.tick(1200)
        await yard.finish("p1")
        [billed] = await yard.services.session_store.newest(SITE, 9)
        assert billed.cents == 0
        for at_s in range(began_s + 2, began_s + 1200, 2):
            await yard.read(at_s, p1=10)
        await yard.tick(3)
        [corrected] = await yard.services.session_store.newest(SITE, 9)
        assert corrected.cents == 2400 * 1199 * 30 // 3_600_000 == 23
        assert await yard.balance() == CENTS - 23
        entries = await yard.desk.entries("u1", 0, 100)
        assert [each.entry.kind for each in entries][-2:] == ["usage", "opening"]
        assert {each.entry.kind for each in entries[:-2]} == {"adjustment"}
        assert await booked(yard, "p1", "charge_energy") == round(corrected.nj / NJ_A_MWH)
        before = len(entries)
        await yard.read(began_s + 2, p1=10)
        await yard.tick(3)
        assert len(await yard.desk.entries("u1", 0, 100)) == before


async def test_a_session_is_billed_by_all_of_its_readings_however_long_it_lasts(
    redis_url: str,
) -> None:
    """Nothing of it goes before its end, though readings are kept for an hour alone."""
    async with yard_on(redis_url, "p1", readings_kept_s=3_600) as yard:
        await yard.charge("p1")
        for _ in range(30):
            await yard.tick(2, p1=10)
            yard.clock.advance(600)
        client = yard.psd.store.client
        logs = await client.keys(f"{site_root(SITE)}:log:*")
        assert [await client.ttl(key) for key in logs] == [-1] * 30
        await yard.finish("p1")
        [session] = await yard.services.session_store.newest(SITE, 9)
        # A second between the two of each ten minutes, three when it began, none at its end.
        assert session.readings == 2 + 2 * 30 + 1
        assert session.nj == 2400 * (3 + 29) * 10**9
        assert {0 < await client.ttl(key) <= 3_600 for key in logs} == {True}


PLAN_TZ = "Australia/Brisbane"
DEAR_FROM_S = NOON_S + 120
"""The price changes at two past ten in Brisbane, two minutes behind the beginning."""


def plan_file(folder: Path, cheap: str, dear: str) -> str:
    """A price, and another one from 10:02 on."""
    rates = [
        {"name": "cheap", "rate": cheap, "from": "00:00", "to": "10:02"},
        {"name": "dear", "rate": dear},
    ]
    file = folder / f"{dear}.json"
    file.write_text(json.dumps({"plan": "p", "currency": "aud", "tz": PLAN_TZ, "rates": rates}))
    return str(file)


async def test_a_plan_bills_the_minutes_of_a_session_and_what_comes_late_by_the_same_prices(
    redis_url: str, tmp_path: Path
) -> None:
    own = plan_file(tmp_path, "0.30", "3.00")
    async with yard_on(redis_url, "p1", plan=own) as yard:
        await yard.charge("p1")
        began_ms = (await yard.plug("p1")).session_start_ms
        await yard.tick(240, p1=10)
        sessions, now_ms = yard.services.sessions, yard.clock.now_ms()
        found = await sessions.so_far(SITE, "p1", began_ms, now_ms)
        dear = Fraction(2400 * (now_ms // 1000 - DEAR_FROM_S), 3_600_000) * 300
        cheap = (Fraction(found.nj, NJ_A_KWH) - dear / 300) * 30
        assert found.cents == round(cheap + dear) > 20
        late_s = yard.clock.now_s() + 30
        await yard.tick(60)
        await yard.finish("p1")
        [billed] = await yard.services.session_store.newest(SITE, 9)
        assert (billed.cents, billed.cents_per_kwh) == (found.cents, -1)
        assert await yard.balance() == CENTS - billed.cents
        # Whoever counts it again knows of other prices by now.
        other = Yard(yard.psd, yard.clock, plan=plan_file(tmp_path, "0.01", "9.00"))
        await other.read(late_s, p1=10)
        await other.tick(3)
        [corrected] = await yard.services.session_store.newest(SITE, 9)
        assert corrected.prices == billed.prices
        more = Fraction(corrected.nj - billed.nj, NJ_A_KWH) * 300
        assert corrected.nj > billed.nj
        assert corrected.cents == round(cheap + dear + more)
        assert await yard.balance() == CENTS - corrected.cents
        for services in (yard.services, other.services, Yard(yard.psd, yard.clock).services):
            numbers = yard.psd.settings.numbers
            audit = SessionAudit(services, yard.desk.accounts, yard.psd.engine, numbers)
            assert {each.outcome async for each in audit.every(repair=True)} == {"clean"}


async def test_credit_is_what_is_left_by_the_prices_of_the_plan(
    redis_url: str, tmp_path: Path
) -> None:
    """50 dollars are 0.25 kWh at 200 dollars each, and 166 kWh at 30 cents."""
    async with yard_on(redis_url, "p1", plan=plan_file(tmp_path, "200.00", "200.00")) as yard:
        await yard.charge("p1", amps=60)
        await yard.tick(50, p1=60)
        assert (await yard.plug("p1")).place is PlugState.CHARGING
        await yard.tick(130, p1=60)
        assert (await yard.plug("p1")).place is not PlugState.CHARGING
        ended = yard.services.metrics.steps.sessions.collect()[0].samples
        assert {"end": "credit"} in [each.labels for each in ended]


async def test_nobody_begins_with_a_plan_that_is_not_there(redis_url: str) -> None:
    with pytest.raises(ConfigError, match=r"charging\.plan: /gone\.json"):
        async with engine_on(redis_url, {"charging.plan": "/gone.json"}):
            pass


async def test_a_fuse_lets_in_what_it_can_carry_in_the_order_of_the_queue(redis_url: str) -> None:
    names = [f"p{at}" for at in range(1, 5)]
    async with yard_on(redis_url, *names) as yard:
        await yard.store.set(SITE, "fuse:f1", {"limit_ma": 32_000})
        for name in names:
            await yard.store.set(SITE, f"plug:{name}", {"limit_ma": 16_000})
            await yard.read(**{name: 0.0})
        for name in names:
            await yard.ask(name, user=f"u{name[1:]}")
            await yard.tick()
        await yard.tick(6)
        waiting = [name for name in names if (await yard.plug(name)).place is PlugState.IN_QUEUE]
        assert waiting == ["p3", "p4"]
        await yard.answer("p1")
        await yard.answer("p2")
        await yard.tick(3, p1=10, p2=6)
        await yard.tick(62, p1=10, p2=6)
        # They hold 11 and 6.6 now: still no room for 16.
        assert (await yard.plug("p3")).place is PlugState.IN_QUEUE
        await yard.finish("p1")
        await yard.tick(3, p1=0, p2=6)
        assert (await yard.plug("p3")).place is not PlugState.IN_QUEUE
        assert (await yard.plug("p4")).place is PlugState.IN_QUEUE


async def test_a_fuse_over_its_limit_for_5_s_sheds_the_last_and_its_session_goes_on(
    redis_url: str,
) -> None:
    async with yard_on(redis_url, "p1", "p2") as yard:
        await yard.charge("p1")
        await yard.charge("p2", amps=6)
        for name in ("p1", "p2"):
            await yard.store.set(SITE, f"plug:{name}", {"limit_ma": 16_000})
        await yard.store.set(SITE, "fuse:f1", {"limit_ma": 14_000})
        await yard.tick(2, p1=10, p2=6)
        assert (await yard.plug("p2")).place is PlugState.CHARGING
        await yard.tick(3, p1=10, p2=6)
        shed = await yard.plug("p2")
        assert shed.place is PlugState.IN_QUEUE
        assert shed.session_id
        assert (await yard.plug("p1")).place is PlugState.CHARGING
        assert not shed.command_on
        [*_, off] = yard.commands()
        assert (off.plug_id, off.requested_state) == ("p2", 2)
        await yard.answer("p2")
        await yard.store.set(SITE, "fuse:f1", {"limit_ma": 40_000})
        await yard.tick(2, p1=10, p2=0)
        assert (await yard.plug("p2")).place is not PlugState.IN_QUEUE
