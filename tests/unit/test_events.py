"""What a message must be to be booked, and the code and field that a refusal names."""

from __future__ import annotations

from typing import Any

import msgpack
import msgspec
import pytest

from psd.engine.event_checks import EVENT_ID_BYTES_MAX
from psd.engine.event_fields import decode_metric, encode_metric
from psd.engine.event_rules import EventRules
from psd.engine.events import ID_MAX, TIME_END_S, VALUE_MAX, Count, Event, Report
from psd.errors import InputError

NOW_S = 1_460_462_400
DAY_S = 86_400
RULES = EventRules(things={"steps": 1, "points": 3}, batch_max=3)
AGED = EventRules(things={"steps": 1}, age_max_s=DAY_S)
METRIC = {"thing": "steps", "uid": 8, "atid": 2, "aid": 41, "value": 10, "ts1": 5, "ts2": NOW_S}
COUNT = {"thing": "hifive_1", "value": 2, "ts": NOW_S}


def events(message: Any, rules: EventRules = RULES, message_id: str = "m1") -> list[Event]:
    """The message as JSON; as msgpack it must say the same."""
    found = rules.events(msgspec.json.encode(message), NOW_S, message_id)
    assert rules.events(msgpack.packb(message), NOW_S, message_id) == found
    return found


def metric(**fields: Any) -> dict[str, Any]:
    return {"command": "metric", "metric": {**METRIC, **fields}}


def count(**fields: Any) -> dict[str, Any]:
    return {"command": "count", "count": {**COUNT, **fields}}


def refusal(message: Any, rules: EventRules = RULES) -> tuple[str, str]:
    """Code and message of the error; JSON and msgpack are refused alike."""
    with pytest.raises(InputError) as by_msgpack:
        rules.events(msgpack.packb(message), NOW_S, "m1")
    with pytest.raises(InputError) as by_json:
        rules.events(msgspec.json.encode(message), NOW_S, "m1")
    assert by_json.value.code == by_msgpack.value.code
    return by_json.value.code, str(by_json.value)


def test_a_metric_is_a_report_of_the_configured_number() -> None:
    assert events(metric()) == [Report(1, 8, 2, 41, 10, 5, NOW_S)]
    assert events(metric(thing="points"))[0] == Report(3, 8, 2, 41, 10, 5, NOW_S)


def test_missing_numbers_are_zero_and_unknown_fields_are_ignored() -> None:
    message = {"command": "metric", "metric": {"thing": "steps", "ts2": 7, "note": [1]}, "x": 1}
    assert events(message) == [Report(1, 0, 0, 0, 0, 0, 7)]


def test_metrics_are_a_list_of_reports_that_is_refused_whole() -> None:
    two = [METRIC, {**METRIC, "aid": 42}]
    assert events({"command": "metrics", "metrics": two}) == [
        Report(1, 8, 2, aid, 10, 5, NOW_S) for aid in (41, 42)
    ]
    assert events({"command": "metrics", "metrics": []}) == []
    bad = [METRIC, {**METRIC, "ts2": 0}]
    assert refusal({"command": "metrics", "metrics": bad})[0] == "invalid_time"


def test_an_increment_is_added_at_its_second_once_for_its_id() -> None:
    [found] = events(metric(mode="increment", id="e1"))
    assert found == Report(1, 8, 2, 41, 10, NOW_S, NOW_S, event_id="e1")


def test_an_id_does_not_make_a_total_an_increment() -> None:
    assert events(metric(id="e1")) == [Report(1, 8, 2, 41, 10, 5, NOW_S)]


def test_a_user_by_name_is_booked_under_its_number_and_keeps_its_name() -> None:
    [found] = events(metric(uid="alice@example.com"))
    assert found == Report(1, 6640487069386845243, 2, 41, 10, 5, NOW_S, None, "alice@example.com")
    assert events(metric(uid="ame\u0301lie")) == events(metric(uid="am\u00e9lie"))


def test_digits_are_the_number_whether_they_are_a_text_or_not() -> None:
    assert events(metric(uid="8")) == events(metric(uid=8))


