"""Sites on a real store: what is kept, by whom, and what is left when somebody dies."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from psd.charging.accounts.ledger_entries import LedgerEntry, customer_uid
from psd.charging.charging_changes import (
    Announcement,
    PlugRequest,
)
from psd.charging.effects import AnyEffect, CloseSession, SwitchRelay, TellArchive
from psd.charging.keys import site_root
from psd.charging.plugs.plug import Plug
from psd.charging.plugs.plug_readings import NJ_A_MWH
from psd.charging.plugs.states import PlugState
from psd.charging.sessions.session_energy import fuse_number
from psd.charging.sites.site_store import OUTBOX, Decided
from psd.charging.wire import ON
from psd.errors import ConflictError, IdempotencyMismatchError, PaymentUnavailableError
from psd.users import uid_of
from tests.support.charging.site_services import CENTS, NOON_S, SITE, Yard, yard_on
from tests.support.engine import sum_of

RECORDING = json.loads((Path(__file__).parents[1] / "golden" / "charging.json").read_text())


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
        latest = view.latest("p1")
        assert latest is not None
        assert latest.ma == 1000


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
        monkeypatch.setattr(outbox, "carry_out", _nobody)
        await yard.finish("p1")
        left = await yard.store.left(SITE)
        assert [type(effect).__name__ for _, effect in left] == ["SwitchRelay", "CloseSession"]
        assert await yard.balance() == CENTS
        monkeypatch.undo()
        for _ in range(3):
            await outbox.carry_out(SITE, left, yard.clock.now_ms())
        [session] = await yard.services.session_store.newest(SITE, 9)
        assert session.cents == 2400 * 602 * 30 // 3_600_000
        assert await yard.balance() == CENTS - session.cents
        assert await yard.store.left(SITE) == []
        ended = yard.services.metrics.steps.sessions.collect()[0].samples
        assert [each.labels for each in ended if each.name.endswith("_total")] == [{"end": "user"}]
        assert [each.value for each in ended if each.name.endswith("_total")] == [1]


async def _nobody(*_arguments: object) -> bool:
    """Stands for a process that is killed behind its commit."""
    return False


async def test_what_is_away_for_one_plug_holds_up_that_plug_alone(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_site: str, _bill: CloseSession) -> None:
        raise PaymentUnavailableError("stripe: away")

    async with yard_on(redis_url, "p1", "p2") as yard:
        monkeypatch.setattr(yard.services.sessions, "close", away)
        told: list[dict[str, Plug]] = []
        archive = yard.services.outbox._archive
        monkeypatch.setattr(archive, "tell_plugs", _noted(told))
        effects: list[AnyEffect] = [
            CloseSession("p1", "s-1", "u1", 0, 1),
            SwitchRelay("p1", "c-1", is_on=False, at_ms=1),
            SwitchRelay("p2", "c-2", is_on=False, at_ms=1),
            TellArchive({}),
        ]
        decided = Decided(versions={}, effects=effects)
        now_ms = yard.clock.now_ms()
        numbers = await yard.store.commit(SITE, decided, now_ms)
        left = [*zip(numbers, effects, strict=True)]
        assert not await yard.services.outbox.carry_out(SITE, left, now_ms)
        assert [command.id for command in yard.commands()] == ["c-2"]
        assert [effect for _, effect in await yard.store.left(SITE)] == [
            *effects[:2],
            effects[3],
        ]
        assert told == []
        monkeypatch.undo()
        monkeypatch.setattr(archive, "tell_plugs", _noted(told))
        assert await yard.services.outbox.carry_out_left(SITE, now_ms) == 3
        assert [command.id for command in yard.commands()] == ["c-2", "c-1"]
        assert (told, await yard.store.left(SITE)) == ([{}], [])


def _noted(told: list[dict[str, Plug]]) -> Callable[[str, dict[str, Plug]], Awaitable[None]]:
    async def noted(_site: str, plugs: dict[str, Plug]) -> None:
        told.append(plugs)

    return noted


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


async def test_credit_is_that_of_all_open_sessions_of_an_owner(redis_url: str) -> None:
    """Each of two alone costs less than he has, and both together more."""
    async with yard_on(redis_url, "p1", "p2") as yard:
        spent = LedgerEntry(id="adj/s/1", kind="adjustment", cents=3 - CENTS, at_ms=NOON_S * 1000)
        await yard.desk.post("u1", spent)
        for name in ("p1", "p2"):
            await yard.ask(name, user="u1")
        await yard.tick(5)
        for name in ("p1", "p2"):
            await yard.answer(name)
        await yard.tick(65, p1=10, p2=10)
        states = {name: (await yard.plug(name)).place for name in ("p1", "p2")}
        assert states == {"p1": PlugState.CHARGING, "p2": PlugState.CHARGING}, "2 cents of 3"
        await yard.tick(60, p1=10, p2=10)
        for name in ("p1", "p2"):
            plug = await yard.plug(name)
            so_far = await yard.services.sessions.so_far(
                SITE, name, plug.session_start_ms, yard.clock.now_ms()
            )
            assert so_far.cents < 3, "alone it would go on"
            assert (plug.place, plug.owner) == (PlugState.ACCOUNT_REMOVAL_ISSUED_LOCALLY, "u1")


async def test_a_charge_without_readings_for_30_s_goes_on(redis_url: str) -> None:
    async with yard_on(redis_url, "p1") as yard:
        await yard.charge("p1")
        before = await yard.plug("p1")
        await yard.tick(50)
        silent = await yard.plug("p1")
        assert (silent.place, silent.session_id) == (PlugState.CHARGING, before.session_id)
        assert [command.requested_state for command in yard.commands()] == [ON]


async def test_a_command_is_the_recorded_one_byte_for_byte(redis_url: str) -> None:
    recorded = next(each for each in RECORDING["protobuf"] if each["name"] == "command on")
    async with yard_on(redis_url, "p1") as yard:
        command = SwitchRelay("p1", "r1", True, 1_723_939_200_000)
        assert await yard.services.outbox.carry_out(SITE, [(1, command)], yard.clock.now_ms())
        [body] = [body for topic, body in yard.published if topic == "commands_s1"]
        assert gzip.decompress(body) == bytes.fromhex(recorded["hex"])
