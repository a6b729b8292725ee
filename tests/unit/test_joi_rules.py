"""The JOI system's rules: its number to the last bit, and what it takes for a number."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from psd.energy import documented
from psd.energy.channels import MeterChannel
from psd.energy.joi.joi_batches import KEPT_MAX, BatchFields, batch, too_many
from psd.energy.joi.joi_bodies import read_batch, whole
from psd.energy.joi.joi_sample import joi_sample
from psd.energy.joi.joi_tables import load_joi_tables
from psd.energy.meter_events import Readings
from psd.energy.settings import EnergySettings
from psd.engine.event_rules import EventRules
from psd.errors import ConfigError, InputError, MalformedError
from server.answers import python_json
from tests.support.energy.joi_site import GOLDEN

RECORDED: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
PHYSICS = RECORDED["physics"]
RATES = {plan["id"]: plan["unit_rate"] for plan in RECORDED["plans"]}
NOW_S = 1_764_327_600
RULES = EventRules(things={}, lead_max_s=300, age_max_s=0, batch_max=1000)


def body(time: str = "1", reading: str = "1", meter: str = '"m"') -> bytes:
    """A body, its values as they are written in JSON."""
    listed = f'[{{"time":{time},"reading":{reading}}}]'
    return f'{{"smartMeterId":{meter},"electricityReadings":{listed}}}'.encode()


@pytest.mark.parametrize("row", PHYSICS, ids=lambda row: row["name"])
def test_the_number_is_the_recorded_one_to_its_last_bit(row: dict[str, Any]) -> None:
    number = documented.number([row["readings"]])
    assert number is not None
    assert number == row["documented_number"]
    costs = {plan: cost for each in documented.costs(number, RATES) for plan, cost in each.items()}
    assert costs == row["documented_costs"]
    assert list(costs) == ["price-plan-2", "price-plan-1", "price-plan-0"]


@pytest.mark.long("one history is added up by fractions for 0.3 s")
@pytest.mark.parametrize("row", PHYSICS, ids=lambda row: row["name"])
def test_the_energy_is_the_recorded_one_where_no_gap_is_too_long(row: dict[str, Any]) -> None:
    found = documented.true_kwh([row["readings"]], 10**10)
    hours = len(row["readings"]) if row["name"] != "README ten" else row["hours"]
    assert found == pytest.approx(row["correct_kwh_trapezoid"], abs=hours * 0.5e-6)


def test_a_reading_that_is_sent_twice_makes_no_energy() -> None:
    for row in PHYSICS:
        found = documented.true_kwh([row["readings"]], 7200)
        assert found == documented.true_kwh([row["readings"][:1], row["readings"]], 7200)


def test_batches_are_added_in_their_order_and_not_made_up_for() -> None:
    batches = [[(0, 1e100), (3600, 1.0)], [(7200, -1e100)]]
    assert documented.number(batches) == 0.0
    assert documented.number(list(reversed(batches))) == 1 / 3 / 2


def test_there_is_no_number_where_no_time_passes_and_no_cost_past_the_largest() -> None:
    for batches in ([], [[]], [[(5, 1.0)]], [[(5, 1.0)], [(5, 2.0)]], [[(0, 1.0), (10**400, 1.0)]]):
        assert documented.number(batches) is None
    assert documented.true_kwh([[(5, 1.0)], [(5, 2.0)]], 7200) is None
    assert documented.costs(1e308, RATES)[1:] == [{"price-plan-1": None}, {"price-plan-0": None}]
    assert documented.number([[(0, 1.7e308), (3600, 1.7e308)]]) == math.inf


def test_energy_is_made_of_what_has_a_time_and_is_not_below_zero() -> None:
    strange = [(-3600, 5.0), (10**18, 5.0), (900, -2.0), (900, 1e300)]
    assert documented.true_kwh([[(0, 1.0), *strange, (3600, 1.0)]], 7200) == 1.0
    assert documented.true_kwh([[(0, 1.0), (7201, 1.0)]], 7200) == 0.0
    assert documented.true_kwh([[(0, 3.0)], [(0, 1.0), (3600, 1.0)]], 7200) == 2.0


@pytest.mark.parametrize(
    ("told", "second"),
    [
        ("1606636860.0", 1606636860),
        ("1e18", 10**18),
        (str(10**30), 10**30),
        ('"1_000"', 1000),
        ('"5."', 5),
        ('"5.00"', 5),
        ('"+5"', 5),
        ('"-0005"', -5),
        ("true", 1),
        ("-0.0", 0),
    ],
)
def test_a_time_is_taken_however_it_is_written(told: str, second: int) -> None:
    assert read_batch(body(time=told), "").readings == [(second, 1.0)]


@pytest.mark.parametrize(
    "told",
    [
        *("1e19", "9.3e18", "1.5", "null", "NaN", "Infinity", "[1]", "{}"),
        *('""', '" 5 "', '"5.5"', '"1e5"', '"1__0"', '"_1"', '"1_0.0"', '".0"', '"\\u0661"'),
        f'"{"1" * 4301}"',
    ],
)
def test_what_is_no_whole_number_is_refused(told: str) -> None:
    with pytest.raises(InputError, match=r"^electricityReadings\[0\]\.time: .* no whole number"):
        read_batch(body(time=told), "application/json")


@pytest.mark.parametrize(
    ("told", "kw"),
    [
        ("1", 1.0),
        ('"0.5"', 0.5),
        ('"1_0.5"', 10.5),
        ('"+.5"', 0.5),
        ('"5."', 5.0),
        ("false", 0.0),
        ("1e300", 1e300),
        ("9007199254740993", 9007199254740992.0),
    ],
)
def test_a_reading_is_taken_however_it_is_written(told: str, kw: float) -> None:
    assert read_batch(body(reading=told), "").readings == [(1, kw)]


@pytest.mark.parametrize(
    "told",
    [
        *("null", "[]", "{}", '""', '" 0.5"', '"0x10"', '"\\u0661"', "NaN", "1e999"),
        *('"inf"', '"nan"', '"1e999"', "1" * 400),
    ],
)
def test_what_is_no_finite_number_is_refused(told: str) -> None:
    with pytest.raises(InputError, match=r"^electricityReadings\[0\]\.reading: "):
        read_batch(body(reading=told), "application/json")


@pytest.mark.parametrize(
    "meter", ['""', '"a\\u0000b"', '"a/b"', '"\\u00e9"', '"e\\u0301"', f'"{"x" * 256}"']
)
def test_a_meter_is_any_text_of_256_bytes(meter: str) -> None:
    assert read_batch(body(meter=meter), "").meter == json.loads(meter)


@pytest.mark.parametrize("meter", ["1", "null", "true", '["a"]', '"\\ud800"', f'"{"é" * 129}"'])
def test_another_meter_is_refused(meter: str) -> None:
    with pytest.raises(InputError, match=r"^smartMeterId: "):
        read_batch(body(meter=meter), "")


@pytest.mark.parametrize(
    "kind", ["", "application/json", "APPLICATION/JSON; charset=x", "application/vnd.api+json"]
)
def test_json_is_read_by_its_type_or_without_one(kind: str) -> None:
    assert read_batch(body(), kind).meter == "m"


@pytest.mark.parametrize("kind", ["text/plain", "text/json", "application/xjson", "json"])
def test_another_type_is_refused(kind: str) -> None:
    with pytest.raises(InputError, match="body: expected one JSON object"):
        read_batch(body(), kind)


@pytest.mark.parametrize(
    "sent",
    [
        *(b"", b"null", b"[]", b"{}", b'"x"', b"{", b"   ", b"NaN", body() + b"x"),
        b'{"smartMeterId":"c"}',
        b'{"smartMeterId":"c","electricityReadings":{}}',
        b'{"smartMeterId":"c","electricityReadings":[[1,2]]}',
        b'{"smartMeterId":"c","electricityReadings":[{"time":1}]}',
        b'{"smartMeterId":"c","electricityReadings":[' + b"1," * 5000 + b"1]}",
    ],
)
def test_a_body_of_another_shape_is_refused(sent: bytes) -> None:
    with pytest.raises(InputError):
        read_batch(sent, "")


@pytest.mark.parametrize("sent", [b"\xff", b"[" * 100_000, body(time="1" * 4400)])
def test_what_cannot_be_read_at_all_is_told_as_the_original_does(sent: bytes) -> None:
    with pytest.raises(MalformedError, match=r"^There was an error parsing the body$"):
        read_batch(sent, "application/json")


def test_of_a_field_that_stands_twice_the_last_counts_and_others_are_dropped() -> None:
    sent = (
        b'{"smartMeterId":"c","smartMeterId":"d","x":1,"electricityReadings":[{"time":1,"time":2,'
    )
    taken = read_batch(sent + b'"reading":1,"y":{}}]}', "")
    assert (taken.meter, taken.readings) == ("d", [(2, 1.0)])


def test_a_limit_is_a_whole_number_by_the_same_rules() -> None:
    assert [whole("limit", told) for told in ("+2", "1.0", "01", "9" * 20)] == [
        2,
        1,
        1,
        int("9" * 20),
    ]


def fields(meter: str, *readings: tuple[int, float]) -> BatchFields:
    return BatchFields(meter, "a1", NOW_S * 1000, list(readings))


def test_the_power_of_a_batch_is_what_energy_can_be_made_of() -> None:
    readings = [(NOW_S, 1.0), (-5, 1.0), (10**30, 1.0), (60, -1.0), (NOW_S + 301, 1.0), (60, 2.0)]
    taken = batch(fields("m", *readings), NOW_S, RULES)
    points = ((60, 2_000_000), (NOW_S, 1_000_000))
    assert taken.power == Readings(NOW_S, "m", MeterChannel("import", 0), "power", points)
    assert taken.readings == readings
    for meter in ("", "a\nb", "x" * 129):
        assert batch(fields(meter, (60, 2.0)), NOW_S, RULES).power is None
    assert batch(fields("m", (60, -2.0)), NOW_S, RULES).power is None


@pytest.mark.parametrize(
    "wrong",
    [
        BatchFields("x" * 257, "a1", 0, []),
        BatchFields("m", "", 0, []),
        BatchFields("m", "a:1", 0, []),
        BatchFields("m", "a1", -1, []),
        BatchFields("m", "a1", 0, [(1, 1.0)] * 5001),
    ],
)
def test_a_batch_of_the_queue_is_held_to_the_same_limits(wrong: BatchFields) -> None:
    with pytest.raises(InputError):
        batch(wrong, NOW_S, RULES)


def test_the_newest_batches_are_kept_up_to_their_number_and_their_readings() -> None:
    some = [b"%013d:a:%d" % (at, 10) for at in range(5)]
    assert too_many(some, 5) == []
    assert too_many(some, 3) == [some[1], some[0]]
    large = [b"0000000000009:a:%d" % KEPT_MAX]
    assert too_many([*some, *large], 100) == some[::-1]


def test_the_shipped_tables_are_those_of_the_original() -> None:
    tables = load_joi_tables()
    assert [(each.id, each.supplier, each.rate) for each in tables.plans] == [
        (each["id"], each["supplier"], each["unit_rate"]) for each in RECORDED["plans"]
    ]
    assert {each.meter: each.plan for each in tables.accounts} == RECORDED["accounts"]
    assert tables.plan_of("smart-meter-9") is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("plans = 1", "Expected `array`"),
        ('[[plans]]\nid = "a"\nsupplier = ""\nrate = nan', "must be a finite number"),
        ('[[plans]]\nid = "a"\nsupplier = ""\nrate = 1\n' * 2, "an id of its own"),
        ('plans = []\n[[accounts]]\nmeter = "m"\nplan = "a"', "which there is not"),
    ],
)
def test_tables_that_contradict_themselves_are_refused(
    tmp_path: Path, text: str, told: str
) -> None:
    path = tmp_path / "joi.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=told):
        load_joi_tables(str(path))


@pytest.mark.parametrize("wrong", [EnergySettings(joi_port=-1), EnergySettings(batches_max=0)])
def test_settings_of_the_face_are_checked(wrong: EnergySettings) -> None:
    with pytest.raises(ConfigError):
        wrong.checked()


def test_the_sample_is_the_originals_with_times_of_the_clock() -> None:
    sample = joi_sample(NOW_S)
    batches = [each["joi_batch"] for each in sample.documents if each["command"] == "joi_batch"]
    shape = RECORDED["sample_data_shape"]
    assert [each["meter"] for each in batches] == shape["meters"]
    assert [len(each["readings"]) for each in batches] == shape["count_each"]
    for each in batches:
        assert [second for second, _ in each["readings"]] == [NOW_S - 60 * at for at in range(5)]
        assert all(0 <= kw < 1 and round(kw, 3) == kw for _, kw in each["readings"])
    assert all(json.loads(line.format(url="u").split("'")[3]) for line in sample.lines[:1])


def test_numbers_are_written_as_python_writes_them() -> None:
    assert python_json([1e-7, 1e22, 0.1, 1.0, "é"]) == b'[1e-07,1e+22,0.1,1.0,"\xc3\xa9"]'
