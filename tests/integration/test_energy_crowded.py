"""A meter that sends each second: no call reads more than some hours of it."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest

from psd.energy.channels import kept_kind, meter_uid
from psd.energy.energy_booker import READINGS_AT_ONCE
from psd.energy.keys import UNIT_S, channel_key, units_key
from psd.energy.part import EnergyPart
from psd.energy.store import MeterStore
from psd.errors import StoreError
from psd.runtime import Runtime
from tests.support.engine import DAY_S, NOON_S

T0 = NOON_S - NOON_S % DAY_S
HOUR_S = 3_600
HANDED_MAX = READINGS_AT_ONCE + 2 * UNIT_S + 100
"""Of a call: what lies between the first and the last of its hours, and the hours beside them."""


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many readings each call has handed over."""
    numbers: list[int] = []
    call = MeterStore._call_keep

    async def counted(*asked: Any, **more: Any) -> list[Any]:
        told = await call(*asked, **more)
        numbers.append((len(told) - 8) // 2)
        return told

    monkeypatch.setattr(MeterStore, "_call_keep", counted)
    return numbers


async def hold(psd: Runtime, kind: str, step_s: int, seconds: int) -> None:
    """Readings each so many seconds, as they were kept one by one; a register counts up by 1 Wh."""
    root = (await psd.store.placed()).owner_root(meter_uid("m-1"))
    await psd.store.client.hset(f"{root}:e", "i0", kind)
    for hour in range(T0, T0 + seconds, HOUR_S):
        at = range(hour, min(hour + HOUR_S, T0 + seconds), step_s)
        held = {second: 1_000 * ((second - T0) // step_s) for second in at}
        await psd.store.client.hset(f"{channel_key(root, 'i0')}:{hour // UNIT_S}", mapping=held)
        await psd.store.client.zadd(units_key(root, "i0"), {str(hour // UNIT_S): hour // UNIT_S})


async def say(psd: Runtime, command: str, *points: tuple[int, str], **others: bool) -> list[str]:
    fields = {"meter": "m-1", "points": [*map(list, points)], **others}
    body = {"command": command, command: fields}
    events = psd.rules.events(msgpack.packb(body), T0 + 10 * DAY_S, "1")
    return [outcome.status for outcome in await psd.books.book(events)]


@pytest.mark.parametrize("step_s", [1, 10])
async def test_one_more_reading_of_a_crowded_day_reads_its_hour(
    psd: Runtime, read: list[int], step_s: int
) -> None:
    await hold(psd, "register", step_s, DAY_S)
    assert await say(psd, "register", (T0 + DAY_S - 5, "1000")) == ["booked"]
    assert max(read) <= HANDED_MAX // step_s + 100


@pytest.mark.parametrize("step_s", [1, 2, 7])
@pytest.mark.parametrize("kind", ["power", "register"])
async def test_readings_far_apart_do_not_read_all_between_them(
    psd: Runtime, read: list[int], kind: str, step_s: int
) -> None:
    """Though hours of new readings are in the middle of those that one call may read."""
    await hold(psd, kind, step_s, 30 * HOUR_S)
    ends = ((T0 - 1, "0"), (T0 + 15 * HOUR_S, "54"), (T0 + 31 * HOUR_S, "200"))
    assert await say(psd, kind, *ends) == ["booked"]
    assert max(read) <= HANDED_MAX


async def test_what_does_not_count_is_kept_some_hours_at_a_time(
    psd: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reading an hour of a month that has one a second reads each of these hours whole."""
    calls: list[int] = []
    keep = MeterStore.keep_beside

    async def counted(store: MeterStore, of: Any, values: Any) -> int:
        calls.append(len(values))
        return await keep(store, of, values)

    monkeypatch.setattr(MeterStore, "keep_beside", counted)
    await hold(psd, kept_kind("power", counts=False), 1, 12 * HOUR_S)
    hours = [(T0 + hour * HOUR_S + 5, "7") for hour in range(100)]
    assert await say(psd, "power", *hours, counts=False) == ["booked"]
    assert calls == [1] * 12 + [88]


async def test_all_of_a_crowded_meter_is_derived_again_some_hours_at_a_time(
    psd: Runtime, read: list[int]
) -> None:
    await say(psd, "power", (T0, "0"))
    await hold(psd, "power", 1, 12 * HOUR_S)
    audited = [each async for each in psd.part(EnergyPart).audit(repair=False)]
    assert len(audited) == 1 + 12, "the name, and each hour by itself"
    assert len(read) > 12
    assert max(read) <= HANDED_MAX


async def test_readings_that_lie_by_days_are_refused_not_misread(psd: Runtime) -> None:
    """As an earlier psd kept those of registers."""
    root = (await psd.store.placed()).owner_root(meter_uid("m-1"))
    await psd.store.client.hset(f"{root}:e", "i0", "register")
    await psd.store.client.hset(f"{channel_key(root, 'i0')}:{T0 // DAY_S}", str(T0 + 60), "5")
    await psd.store.client.zadd(units_key(root, "i0"), {str(T0 // DAY_S): T0 // DAY_S})
    with pytest.raises(StoreError, match="lie by days"):
        await say(psd, "register", (T0 + 120, "7"))
