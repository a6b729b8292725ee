"""What was said late of objects, and whom a late swap or a correction is about: by its second."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from psd.engine.outcomes import Outcome
from psd.engine.plan import Range
from psd.runtime import Runtime
from psd.swaps import ledger_reads
from psd.swaps.ledger import Ledger
from psd.swaps.part import SwapsPart
from psd.zones import zone
from tests.support.engine import NOON_S, second
from tests.support.scripts.script_calls import A_SWAP

NOW_S = NOON_S + 86_400
CHANGED_S = NOON_S + 3600
"""Since then driver D1 has vehicle V2."""

pytestmark = pytest.mark.psd(now_s=NOW_S)

OBJECTS: list[dict[str, Any]] = [
    {"station": {"name": "S1"}},
    *({"battery": {"serial": f"B{n}", "station": "S1"}} for n in (1, 2, 3)),
    {"vehicle": {"vin": "V1"}},
    {"vehicle": {"vin": "V2"}},
    {"driver": {"phone": "D1", "vehicle": "V1"}},
]
FIRST = len(OBJECTS) + 1


async def send(psd: Runtime, *messages: dict[str, dict[str, Any]]) -> list[Outcome]:
    bodies = []
    for message in messages:
        [(command, fields)] = message.items()
        fields.setdefault("date", NOON_S)
        bodies.append(msgspec.json.encode({"command": command, command: fields}))
    return await psd.books.book(
        [event for body in bodies for event in psd.rules.events(body, NOW_S, "")]
    )


def swap(id_: str, **fields: Any) -> dict[str, Any]:
    said = {**A_SWAP, "driver": "D1", "battery_out_energy": 180, "id": id_, **fields}
    return {"correction" if "corrects" in fields else "swap": said}


@pytest.fixture
async def ledger(psd: Runtime) -> Ledger:
    """D1 took B1 on V1, and changes to V2 an hour later."""
    change = {"driver": {"phone": "D1", "vehicle": "V2", "date": CHANGED_S}}
    told = await send(psd, *OBJECTS, swap("1", battery_out="B1"), change)
    assert {each.status for each in told} == {"booked"}
    return psd.part(SwapsPart).ledger()


async def carried(ledger: Ledger, at: int | None = None) -> list[int | None]:
    """The batteries of both vehicles."""
    return [(await ledger.vehicle(number, at)).battery for number in (1, 2)]


async def test_a_correction_stays_on_the_vehicle_that_was_driven_then(
    psd: Runtime, ledger: Ledger
) -> None:
    assert await carried(ledger) == [1, None]
    [outcome] = await send(psd, swap("2", battery_out="B2", corrects=FIRST))
    assert outcome.status == "booked"
    assert await carried(ledger) == [2, None]


async def test_a_late_swap_is_of_the_vehicle_that_was_driven_then(
    psd: Runtime, ledger: Ledger
) -> None:
    said = [
        swap("2", battery_out="B2", date=CHANGED_S - 1),
        swap("3", battery_out="B3", date=CHANGED_S),
        swap("4", battery_out="B1", battery_in=None, date=NOON_S - 60),
    ]
    assert {each.status for each in await send(psd, *said)} == {"booked"}
    # What came in is what that vehicle carried.
    found = [
        (each.vehicle, each.battery_in)
        for each in await ledger.transactions(range(FIRST + 2, FIRST + 5))
    ]
    assert found == [(1, 1), (2, None), (1, None)]
    assert await carried(ledger) == [2, 3]
    assert await carried(ledger, CHANGED_S - 2) == [1, None]


async def test_the_swap_of_one_who_has_no_vehicle_any_more_may_be_corrected(
    psd: Runtime, ledger: Ledger
) -> None:
    taken = {"driver": {"phone": "D1", "vehicle": None, "date": CHANGED_S + 60}}
    later = swap("2", battery_out="B2", date=CHANGED_S + 60)
    right = swap("3", battery_out="B3", corrects=FIRST)
    outcomes = await send(psd, taken, later, right)
    assert [each.error and str(each.error) for each in outcomes] == [
        *(None, "driver: 'D1' has no vehicle", None)
    ]
    assert await carried(ledger) == [3, None]


async def test_before_anything_was_said_all_is_as_it_was_said_first(
    psd: Runtime, ledger: Ledger
) -> None:
    renamed = {"driver": {"number": 1, "phone": "D9", "date": CHANGED_S + 60}}
    moved = {"battery": {"serial": "B3", "station": None, "date": CHANGED_S}}
    assert {each.status for each in await send(psd, renamed, moved)} == {"booked"}
    before = await ledger.driver(1, NOON_S - 1)
    assert before.vehicle is not None
    assert (before.driver.phone, before.vehicle.vin) == ("D1", "V1")
    stations = [(await ledger.battery(3, NOON_S + s)).where.station for s in (-1, 0, 3600)]
    assert stations == [None, 1, None]


async def test_what_is_said_late_is_so_until_what_was_said_before_of_later(
    psd: Runtime, ledger: Ledger
) -> None:
    late = {"driver": {"phone": "D1", "vehicle": "V2", "name1": "Ann", "date": NOON_S + 600}}
    said = [late, {"driver": {**late["driver"], "name1": "Bea", "date": NOON_S + 300}}]
    known = {"driver": {"phone": "D1", "vehicle": "V2", "date": NOON_S + 700}}
    assert [each.status for each in await send(psd, *said, known)] == [
        *("booked", "booked", "unchanged")
    ]
    audited = [each async for each in psd.part(SwapsPart).audit(repair=False)]
    assert {each.outcome for each in audited} == {"clean"}
    states = [await ledger.driver(1, NOON_S + s) for s in (299, 300, 600)]
    assert [each.driver.name1 for each in states] == ["", "Bea", "Ann"]
    assert [each.vehicle and each.vehicle.vin for each in states] == ["V1", "V2", "V2"]


async def test_a_day_has_as_many_hours_as_its_zone_gives_it(psd: Runtime, ledger: Ledger) -> None:
    # In Berlin clocks go forward on 27 March 2016, and back on 30 October.
    spring, autumn = second("2016-03-26 23:00:00"), second("2016-03-27 21:59:59")
    said = [
        swap("a", battery_out="B2", odometer=10, date=spring - 1),
        swap("b", battery_out="B1", odometer=12, date=spring),
        swap("c", battery_out="B2", odometer=15, date=autumn),
        swap("d", battery_out="B1", odometer=19, date=autumn + 1),
    ]
    assert {each.status for each in await send(psd, *said)} == {"booked"}
    rows = await ledger.days(1, Range(spring - 1, autumn + 2), zone("Europe/Berlin"))
    assert [(each.day, each.end - each.start, each.distance) for each in rows] == [
        ("2016-03-26", 86_400, 0),
        ("2016-03-27", 82_800, 5),
        ("2016-03-28", 86_400, 4),
    ]
    assert [each.last_transaction for each in rows] == [FIRST + 2, FIRST + 4, FIRST + 5]
    assert [each.cumulative_distance for each in rows] == [0, 5, 9]


async def test_stocktakes_that_agree_hide_none_that_does_not(
    psd: Runtime, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_reads, "LISTED", 2)
    counted = [(NOON_S + at, ["B2", "B3"]) for at in range(1, 6)]
    counted[1:2] = [(NOON_S + 2, ["B2"])]
    said = [
        {"stocktake": {"id": f"{at}", "station": "S1", "batteries": some, "date": at}}
        for at, some in counted
    ]
    assert {each.status for each in await send(psd, *said)} == {"booked"}
    [found] = await ledger.disagreeing()
    assert (found.second, found.missing) == (NOON_S + 2, (3,))
    assert await ledger.disagreeing(0) == []


async def test_warned_ones_that_were_corrected_hide_none_that_is_live(
    psd: Runtime, ledger: Ledger
) -> None:
    odd = swap("2", battery_in=None, battery_out="B1", odometer=7, date=CHANGED_S)
    back = {"battery_out": "B2", "date": CHANGED_S + 10}
    right = swap("4", **back, battery_in="B1", odometer=50, corrects=FIRST + 3)
    told = await send(psd, odd, swap("3", **back, odometer=3), right)
    assert {each.status for each in told} == {"booked"}
    assert [each.n for each in await ledger.warned(1)] == [FIRST + 2]
