"""What a message about vehicles must be, what it becomes, and what a refusal names."""

from __future__ import annotations

from typing import Any

import msgpack
import msgspec
import pytest

from psd.config import Settings, Thing
from psd.domain.rules import every_rule, kinds_of
from psd.engine.event_rules import EventRules
from psd.engine.event_times import second_in
from psd.engine.events import Accepted, Report
from psd.errors import ConfigError, InputError
from psd.rewards.configuration import tables_of
from psd.rewards.settings import RewardsSettings
from psd.rewards.tables import load_tables, shipped_tables
from psd.rewards.vehicle_events import VehicleChange, VehicleRules
from psd.rewards.vehicles import owner_text

NOW_S = 1_700_000_000
T = 1_644_210_000
WEEK_0_S = 1_643_605_200
THINGS = {"steps": 1, "signals": 6, "promotions": 7, "corrections": 8}
VEHICLE_RULES = VehicleRules(load_tables(), THINGS)
RULES = EventRules(THINGS, batch_max=3, kinds=kinds_of(VEHICLE_RULES.commands()))
ACTIVITY = {"vehicle": 7, "integration": "Smartcar", "time": T}
EARNINGS = {"vehicle": 7, "thing": "promotions", "points": 500, "time": T, "id": "p-1"}


def events(
    command: str, part: Any, rules: EventRules = RULES, now_s: int = NOW_S
) -> list[Accepted]:
    """The message as JSON; as msgpack it must say the same."""
    message = {"command": command, command: part}
    found = rules.events(msgspec.json.encode(message), now_s, "m1")
    assert rules.events(msgpack.packb(message), now_s, "m1") == found
    return found


def activity(**fields: Any) -> Accepted:
    [event] = events("activity", {**ACTIVITY, **fields})
    return event


def earnings(**fields: Any) -> Accepted:
    [event] = events("earnings", {**EARNINGS, **fields})
    return event


def vehicle(**fields: Any) -> Accepted:
    [event] = events("vehicle", {"vehicle": 7, **fields})
    return event


def refusal(command: str, part: Any, rules: EventRules = RULES) -> tuple[str, str]:
    """Code and message of the error; JSON and msgpack are refused alike."""
    message = {"command": command, command: part}
    with pytest.raises(InputError) as by_msgpack:
        rules.events(msgpack.packb(message), NOW_S, "m1")
    with pytest.raises(InputError) as by_json:
        rules.events(msgspec.json.encode(message), NOW_S, "m1")
    assert by_json.value.code == by_msgpack.value.code
    return by_json.value.code, str(by_json.value)


def test_activity_is_a_report_of_one_second_on_the_integration() -> None:
    assert activity() == Report(6, 7, 1, 1, 1, T, T)
    assert activity(integration="AutoPi", color="red") == Report(6, 7, 3, 3, 1, T, T)


@pytest.mark.parametrize(
    ("signals", "value"),
    [
        (None, 1),
        ([], 1),
        (["odometer"], 1),
        (["odometer", "odometer", "soc"], 2),
        (["vin", "odometer"], 1),
    ],
)
def test_the_value_is_the_number_of_signals_that_are_not_constant(
    signals: list[str] | None, value: int
) -> None:
    assert activity(signals=signals) == Report(6, 7, 1, 1, value, T, T)


def test_constant_signals_alone_only_register_the_vehicle() -> None:
    assert activity(signals=["vin", "make"]) == VehicleChange(T, 7, {})


def test_an_id_is_an_activity_of_its_own_and_always_the_same() -> None:
    found = [
        activity(id="a"),
        activity(id="a"),
        activity(id="b"),
        activity(integration="Tesla", id="a"),
    ]
    aids = [event.aid for event in found if isinstance(event, Report)]
    assert aids[0] == aids[1]
    assert len(set(aids)) == 3
    assert all(2**62 <= aid < 2**63 for aid in aids)
    assert activity(id="") == activity()