def test_what_is_booked_of_numbers_takes_no_name() -> None:
    rules = EventRules(things={"steps": 1}, numbered=frozenset({1}))
    assert refusal(metric(uid="alice"), rules) == (
        "wrong_type",
        "uid: 'alice' is a name; steps are booked of numbers",
    )
    assert events(metric(uid="8"), rules) == events(metric())


def test_the_write_routes_of_the_original_take_numbers_alone() -> None:
    with pytest.raises(InputError, match="uid: expected `int`, got `str`"):
        decode_metric(msgspec.json.encode({**METRIC, "uid": "8"}))


def test_a_count_takes_the_id_of_its_message_when_it_brings_none() -> None:
    assert events(count()) == [Count("hifive_1", 2, NOW_S, "m1")]
    assert events(count(id="")) == [Count("hifive_1", 2, NOW_S, "m1")]
    assert events(count(id="own")) == [Count("hifive_1", 2, NOW_S, "own")]


def test_numbers_at_their_limits_are_booked() -> None:
    for name in ("uid", "atid", "aid"):
        for number in (-ID_MAX - 1, ID_MAX):
            assert getattr(events(metric(**{name: number}))[0], name) == number
    for value in (-VALUE_MAX, VALUE_MAX, 0):
        assert events(metric(value=value))[0].value == value
        assert events(count(value=value))[0].value == value
    for at in (1, NOW_S + 300):
        assert events(metric(ts2=at, ts1=0))[0] == Report(1, 8, 2, 41, 10, 0, at)
        assert events(count(ts=at))[0] == Count("hifive_1", 2, at, "m1")


def test_the_last_second_of_2199_is_booked_when_it_comes() -> None:
    body = msgspec.json.encode(metric(ts2=TIME_END_S - 1))
    assert RULES.events(body, TIME_END_S, "m1")[0] == Report(1, 8, 2, 41, 10, 5, TIME_END_S - 1)


REFUSED = [
    (metric(thing="walks"), "unknown_thing", "thing: 'walks'"),
    (metric(thing=""), "unknown_thing", "thing: ''"),
    (metric(thing="Steps"), "unknown_thing", "thing: 'Steps'"),
    (metric(thing=1), "wrong_type", "metric.thing: expected"),
    (metric(uid=1.5), "wrong_type", "metric.uid: expected"),
    (metric(uid="007"), "wrong_type", "uid: '007' is not a 64-bit integer as psd writes it"),
    (metric(uid=" a"), "wrong_type", "uid: ' a' begins or ends with white space"),
    (metric(uid=""), "wrong_type", "uid: '' is empty"),
    (metric(uid="x" * 129), "too_large", "uid: 'xxxx"),
    (metric(value=10.5), "wrong_type", "metric.value: expected"),
    (metric(value=True), "wrong_type", "metric.value: expected"),
    (metric(aid=None), "wrong_type", "metric.aid: expected"),
    (metric(uid=2**63), "wrong_type", "uid: 9223372036854775808 is not a 64-bit integer"),
    (metric(value=2**53), "out_of_bounds", "value: "),
    (metric(value=-(2**53)), "out_of_bounds", "value: "),
    (metric(value=2**63), "wrong_type", "value: "),
    (metric(ts2=0, ts1=0), "invalid_time", "ts2: 0"),
    (metric(ts2=-1, ts1=-2), "invalid_time", "ts2: -1"),
    (metric(ts1=-1), "invalid_time", "ts1: -1"),
    (metric(ts1=NOW_S + 1), "invalid_time", "ts1: "),
    (metric(ts1=2**63), "wrong_type", "ts1: "),
    (metric(ts2=2**63), "wrong_type", "ts2: "),
    (metric(ts2=TIME_END_S), "out_of_bounds", "ts2: "),
    (
        metric(ts2=1_460_419_200_000),
        "out_of_bounds",
        "ts2: 1460419200000 must be before the year 2200 (7258118400); it looks like milliseconds",
    ),
    (metric(ts2=NOW_S + 301), "too_early", f"ts2: {NOW_S + 301} is 301 s ahead"),
    (metric(mode="add"), "wrong_type", "mode: 'add'"),
    (metric(mode="increment"), "missing_id", "id: "),
    (metric(mode="increment", id=""), "missing_id", "id: "),
    (metric(mode="increment", id="e" * 257), "too_large", "id: "),
    (metric(mode="increment", id="e", ts2=NOW_S + 301), "too_early", "ts2: "),
    (count(thing="x"), "out_of_bounds", "thing: 'x' has 1 bytes"),
    (count(thing="é" * 33), "out_of_bounds", "thing: "),
    (count(ts=0), "invalid_time", "ts: 0"),
    (count(ts=NOW_S + 301), "too_early", "ts: "),
    (count(value=2**53), "out_of_bounds", "value: "),
    (count(value="2"), "wrong_type", "count.value: expected"),
    (count(id="e" * 257), "too_large", "id: "),
    ({"command": "metric"}, "malformed", "metric: missing"),
    ({"command": "metrics"}, "malformed", "metrics: missing"),
    ({"command": "count", "metric": METRIC}, "malformed", "count: missing"),
    ({"command": "metrics", "metrics": [METRIC] * 4}, "too_large", "metrics: 4 reports"),
    ({"command": "sum"}, "unknown_command", "command: 'sum'"),
    ({"metric": METRIC}, "unknown_command", "command: ''"),
    ({"command": 5}, "wrong_type", "command: expected"),
]


