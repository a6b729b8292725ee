"""What a session has come to so far, asked again and again while readings come late and twice.

Whatever is remembered of it, the answer is what plain Python makes of all that was ever said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from psd.charging.charging_changes import PlugTaken, Telemetry
from psd.charging.plugs.plug_readings import PlugReading
from psd.charging.sessions.running_sums import SoFar
from psd.charging.sessions.session_energy import STRIP_MS
from psd.charging.sessions.session_store import NewestLogs, SessionStore
from tests.conftest import AnyStore
from tests.support.charging.site_services import SITE, Yard, yard_on
from tests.support.plain.plain_charging import PlainCharging

HOUR_MS = 3_600_000
VOLTS_MV = 240_000

said = st.lists(
    st.tuples(
        st.integers(0, 45 * 60),  # seconds until then
        st.lists(  # seconds before now (below 0: the site's clock is ahead), and mA
            st.tuples(st.integers(-30, 50) | st.integers(0, 4 * 3600), st.integers(0, 16_000)),
            max_size=6,
        ),
    ),
    min_size=1,
    max_size=25,
)


async def take(yard: Yard, plain: PlainCharging, readings: Sequence[tuple[int, int]]) -> None:
    """A chunk of one plug, by milliseconds and mA; each millisecond counts once."""
    told = dict(reversed(readings))
    for ms, ma in told.items():
        plain.read("p1", ms, ma, VOLTS_MV)
    taken = [
        PlugTaken("p1", PlugReading(ms, ma, VOLTS_MV), 1, 1.0, "f1") for ms, ma in told.items()
    ]
    await yard.sites.take(Telemetry(readings[0][0] // 1000, SITE, tuple(taken)))


def expected(plain: PlainCharging, first_ms: int, last_ms: int) -> SoFar:
    plain.session("now", "p1", "u1", first_ms, last_ms)
    return SoFar(plain.nj("now"), plain.cents("now"))


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(said=said)
async def test_it_is_the_sum_of_all_readings_whatever_comes_late(
    redis_server: AnyStore, said: list[tuple[int, list[tuple[int, int]]]]
) -> None:
    redis_server.empty()
    async with yard_on(redis_server.url, "p1") as yard:
        plain = PlainCharging()
        await yard.ask("p1")
        first_ms = yard.clock.now_ms()
        for passed_s, readings in said:
            yard.clock.advance(passed_s)
            now_ms = yard.clock.now_ms()
            instants = [(max(first_ms, now_ms - back * 1000), ma) for back, ma in readings]
            if instants:
                await take(yard, plain, instants)
            for _ in range(2):
                found = await yard.services.sessions.so_far(SITE, "p1", first_ms, now_ms)
                assert found == expected(plain, first_ms, now_ms)


async def test_of_a_long_session_only_what_is_new_is_read_again(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    newest_logs = SessionStore.newest_logs

    async def counted(*asked: Any) -> NewestLogs:
        found = await newest_logs(*asked)
        read.append(len(found.logs))
        return found

    monkeypatch.setattr(SessionStore, "newest_logs", counted)
    async with yard_on(redis_url, "p1") as yard:
        plain = PlainCharging()
        await yard.ask("p1")
        first_ms = yard.clock.now_ms()

        async def so_far() -> list[int]:
            """How many logs were read for it."""
            read.clear()
            now_ms = yard.clock.now_ms()
            found = await yard.services.sessions.so_far(SITE, "p1", first_ms, now_ms)
            assert found == expected(plain, first_ms, now_ms)
            return read

        for _ in range(3 * 24):
            yard.clock.advance(3_600)
            now_ms = yard.clock.now_ms()
            await take(yard, plain, [(now_ms - back, 10_000) for back in (8_000, 4_000)])
        assert await yard.services.sessions.so_far(SITE, "p1", 0, now_ms) == SoFar()
        days_logs = (now_ms - first_ms) // STRIP_MS
        [all_of_it] = await so_far()
        assert all_of_it >= days_logs
        for _ in range(20):
            yard.clock.advance(60)
            now_ms = yard.clock.now_ms()
            await take(yard, plain, [(now_ms - 30_000, 10_000), (now_ms, 10_000)])
            [again] = await so_far()
            assert again <= 4
        await take(yard, plain, [(now_ms - 24 * HOUR_MS + 500, 9_000)])
        few, all_of_it = await so_far()
        assert few <= 4
        assert all_of_it >= days_logs
        [few] = await so_far()
        assert few <= 4