@pytest.mark.parametrize(
    "text",
    [
        *("2022-02-07T05:00:00Z", "2022-02-07t05:00:00z", "2022-02-07 05:00:00.999999999Z"),
        *("2022-02-07T06:00:00+01:00", "2022-02-06T23:30:00.5-05:30"),
    ],
)
def test_a_time_is_rfc_3339_in_any_zone(text: str) -> None:
    assert activity(time=text) == activity()


@pytest.mark.parametrize(
    "text",
    [
        *("2022-02-07", "2022-02-07T05:00:00", "2022-W06-1T05:00:00Z", "20220207T050000Z"),
        *("2022-02-30T05:00:00Z", "2022-02-07T24:01:00Z", "1644210000", "", "now"),
        *("٢٠٢٢-02-07T05:00:00Z", "2022-02-07T05:00:00Z\n", "2022-02-07T05:00:00+99:99"),
        "0001-01-01T00:00:00+23:59",
    ],
)
def test_what_is_no_time_is_refused_with_its_field(text: str) -> None:
    code, message = refusal("activity", {**ACTIVITY, "time": text})
    assert code == "invalid_time"
    assert message.startswith("time: ")


def test_a_list_is_as_many_events_in_their_order() -> None:
    assert events("activities", [ACTIVITY, {**ACTIVITY, "vehicle": 8}]) == [
        Report(6, 7, 1, 1, 1, T, T),
        Report(6, 8, 1, 1, 1, T, T),
    ]
    assert events("earnings", [EARNINGS, {**EARNINGS, "id": "p-2"}]) == [
        earnings(),
        earnings(id="p-2"),
    ]
    assert events("vehicles", [{"vehicle": 1}, {"vehicle": 2}]) == [
        VehicleChange(NOW_S, 1, {}),
        VehicleChange(NOW_S, 2, {}),
    ]


def test_earnings_are_an_increment_of_their_thing() -> None:
    assert earnings() == Report(7, 7, 0, 0, 500, T, T, "p-1")
    assert earnings(thing="corrections", points=-3, note="wrong week") == Report(
        8, 7, 0, 0, -3, T, T, "p-1"
    )


def test_of_a_vehicle_only_what_was_sent_changes_and_null_forgets() -> None:
    assert vehicle(owner=42, time=T) == VehicleChange(T, 7, {"owner": "42"})
    assert vehicle(vin=None, minted=False) == VehicleChange(
        NOW_S, 7, {"vin": None, "minted": False}
    )
    assert vehicle(
        owner="0x" + "AB" * 20,
        integrations=["AutoPi", "Smartcar", "AutoPi"],
        vin="5yj3e1ea7kf317000",
        minted_at="2021-12-20T11:33:20Z",
        opted_in=True,
    ) == VehicleChange(
        NOW_S,
        7,
        {
            "owner": "0x" + "ab" * 20,
            "integrations": (1, 3),
            "vin": "5YJ3E1EA7KF317000",
            "minted_at": 1_640_000_000,
            "opted_in": True,
        },
    )


def test_only_an_address_is_lowered() -> None:
    assert owner_text("0X" + "F" * 40) == "0x" + "f" * 40
    for owner in ("Auth0|Ab", "0x" + "F" * 39, "0x" + "G" * 40, "ABC"):
        assert owner_text(owner) == owner