@pytest.mark.parametrize(("message", "code", "text"), REFUSED, ids=[each[2] for each in REFUSED])
def test_a_refusal_has_its_code_and_names_the_field(message: Any, code: str, text: str) -> None:
    found, words = refusal(message)
    assert found == code
    assert words.startswith(text), words


def test_a_name_of_64_bytes_and_an_id_of_256_are_booked() -> None:
    assert events(count(thing="é" * 32, id="e" * EVENT_ID_BYTES_MAX))
    assert events(count(thing="ab"))


@pytest.mark.parametrize("age", [DAY_S + 1, NOW_S - 1])
def test_older_than_the_oldest_age_is_too_late(age: int) -> None:
    at = NOW_S - age
    for message, name in (
        (metric(ts2=at, ts1=0), "ts2"),
        (metric(ts2=at, mode="increment", id="e"), "ts2"),
        (count(ts=at), "ts"),
    ):
        code, words = refusal(message, AGED)
        assert code == "too_late"
        assert words.startswith(f"{name}: {at} is {age} s old; at most {DAY_S} s")
        assert events(message), "without a limit any age is booked"


def test_the_oldest_age_itself_is_booked() -> None:
    assert events(metric(ts2=NOW_S - DAY_S), AGED)
    assert events(count(ts=NOW_S - DAY_S), AGED)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b" ", b"{", b"[]", b"5", b'"x"', b"null", b"{} {}", b'{"command": "metric"} x'),
        *(b"\xff\xfe", b"\x81", b"\xc0", b"\x90", b'{"command": "\xff"}', b"\x81\xa1x"),
        msgpack.packb({"command": "metric"}) + b"\x00",
    ],
)
def test_what_is_no_single_object_is_malformed(body: bytes) -> None:
    with pytest.raises(InputError) as caught:
        RULES.events(body, NOW_S, "m1")
    assert caught.value.code == "malformed"


def test_a_metric_is_encoded_as_it_is_read() -> None:
    assert RULES.events(encode_metric(METRIC), NOW_S, "m1") == [
        Report(1, 8, 2, 41, 10, 5, NOW_S),
    ]


def test_the_body_of_a_write_is_one_metric() -> None:
    assert RULES.report(decode_metric(msgspec.json.encode(METRIC)), NOW_S).aid == 41
    for body, code in {
        b'{"uid": "1"}': "wrong_type",
        b"[]": "malformed",
        b"\xff": "malformed",
    }.items():
        with pytest.raises(InputError) as caught:
            decode_metric(body)
        assert caught.value.code == code
