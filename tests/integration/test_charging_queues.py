"""Queues before fuses on a real store: who is let in, who has to stop, who is looked at when."""

from __future__ import annotations

from psd.charging.plugs.states import PlugState, RequestStatus
from tests.support.charging.site_services import SITE, yard_on


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


async def test_those_who_wait_behind_others_are_let_in_with_them_and_seldom_looked_at(
    redis_url: str,
) -> None:
    names = [f"p{at}" for at in range(1, 5)]
    async with yard_on(redis_url, *names) as yard:
        await yard.store.set(SITE, "fuse:f1", {"limit_ma": 16_000})
        for name in names:
            await yard.store.set(SITE, f"plug:{name}", {"limit_ma": 16_000})
            await yard.read(**{name: 0.0})
            await yard.ask(name, user=f"u{name[1:]}")
        await yard.tick(6)
        waiting = {name: (await yard.plug(name)).place is PlugState.IN_QUEUE for name in names}
        assert waiting == {"p1": False, "p2": True, "p3": True, "p4": True}
        now_ms = yard.clock.now_ms()
        due = (await yard.store.due([SITE], now_ms + 1000))[SITE]
        assert set(due) == {"p2"}, "the head alone is looked at each second"
        await yard.store.set(SITE, "fuse:f1", {"limit_ma": 64_000})
        await yard.tick()
        places = {(await yard.plug(name)).place for name in names[1:]}
        assert places == {PlugState.SENSING_START_REQUESTED}


async def test_when_the_head_leaves_the_queue_by_itself_the_next_is_let_in_at_once(
    redis_url: str,
) -> None:
    async with yard_on(redis_url, "p1", "p2", "p3") as yard:
        await yard.store.set(SITE, "fuse:f1", {"limit_ma": 20_000})
        for name, limit_ma in (("p1", 10_000), ("p2", 16_000), ("p3", 6_000)):
            await yard.store.set(SITE, f"plug:{name}", {"limit_ma": limit_ma})
            await yard.read(**{name: 0.0})
            await yard.ask(name, user=f"u{name[1:]}")
        await yard.tick(6)
        assert (await yard.plug("p2")).place is (await yard.plug("p3")).place is PlugState.IN_QUEUE
        assert await yard.ask("p2", "disable", "u2") is RequestStatus.SUCCESS
        assert set((await yard.store.due([SITE], yard.clock.now_ms()))[SITE]) == {"p3"}
        await yard.look()
        assert (await yard.plug("p3")).place is PlugState.SENSING_START_REQUESTED


async def test_whoever_has_just_come_into_the_queue_makes_no_second_step_in_one_second(
    redis_url: str,
) -> None:
    async with yard_on(redis_url, "p1", "p2", "p3") as yard:
        await yard.store.set(SITE, "fuse:f1", {"limit_ma": 20_000})
        for name, limit_ma in (("p1", 10_000), ("p2", 16_000), ("p3", 6_000)):
            await yard.store.set(SITE, f"plug:{name}", {"limit_ma": limit_ma})
            await yard.read(**{name: 0.0})
        await yard.ask("p1", user="u1")
        await yard.ask("p2", user="u2")
        await yard.tick(4)
        await yard.ask("p3", user="u3")
        await yard.tick(2)
        entered = await yard.plug("p3")
        assert (entered.place, entered.entered_ms) == (PlugState.IN_QUEUE, yard.clock.now_ms())
        await yard.ask("p2", "disable", "u2")
        await yard.look()
        assert await yard.plug("p3") == entered
        await yard.tick()
        assert (await yard.plug("p3")).place is PlugState.SENSING_START_REQUESTED


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


async def test_a_car_that_is_full_when_it_is_let_in_again_makes_room_for_those_who_wait(
    redis_url: str,
) -> None:
    async with yard_on(redis_url, "p1", "p2", ring=20) as yard:
        await yard.charge("p1")
        for name in ("p1", "p2"):
            await yard.store.set(SITE, f"plug:{name}", {"limit_ma": 16_000})
        await yard.store.set(SITE, "fuse:f1", {"limit_ma": 16_000})
        await yard.tick(8, p1=17)
        assert (await yard.plug("p1")).place is PlugState.IN_QUEUE
        await yard.answer("p1")
        await yard.tick(3, p1=0)
        await yard.ask("p2", user="u2")
        await yard.answer("p1")
        await yard.tick(19, p1=0.01, p2=0)
        sensed, waits = await yard.plug("p1"), await yard.plug("p2")
        assert (sensed.place, waits.place) == (PlugState.SENSING_CHARGE, PlugState.IN_QUEUE)
        await yard.tick(4, p1=0.01, p2=0)
        assert (await yard.plug("p1")).place is PlugState.ACCOUNT_REMOVAL_ISSUED_LOCALLY
        assert await yard.answer("p1")
        await yard.tick(2, p1=0, p2=0)
        assert (await yard.plug("p2")).place is PlugState.SENSING_START_ISSUED_LOCALLY


async def test_a_plug_waits_in_the_queue_as_long_as_is_set(redis_url: str) -> None:
    async with yard_on(redis_url, "p1", queue_settle_ms=5_000) as yard:
        await yard.ask("p1")
        await yard.tick(3)
        queued = await yard.plug("p1")
        assert queued.place is PlugState.IN_QUEUE
        entered_s = queued.queue_entered_ms // 1000
        await yard.tick(entered_s + 4 - yard.clock.now_s())
        assert (await yard.plug("p1")).place is PlugState.IN_QUEUE
        await yard.tick()
        assert (await yard.plug("p1")).place is PlugState.SENSING_START_REQUESTED