def test_a_vehicle_may_be_described_as_it_was_before_week_0() -> None:
    assert vehicle(time=1) == VehicleChange(1, 7, {})


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"vehicle": None}, "wrong_type", "vehicle: missing"),
        ({"vehicle": "7"}, "wrong_type", "activity.vehicle: expected `int | null`"),
        ({"vehicle": -1}, "out_of_bounds", "vehicle: -1 must lie"),
        ({"vehicle": 2**63}, "out_of_bounds", "vehicle: 9223372036854775808 must lie"),
        ({"integration": None}, "wrong_type", "integration: missing"),
        ({"integration": "Horse"}, "out_of_bounds", "integration: 'Horse' is unknown; known are"),
        ({"integration": 1}, "wrong_type", "activity.integration: expected `str | null`"),
        ({"time": None}, "wrong_type", "time: missing"),
        ({"time": 1.5}, "wrong_type", "activity.time: expected"),
        ({"time": 0}, "invalid_time", "time: 0 must be a Unix second after 0"),
        ({"time": WEEK_0_S - 1}, "invalid_time", "time: 1643605199 is before issuance week 0"),
        ({"time": NOW_S + 301}, "too_early", "time: 1700000301 is 301 s ahead"),
        ({"time": "2200-01-01T00:00:00Z"}, "out_of_bounds", "time: 7258118400 must be before"),
        ({"id": "x" * 257}, "too_large", "id: more than 256 bytes"),
        ({"id": 5}, "wrong_type", "activity.id: expected `str | null`"),
        ({"signals": ["a"] * 257}, "too_large", "signals: 257, at most 256"),
        ({"signals": [""]}, "out_of_bounds", "signals: '' must have 1 to 128 bytes"),
        ({"signals": ["é" * 65]}, "out_of_bounds", "signals: "),
        ({"signals": "odometer"}, "wrong_type", "activity.signals: expected `array | null`"),
        ({"signals": [1]}, "wrong_type", "activity.signals[0]: expected `str`"),
    ],
)
def test_activity_is_refused_by_field_value_and_rule(
    fields: dict[str, Any], code: str, message: str
) -> None:
    found_code, found = refusal("activity", {**ACTIVITY, **fields})
    assert (found_code, found[: len(message)]) == (code, message)


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"thing": "steps"}, "unknown_thing", "thing: 'steps' is no earnings; known are corr"),
        ({"thing": None}, "wrong_type", "thing: missing"),
        ({"points": None}, "wrong_type", "points: missing"),
        ({"points": 1.5}, "wrong_type", "earnings.points: expected `int | null`"),
        ({"points": 2**31}, "out_of_bounds", "points: 2147483648 must lie within +-(2^31 - 1)"),
        ({"points": -(2**31)}, "out_of_bounds", "points: -2147483648 must lie"),
        ({"id": None}, "missing_id", "id: earnings need an id"),
        ({"id": ""}, "missing_id", "id: earnings need an id"),
        ({"id": "x" * 257}, "too_large", "id: more than 256 bytes"),
        ({"note": "x" * 257}, "too_large", "note: more than 256 bytes"),
        ({"time": WEEK_0_S - 1}, "invalid_time", "time: 1643605199 is before issuance week 0"),
        ({"vehicle": -1}, "out_of_bounds", "vehicle: -1 must lie"),
    ],
)
def test_earnings_are_refused_by_field_value_and_rule(
    fields: dict[str, Any], code: str, message: str
) -> None:
    found_code, found = refusal("earnings", {**EARNINGS, **fields})
    assert (found_code, found[: len(message)]) == (code, message)


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"vehicle": None}, "wrong_type", "vehicle: missing"),
        ({"owner": ""}, "out_of_bounds", "owner: '' must have 1 to 128 bytes"),
        ({"owner": "é" * 65}, "out_of_bounds", "owner: "),
        ({"owner": True}, "wrong_type", "vehicle.owner: expected"),
        ({"integrations": ["Tesla", "Horse"]}, "out_of_bounds", "integration: 'Horse'"),
        ({"integrations": "Tesla"}, "wrong_type", "vehicle.integrations: expected"),
        ({"vin": ""}, "out_of_bounds", "vin: '' must have 1 to 32 printable ASCII"),
        ({"vin": "x" * 33}, "out_of_bounds", "vin: "),
        ({"vin": "ä"}, "out_of_bounds", "vin: "),
        ({"vin": "a\n"}, "out_of_bounds", "vin: "),
        ({"minted_at": 0}, "invalid_time", "minted_at: 0 must be"),
        ({"minted_at": "soon"}, "invalid_time", "minted_at: 'soon' is neither"),
        ({"minted_at": NOW_S + 301}, "too_early", "minted_at: "),
        ({"minted": 1}, "wrong_type", "vehicle.minted: expected"),
        ({"opted_in": "yes"}, "wrong_type", "vehicle.opted_in: expected"),
        ({"time": NOW_S + 301}, "too_early", "time: "),
    ],
)
def test_a_vehicle_is_refused_by_field_value_and_rule(
    fields: dict[str, Any], code: str, message: str
) -> None:
    found_code, found = refusal("vehicle", {"vehicle": 7, **fields})
    assert (found_code, found[: len(message)]) == (code, message)


