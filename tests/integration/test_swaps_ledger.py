"""The ledger of swaps through its doors: the queue, refusals, kills, the clock, a replay."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from psd.clock import ManualClock
from psd.engine.outcomes import Outcome
from psd.runtime import Runtime
from psd.swaps.ledger import Ledger
from psd.swaps.part import SwapsPart
from psd.swaps.swap_bookings import owner_of
from psd.zones import UTC
from tests.support.engine import EVER, NOON_S, engine_on
from tests.support.processes.worker_stack import WorkerStack, worker_running
from tests.support.scripts.script_calls import A_SWAP, dumps
from tests.support.servers.redis_server import RedisServer
from tests.support.waiting import wait_until

NOW_S = NOON_S + 86_400
RIDE_DISTANCE, SWAPS = 40, 42

OBJECTS: list[dict[str, Any]] = [
    {"station": {"name": "S1", "date": NOON_S}},
    {"station": {"name": "S2", "date": NOON_S}},
    *({"battery": {"serial": f"B{n}", "station": "S1", "date": NOON_S}} for n in (1, 2, 3)),
    {"battery": {"serial": "B4", "station": "S2", "capacity": 200, "date": NOON_S}},
    {"vehicle": {"vin": "V1", "date": NOON_S}},
    {"vehicle": {"vin": "V2", "date": NOON_S}},
    {"driver": {"phone": "D1", "vehicle": "V1", "date": NOON_S}},
    {"driver": {"phone": "D2", "vehicle": "V2", "date": NOON_S}},
    {"driver": {"phone": "D3", "date": NOON_S}},
]
FIRST = len(OBJECTS) + 1
"""The number of the first transaction."""


def body(message: dict[str, Any]) -> bytes:
    [command] = message
    return msgspec.json.encode({"command": command, **message})


def swap(id_: str, **fields: Any) -> dict[str, Any]:
    return {"swap": {**A_SWAP, "driver": "D1", "id": id_, **fields}}


def correction(id_: str, corrects: int, **fields: Any) -> dict[str, Any]:
    said = swap(id_, **fields)["swap"]
    return {"correction": {**said, "corrects": corrects, "reason": "typing error"}}


TWO_RIDES = [
    swap("1", battery_out="B1", battery_out_energy=180, odometer=1000),
    swap(
        "2",
        battery_out="B2",
        battery_in_energy=120,
        battery_out_energy=190,
        odometer=1400,
        date=NOON_S + 3600,
    ),
]
RIGHT: dict[str, Any] = {**TWO_RIDES[1]["swap"], "odometer": 1040}
RIGHT.pop("id")


async def send(psd: Runtime, *messages: dict[str, Any]) -> list[Outcome]:
    events = [
        event for each in messages for event in psd.rules.events(body(each), NOW_S, "message")
    ]
    return await psd.books.book(events)


async def registered(psd: Runtime) -> Ledger:
    assert {each.status for each in await send(psd, *OBJECTS)} == {"booked"}
    return psd.part(SwapsPart).ledger()


async def sum_of(psd: Runtime, thing: int, kind: str, number: int) -> int:
    [found] = await psd.engine.sums([owner_of("main", kind, number)], [thing], [EVER])
    return found.sums.get(thing, 0)


@pytest.fixture
def url(redis_url: str) -> str:
    return redis_url


async def test_a_correction_changes_the_ride_the_day_and_what_was(url: str) -> None:
    async with engine_on(url, clock=ManualClock(NOW_S)) as psd:
        ledger = await registered(psd)
        await send(psd, *TWO_RIDES)
        assert await sum_of(psd, RIDE_DISTANCE, "driver", 1) == 400
        [outcome] = await send(psd, correction("3", FIRST + 1, **RIGHT))
        assert outcome.status == "booked"
        assert await sum_of(psd, RIDE_DISTANCE, "driver", 1) == 40
        assert await sum_of(psd, SWAPS, "driver", 1) == 2
        chain = await ledger.transaction(FIRST + 1)
        assert (chain.live, chain.transaction.rejected_by) == (FIRST + 2, FIRST + 2)
        assert [each.odometer for each in chain.chain] == [1400, 1040]
        [day, today] = await ledger.days(1, None, UTC)
        assert (day.distance, day.energy, day.last_transaction) == (40, 60, FIRST + 2)
        assert (today.distance, today.cumulative_distance, today.transactions) == (0, 40, 0)
        before = await ledger.driver(1, at=NOON_S + 3599)
        assert before.battery is not None
        assert before.battery.serial == "B1"
        assert (await ledger.battery(1, at=NOON_S - 1)).where.station is None
        assert (await ledger.battery(1)).where.station == 1


async def test_another_driver_takes_a_ride_and_all_its_sums(url: str) -> None:
    async with engine_on(url, clock=ManualClock(NOW_S)) as psd:
        ledger = await registered(psd)
        await send(psd, *TWO_RIDES)
        other = {**RIGHT, "driver": "D2", "battery_in": None, "odometer": 7}
        await send(psd, correction("3", FIRST + 1, **other))
        assert await sum_of(psd, RIDE_DISTANCE, "driver", 1) == 0
        assert [await sum_of(psd, SWAPS, "driver", n) for n in (1, 2)] == [1, 1]
        assert [(await ledger.driver(n)).last for n in (1, 2)] == [FIRST, FIRST + 2]
        page = await ledger.transactions_of("driver", 1, include_rejected=True)
        assert [(each.n, each.rejected_by) for each in page.data] == [
            (FIRST + 1, FIRST + 2),
            (FIRST, None),
        ]


@pytest.mark.parametrize(
    ("message", "code", "told"),
    [
        (swap("1", battery_out="B9"), "out_of_bounds", "battery_out: 'B9' is no battery of main"),
        (swap("1", driver="D3", battery_out="B1"), "invalid", "driver: 'D3' has no vehicle"),
        (swap("1", station=9, battery_out="B1"), "out_of_bounds", "station: 9 is no station"),
        (swap("1"), "wrong_type", "battery_out: missing; no battery comes in either"),
        (
            swap("1", battery_out="B1", battery_out_energy=-1),
            "out_of_bounds",
            "battery_out_energy: -1 must be 0 or more",
        ),
        (
            swap("1", battery_out="B4", battery_out_energy=201),
            "out_of_bounds",
            "battery_out_energy: 201 is more than the 200 that B4 can hold",
        ),
        (correction("1", 2, battery_out="B1"), "out_of_bounds", "corrects: 2 is no transaction"),
        ({"station": {"location": "here"}}, "wrong_type", "name: missing; it names the station"),
        ({"battery": {"serial": "B8", "station": "S9"}}, "out_of_bounds", "station: 'S9' is no"),
        (
            {"stocktake": {"id": "1", "station": "S1", "batteries": ["B9"]}},
            "out_of_bounds",
            "batteries: 'B9' is no battery",
        ),
    ],
)
async def test_what_cannot_be_is_refused_and_names_the_field(
    url: str, message: dict[str, Any], code: str, told: str
) -> None:
    async with engine_on(url, clock=ManualClock(NOW_S)) as psd:
        ledger = await registered(psd)
        [outcome] = await send(psd, message)
        assert outcome.error is not None
        assert (outcome.error.code, str(outcome.error)[: len(told)]) == (code, told)
        assert len(await ledger.events()) == len(OBJECTS)


async def test_what_stands_against_a_correction_says_what_is_live(url: str) -> None:
    async with engine_on(url, clock=ManualClock(NOW_S)) as psd:
        await registered(psd)
        await send(psd, *TWO_RIDES, correction("3", FIRST + 1, **RIGHT))
        sent = [
            correction("4", FIRST + 1, **RIGHT),
            correction("5", FIRST + 2, **RIGHT),
            correction("3", FIRST + 1, **{**RIGHT, "odometer": 1041}),
            correction("3", FIRST + 1, **RIGHT),
        ]
        errors = [outcome.error for outcome in await send(psd, *sent)]
        assert [error and error.code for error in errors] == [
            *("conflict", "unchanged", "idempotency_mismatch"),
            None,
        ]
        assert getattr(errors[0], "live", None) == FIRST + 2


async def test_reality_wins_with_a_warning_unless_that_is_strict(url: str) -> None:
    elsewhere = swap("1", battery_out="B4", date=NOON_S - 60)
    back = swap("2", battery_out="B1", odometer=4)
    async with engine_on(url, clock=ManualClock(NOW_S)) as psd:
        ledger = await registered(psd)
        assert {each.status for each in await send(psd, elsewhere, back)} == {"booked"}
        second, first = await ledger.warned()
        assert [each.partition(":")[0] for each in first.warnings] == [
            "battery_elsewhere",
            "before_start",
        ]
        assert [each.partition(":")[0] for each in second.warnings] == ["odometer_back"]
    flags = {"swaps.strict": True, "swaps.network": "strict", "swaps.backdate_max_s": 172_800}
    async with engine_on(url, flags, clock=ManualClock(NOW_S)) as psd:
        await registered(psd)
        [refused, late] = await send(psd, elsewhere, swap("3", date=NOON_S - 172_800))
        assert str(refused.error).startswith("battery_out: B4 is at station 2")
        assert late.error is not None
        assert late.error.code == "too_late"


async def test_stocktakes_that_disagree_are_listed_as_the_ledger_is_now(url: str) -> None:
    async with engine_on(url, clock=ManualClock(NOW_S)) as psd:
        ledger = await registered(psd)
        counted = {"id": "9", "station": "S1", "batteries": ["B2", "B3", "B4"], "date": NOON_S + 9}
        await send(psd, {"stocktake": counted})
        [check] = await ledger.stocktakes()
        assert (check.missing, check.unexpected, check.agrees) == ((1,), (4,), False)
        await send(psd, swap("1", battery_out="B1"), swap("2", battery_in="B4", battery_out=None))
        [check] = await ledger.stocktakes()
        assert (check.missing, check.unexpected, check.agrees) == ((), (), True)


async def test_an_object_is_what_was_said_of_it_and_may_be_renamed(url: str) -> None:
    async with engine_on(url, clock=ManualClock(NOW_S)) as psd:
        ledger = await registered(psd)
        renamed = {"number": 1, "phone": "D9", "name1": "Ann", "date": NOON_S + 9}
        again, other, taken = await send(
            psd,
            {"driver": renamed},
            {"driver": {"phone": "D9", "name1": "Old", "date": NOON_S + 1}},
            {"driver": {"number": 2, "phone": "D9", "date": NOON_S + 9}},
        )
        assert (again.status, other.status) == ("booked", "booked")
        assert str(taken.error) == "phone: 'D9' is driver 1, not 2"
        assert [await ledger.find("driver", each) for each in ("D9", "2", 3)] == [1, 2, 3]
        assert (await ledger.driver(1)).driver.label == "Ann"
        told = [(await ledger.driver(1, at=NOON_S + n)).driver.label for n in (0, 1, 8, 9)]
        assert told == ["D1", "Old", "Old", "Ann"]
        assert [each.id for each in await ledger.drivers(after=1)] == [2, 3]
        assert await ledger.labels([("station", 2), ("station", 7)]) == {("station", 2): "S2"}


async def test_pages_go_on_behind_each_other(url: str) -> None:
    async with engine_on(url, clock=ManualClock(NOW_S)) as psd:
        ledger = await registered(psd)
        sent = [
            swap(str(n), battery_out=f"B{1 + n % 2}", odometer=n, date=NOON_S + n // 3)
            for n in range(10)
        ]
        await send(psd, *sent)
        for kind, number in (("driver", 1), ("station", 1), ("battery", 1)):
            whole = await ledger.transactions_of(kind, number, limit=50)
            found, before = [], None
            while True:
                page = await ledger.transactions_of(kind, number, limit=2, before=before)
                found += page.data
                before = page.before
                if before is None:
                    break
            assert found == [*whole.data]
            assert whole.before is None


async def test_messages_come_from_the_queue_and_what_is_refused_is_buried(
    stack: WorkerStack,
) -> None:
    async with worker_running(stack):
        await stack.publish([body(each) for each in [*OBJECTS, *TWO_RIDES]])
        await wait_until("nothing is left over", stack.drained)
        await stack.publish([body(TWO_RIDES[1]), body(correction("3", FIRST + 1, **RIGHT))])
        counted = {"id": "5", "station": "S1", "batteries": ["B1", "B3"], "date": NOON_S + 3600}
        await stack.publish([body({"stocktake": counted})])
        await stack.publish([body(swap("4", driver="D3", battery_out="B1"))])
        await wait_until("nothing is left over", stack.drained)
    assert await sum_of(stack.runtime, RIDE_DISTANCE, "driver", 1) == 40
    [check] = await stack.runtime.part(SwapsPart).ledger().stocktakes()
    assert check.agrees
    [letter] = await stack.letters()
    assert letter.reason.startswith("driver: 'D3' has no vehicle")


KILLED = ("swaps_appended:2", "swaps_booked")


@pytest.mark.parametrize("place", KILLED)
async def test_what_somebody_left_who_was_killed_is_booked_by_the_clock_and_by_a_retry(
    url: str, place: str, tmp_path: Path
) -> None:
    async with engine_on(url, clock=ManualClock(NOW_S)) as psd:
        await registered(psd)
        await send(psd, TWO_RIDES[0])
    line = [
        *(sys.executable, "-m", "psd", "swaps", "import", "-"),
    ]
    text = (
        "id,driver,station,battery_out,battery_in_energy,battery_out_energy,odometer,date\n"
        f"2,D1,S1,B2,120,190,1400,{NOON_S + 3600}\n"
        f"3,D1,S1,B1,100,190,1500,{NOON_S + 7200}\n"
    )
    environment = {**os.environ, "PSD_REDIS_URL": url, "PSD_FAILPOINT": place}
    killed = await asyncio.to_thread(
        subprocess.run, line, input=text.encode(), env=environment, cwd=Path.cwd(), check=False
    )
    assert killed.returncode == -9
    async with engine_on(url, clock=ManualClock(NOW_S)) as psd:
        part = psd.part(SwapsPart)
        assert part.clock is not None
        await part.clock.step(0)
        expected = 500 if place == "swaps_appended:2" else 400
        assert await sum_of(psd, RIDE_DISTANCE, "driver", 1) == expected
        assert await part.ledger().settle_left() == 0


@pytest.mark.one_server("its keys are held against those of before")
async def test_a_replay_on_an_empty_store_brings_the_same_ledger_back(
    redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis_server.flush()
    archive = tmp_path / "archive"
    monkeypatch.setenv("PSD_REDIS_URL", redis_server.url)
    monkeypatch.setenv("PSD_ARCHIVE_FOLDER", str(archive))
    command = [sys.executable, "-m", "psd"]
    line = [*command, "swaps", "sample", "--drivers", "2", "--days", "2"]
    done = await asyncio.to_thread(subprocess.run, line, capture_output=True, check=True)
    assert done.stdout == b"27 booked\n"
    before = kept(redis_server)
    redis_server.flush()
    again = [*command, "replay", "--from", "1"]
    await asyncio.to_thread(subprocess.run, again, capture_output=True, check=True)
    assert kept(redis_server) == before
    async with engine_on(redis_server.url) as psd:
        await psd.part(SwapsPart).ledger().settle_left()
        assert await sum_of(psd, SWAPS, "driver", 1) == 6


def kept(server: RedisServer) -> dict[bytes, bytes]:
    """All of the ledger but what is not booked yet."""
    with server.sync_client() as client:
        held = dumps(client)
    return {
        key: value
        for key, value in held.items()
        if key.startswith(b"psd:swaps:") and not key.endswith(b":unsettled")
    }
