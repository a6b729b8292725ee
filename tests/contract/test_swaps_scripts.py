"""The ledger's scripts on each engine: an append moves everything or nothing."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from msgspec.structs import replace

from psd.errors import ChangedError, ConflictError
from psd.runtime import Runtime
from psd.store.scripts import load_script
from psd.swaps.append import Append
from psd.swaps.around_asks import after, before, newest
from psd.swaps.keys import index_key, network_root
from psd.swaps.part import SwapsPart
from psd.swaps.store import SwapsStore
from psd.swaps.swap_events import Stocktake, Swap
from psd.swaps.swap_places import SwapPlace
from tests.support.engine import NOON_S
from tests.support.scripts.counted_lua import Touched
from tests.support.scripts.script_calls import ledger_of_swaps
from tests.support.stored.keyspace import keyspace

DRIVER = ("driver", 1)


def counted(id_: str) -> Stocktake:
    return Stocktake(
        id=id_, digest="d", by="", second=NOON_S, accepted_s=NOON_S, station=1, batteries=()
    )


def ridden(id_: str, second: int = NOON_S) -> Swap:
    return Swap(
        id=id_,
        digest="d",
        by="",
        second=second,
        accepted_s=second,
        driver=1,
        vehicle=1,
        station=1,
        battery_in=None,
        battery_out=1,
        battery_in_energy=0,
        battery_out_energy=9,
        odometer=5,
    )


def joined(id_: str, second: int = NOON_S, version: int = 0) -> Append:
    swap = ridden(id_, second)
    return Append(event=swap, versions={DRIVER: version}, indexes=[DRIVER])


async def test_an_id_has_one_number_for_ever(psd: Runtime) -> None:
    store = SwapsStore(psd.store)
    assert await store.append("n", Append(event=counted("a"))) == (1, True)
    assert await store.append("n", Append(event=counted("b"))) == (2, True)
    assert await store.append("n", Append(event=counted("a"))) == (1, False)
    assert await store.append("other", Append(event=counted("a"))) == (1, True)


async def test_a_number_that_is_given_may_leave_some_out_and_never_goes_back(psd: Runtime) -> None:
    store = SwapsStore(psd.store)
    assert await store.append("n", Append(event=counted("a"), n=7)) == (7, True)
    for n in (7, 6):
        with pytest.raises(ConflictError):
            await store.append("n", Append(event=counted("b"), n=n))
    assert await store.append("n", Append(event=counted("b"))) == (8, True)


async def test_another_version_and_a_taken_name_leave_everything_as_it_was(psd: Runtime) -> None:
    store = SwapsStore(psd.store)
    await store.append("n", joined("a"))
    before_ = await keyspace(psd.store.client)
    with pytest.raises(ChangedError):
        await store.append("n", joined("b", version=0))
    assert await keyspace(psd.store.client) == before_
    assert await store.append("n", joined("b", version=1)) == (2, True)
    await ledger_of_swaps(psd)
    before_ = await keyspace(psd.store.client)
    taken = Append(event=counted("x"), name=("station", "S1", 2, "", True))
    with pytest.raises(ConflictError):
        await store.append("main", taken)
    assert await keyspace(psd.store.client) == before_


async def test_one_of_many_who_write_at_once_comes_first(psd: Runtime) -> None:
    store = SwapsStore(psd.store)
    tries = [store.append("n", joined(str(n))) for n in range(20)]
    found = await asyncio.gather(*tries, return_exceptions=True)
    assert [each for each in found if isinstance(each, tuple)] == [(1, True)]
    assert sum(isinstance(each, ChangedError) for each in found) == 19


async def test_neighbours_are_told_by_second_and_within_it_by_root(psd: Runtime) -> None:
    store = SwapsStore(psd.store)
    for at, second in enumerate((NOON_S, NOON_S + 5, NOON_S + 5, NOON_S + 9)):
        await store.append("n", joined(str(at), second, version=at))
    place = SwapPlace(NOON_S + 5, 2)
    around = await store.around(
        "n",
        [
            *(before("driver", 1, place), after("driver", 1, place)),
            *(
                newest("driver", 1),
                newest("driver", 1, NOON_S + 8),
                newest("driver", 1, NOON_S - 1),
            ),
            before("driver", 1, SwapPlace(NOON_S + 9, 9), without=4),
            after("driver", 2, place),
        ],
    )
    assert around.last == 4
    assert [each and each.n for each in around.found] == [1, 3, 4, 3, None, 3, None]


async def test_a_ledger_on_each_engine_says_what_its_correction_says(psd: Runtime) -> None:
    await ledger_of_swaps(psd)
    ledger = psd.part(SwapsPart).ledger()
    state = await ledger.driver(1)
    assert state.battery is not None
    assert (state.driver.label, state.battery.serial) == ("Ann", "B2")
    assert len(await ledger.events()) == 11


async def test_a_battery_is_where_it_came_in_last_unless_it_went_out_since(psd: Runtime) -> None:
    store = SwapsStore(psd.store)

    async def append(n: int, came_in: int | None, went_out: int | None) -> None:
        swap = msgspec.structs.replace(
            ridden(f"{n}", NOON_S + n), station=n, battery_in=came_in, battery_out=went_out
        )
        indexes = [("battery_in", came_in or 0)] * (came_in is not None)
        indexes += [("battery_out", went_out or 0)] * (went_out is not None)
        await store.append("n", Append(event=swap, indexes=indexes))

    await append(1, None, 1)
    await append(2, 1, 2)
    await append(3, 2, 2)
    fields = {"station": 7, "station@": NOON_S}
    of = ("battery", 4)
    await store.append("n", Append(event=counted("b"), fields=fields, of=of))
    # In at station 2; in and out at once; never seen; where it was registered.
    assert await store.stations_of("n", 4) == [2, 0, 0, 7]
    assert await store.stations_of("n", 4, NOON_S + 1) == [0, None, None, None]
    assert await store.stations_of("n", 0) == []


async def test_neighbours_in_a_crowded_second_are_found_without_reading_all_of_it(
    psd: Runtime,
) -> None:
    """Each of a thousand swaps of one second, and of those around it, has its neighbours."""
    store, key = SwapsStore(psd.store), index_key("n", *DRIVER)
    seconds = [NOON_S - 1, NOON_S - 1, *([NOON_S] * 1_000), NOON_S + 1, NOON_S + 2]
    for n, second in enumerate(seconds, start=1):
        await store.append("n", Append(event=ridden(f"{n}", second)))
        await psd.store.client.zadd(key, {f"{n:012d}:{n:012d}": second})
    touched = Touched(load_script("swaps.around"))
    for n in (1, 2, 3, 4, 500, 1_001, 1_002, 1_003, 1_004):
        for without in (0, n - 1, n + 1):
            place = SwapPlace(seconds[n - 1], n)
            asked = [
                before(*DRIVER, place, without),
                replace(after(*DRIVER, place), without=without),
            ]
            found = (await store.around("n", asked)).found
            left = [each for each in range(1, len(seconds) + 1) if each != without]
            wanted = [
                max((each for each in left if each < n), default=None),
                min((each for each in left if each > n), default=None),
            ]
            assert [each and each.n for each in found] == wanted, (n, without)
            packed = msgspec.msgpack.encode(asked)
            work = await touched.run(psd.store.client, [network_root("n")], packed)
            assert work.total < 400