@pytest.mark.parametrize("field", ["vehicle", "owner", "time", "minted_at"])
def test_a_number_without_end_is_refused_in_a_short_message(field: str) -> None:
    body = b'{"command":"vehicle","vehicle":{"vehicle":7,"%s":%s}}' % (field.encode(), b"9" * 4000)
    with pytest.raises(InputError) as found:
        RULES.events(body, NOW_S, "m1")
    assert str(found.value).startswith(f"{field}: ")
    assert len(str(found.value)) < 200


def test_a_message_without_its_part_is_malformed() -> None:
    for command in ("activity", "activities", "earnings", "vehicle", "vehicles"):
        code, message = refusal(command, None)
        assert (code, message) == ("malformed", f"{command}: missing; command {command!r} needs it")


def test_a_list_past_the_limit_is_too_large() -> None:
    for command in ("activities", "earnings", "vehicles"):
        assert refusal(command, [{}] * 4)[0] == "too_large"


def test_one_bad_event_of_a_list_refuses_the_message() -> None:
    assert refusal("activities", [ACTIVITY, {**ACTIVITY, "vehicle": -1}])[0] == "out_of_bounds"


def test_an_unknown_command_is_told_all_known_ones() -> None:
    code, message = refusal("reboot", {})
    assert code == "unknown_command"
    assert message.endswith(
        "known are metric, metrics, count, activity, activities, earnings, vehicle and vehicles"
    )


def test_a_message_nested_too_deep_is_too_large_also_in_unknown_fields() -> None:
    deep: Any = 1
    for _ in range(40):
        deep = [deep]
    assert refusal("activity", {**ACTIVITY, "x": deep})[0] == "too_large"
    assert refusal("vehicle", {"vehicle": 7, "x": deep})[0] == "too_large"


def test_bytes_that_are_no_text_are_malformed() -> None:
    body = b'{"command":"activity","activity":{"vehicle":7,"integration":"\xff","time":1}}'
    with pytest.raises(InputError) as found:
        RULES.events(body, NOW_S, "m1")
    assert found.value.code == "malformed"


def test_activity_is_too_late_by_the_age_that_is_booked_and_a_description_never_is() -> None:
    aged = msgspec.structs.replace(RULES, age_max_s=3600)
    assert refusal("activity", ACTIVITY, aged)[0] == "too_late"
    assert events("vehicle", {"vehicle": 7, "time": T}, aged) == [VehicleChange(T, 7, {})]


def test_a_deployment_without_vehicles_runs_and_refuses_their_events() -> None:
    settings = Settings(things={"steps": Thing(1, "steps")})
    rules = every_rule(settings)
    assert refusal("activity", ACTIVITY, rules)[0] == "unknown_thing"
    assert refusal("earnings", EARNINGS, rules)[1].endswith("known are none")
    tables = tables_of(settings.of(RewardsSettings), settings.things)
    assert VehicleRules(tables, {"steps": 1}).things == frozenset()


def test_tables_of_its_own_need_their_things() -> None:
    settings = Settings(things={"signals": Thing(6, "signals")})
    own = msgspec.structs.replace(settings.of(RewardsSettings), tables=str(shipped_tables()))
    with pytest.raises(ConfigError, match="promotions"):
        tables_of(own, settings.things)


def test_a_second_stays_itself() -> None:
    assert second_in("time", -5) == -5
