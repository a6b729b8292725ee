"""The pure rules of the ledger: places, derived numbers, positions, days, what a message asks."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from psd.engine.event_rules import EventRules
from psd.errors import InputError
from psd.swaps.asking import AskingRules
from psd.swaps.days import DaySums, day_rows
from psd.swaps.derived import Derived, derive
from psd.swaps.measured import asks_measuring
from psd.swaps.objects import KnownBattery, changed, known_of, known_then
from psd.swaps.positions import Whereabouts, whereabouts
from psd.swaps.scenario import ScenarioError, clock_of, scenarios_in
from psd.swaps.settings import SwapsSettings
from psd.swaps.swap_bookings import THINGS, Bookkeeper
from psd.swaps.swap_events import Correction, Numbered, Swap, decode_event, encode_event
from psd.swaps.swap_messages import BatteryFields, CorrectionFields, SwapFields
from psd.swaps.swap_places import member_of, place_of, root_of_correction
from psd.zones import UTC

NOON_S = 1_598_961_600
NOW_S = NOON_S + 86_400


def swap(n: int, second: int = NOON_S, root: int = 0, **changed: Any) -> Numbered:
    made = Swap(
        id=f"id {n}",
        digest="d",
        by="",
        second=second,
        accepted_s=NOW_S,
        driver=1,
        vehicle=1,
        station=1,
        battery_in=1,
        battery_out=2,
        battery_in_energy=120,
        battery_out_energy=190,
        odometer=1000,
        root=root,
    )
    return Numbered(n, msgspec.structs.replace(made, **changed))


def test_a_correction_that_keeps_the_date_has_the_place_of_the_wrong_one() -> None:
    wrong = swap(3)
    assert root_of_correction(NOON_S, wrong) == 3
    assert root_of_correction(NOON_S + 1, wrong) == 0
    places = [place_of(each) for each in (swap(3), swap(9, root=3), swap(4))]
    assert places[0] == places[1] < places[2]
    assert member_of(swap(9, root=3)) == "000000000003:000000000009"


def test_an_event_comes_back_as_it_was_kept() -> None:
    told = {field: getattr(swap(1).swap, field) for field in Swap.__struct_fields__}
    correction = Correction(**told, corrects=1, reason="typing error")
    assert decode_event(encode_event(correction)) == correction


def test_numbers_follow_from_the_last_one_and_from_what_brought_the_battery_in() -> None:
    last = swap(1, odometer=960, battery_out_energy=180)
    came_in = swap(2, battery_in_energy=90).swap
    assert derive(swap(3).swap, last, came_in) == Derived(1, 40, 60, 0.67, 100)
    assert derive(swap(3).swap, None, None) == Derived(None, 0, 0, 0, None)
    without_reading = swap(1, odometer=960, battery_out_energy=0)
    assert derive(swap(3).swap, without_reading, None) == Derived(1, 40, 0, 0, None)
    assert derive(swap(3, battery_out=None).swap, last, came_in).charge_amount is None


def test_a_battery_is_where_the_newest_says_and_out_wins_over_in() -> None:
    came_in, went_out = swap(5, NOON_S + 1), swap(4)
    assert whereabouts(None, None, 7) == Whereabouts(7, None, None, 0, None)
    assert whereabouts(came_in, went_out, 7) == Whereabouts(1, None, None, 120, 5)
    assert whereabouts(swap(4), swap(5, NOON_S + 1), 7) == Whereabouts(None, 1, 1, 190, 5)
    assert whereabouts(went_out, went_out, 7) == Whereabouts(None, 1, 1, 120, 4)


def test_a_swap_without_a_battery_out_is_measured_against_its_driver_alone() -> None:
    assert [ask.index for ask in asks_measuring(swap(3))] == ["driver", "battery_in"]
    assert [ask.index for ask in asks_measuring(swap(3, battery_out=None))] == ["driver"]


def test_a_correction_in_place_is_one_report_a_window_and_another_driver_gets_none() -> None:
    books = Bookkeeper("main", {name: 40 + at for at, name in enumerate(THINGS)})
    derived = Derived(1, 40, 60, 0.67, 100)
    in_place = books.reports([(swap(9, root=3), derived)], [swap(3)])
    assert [report.value for report in in_place] == [40, 60, 1, 1, 100, 1, 100]
    assert {report.aid for report in in_place} == {3}
    moved = books.reports([(swap(9, root=3, driver=2), derived)], [swap(3)])
    assert sorted(report.value for report in moved) == [0, 0, 0, 1, 1, 1, 40, 60, 100, 100]


def test_a_field_is_what_was_said_of_it_last_by_second() -> None:
    held = {"serial": "B1", "serial@": "10", "station": "1", "station@": "20", "version": "4"}
    assert changed(held, {"station": 2}, 15) == {}
    assert changed(held, {"station": 2}, 20) == {"station": "2", "station@": 20}
    assert changed(held, {"station": None, "serial": "B1"}, 30) == {"station": "", "station@": 30}
    said = [(20, 2, {"station": 1}), (10, 1, {"serial": "B1", "station": 3})]
    assert known_then("battery", 5, said) == KnownBattery(id=5, serial="B1", station=1)
    assert known_of("battery", 5, held).version == 4


def test_days_have_cumulative_values_and_empty_ones() -> None:
    edges = [NOON_S, NOON_S + 86_400, NOON_S + 172_800]
    first, second = day_rows(edges, UTC, DaySums([40, 0], [60, 0], [2, 0], 100, 50))
    assert (first.day, first.distance, first.energy, first.efficiency) == (
        *("2020-09-01", 40, 60),
        0.67,
    )
    assert (second.distance, second.cumulative_distance, second.cumulative_energy) == (0, 140, 110)


RULES = AskingRules("main")
SENT = SwapFields(id="x", driver="D1", station=1, battery_out="B1", odometer=5, date=NOON_S)


def test_what_is_left_out_of_a_message_is_told_from_what_is_none() -> None:
    asked = RULES.swap(SENT, NOW_S, EventRules({}))
    assert (asked.battery_in, asked.battery_out, asked.network) == (UNSET, "B1", "main")
    without = RULES.swap(msgspec.structs.replace(SENT, battery_in=None), NOW_S, EventRules({}))
    assert without.battery_in is None
    assert asked.digest != without.digest


def test_the_same_content_has_one_digest_whoever_sends_it_and_however_the_time_is_written() -> None:
    again = msgspec.structs.replace(SENT, date="2020-09-01T12:00:00Z", by="me", id="y")
    asked = [
        RULES.swap(each, now_s, EventRules({}))
        for each, now_s in ((SENT, NOW_S), (again, NOW_S + 9))
    ]
    assert asked[0].digest == asked[1].digest


def test_an_object_without_an_id_has_that_of_its_content() -> None:
    sent = BatteryFields(serial="B1", date=NOON_S)
    one, same = (RULES.battery(sent, now_s, EventRules({})) for now_s in (NOW_S, NOW_S + 5))
    assert one.id == same.id
    other = msgspec.structs.replace(sent, capacity=5)
    assert RULES.battery(other, NOW_S, EventRules({})).id != one.id


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"id": None}, "id: a swap needs an id"),
        ({"driver": None}, "driver: missing"),
        ({"driver": ""}, "driver: '' must have 1 to 128 bytes"),
        ({"driver": 0}, "driver: 0 must lie between 1"),
        ({"station": None}, "station: missing"),
        ({"odometer": None}, "odometer: missing"),
        ({"odometer": 10**9 + 1}, "odometer: 1000000001 must lie between"),
        ({"odometer": -1}, "odometer: -1 must lie between 0 and 1,000,000,000"),
        ({"battery_out_energy": 2**60}, "battery_out_energy: "),
        ({"network": "Main"}, "network: 'Main' is not 1 to 64"),
        ({"date": NOW_S + 301}, "date: "),
        ({"date": "yesterday"}, "date: "),
        ({"by": "x" * 1001}, "by: more than 1000 bytes"),
    ],
)
def test_a_field_that_breaks_a_rule_is_named(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as caught:
        RULES.swap(msgspec.structs.replace(SENT, **changed), NOW_S, EventRules({}))
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize("field", ["capacity", "voltage"])
def test_what_a_battery_has_is_not_below_nothing(field: str) -> None:
    sent = msgspec.structs.replace(BatteryFields(serial="B1"), **{field: -5})
    with pytest.raises(InputError, match=f"{field}: -5 must lie between 0 and"):
        RULES.battery(sent, NOW_S, EventRules({}))


def test_a_correction_names_what_it_corrects() -> None:
    told = {field: getattr(SENT, field) for field in SwapFields.__struct_fields__}
    with pytest.raises(InputError, match="corrects: missing"):
        RULES.correction(CorrectionFields(**told), NOW_S, EventRules({}))
    asked = RULES.correction(
        CorrectionFields(**told, corrects=3, reason="r"), NOW_S, EventRules({})
    )
    assert (asked.corrects, asked.reason) == (3, "r")


@pytest.mark.parametrize("document", [{}, [], "x", {"scenarios": [{}]}, 7])
def test_what_is_no_scenario_is_refused(document: object) -> None:
    with pytest.raises(ScenarioError):
        scenarios_in(document)


def test_a_scenario_stands_by_itself_in_a_list_or_in_a_recording() -> None:
    one = {"name": "a", "ops": [], "now": "2020-09-01 12:00:00 unless changed"}
    assert [*scenarios_in(one)] == [*scenarios_in([one])] == [*scenarios_in({"scenarios": [one]})]
    assert clock_of(one).now_s() == NOON_S
    with pytest.raises(ScenarioError, match="now: 'soon' is no time"):
        clock_of({"ops": [], "now": "soon"})


def test_a_network_and_a_zone_of_the_settings_are_checked() -> None:
    assert SwapsSettings(tz="Africa/Kigali").checked().tz == "Africa/Kigali"
    for wrong in ({"network": "A"}, {"tz": "Mars"}, {"port": -1}, {"backdate_max_s": -1}):
        with pytest.raises(Exception, match="swaps"):
            SwapsSettings(**wrong).checked()
