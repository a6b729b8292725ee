"""How deep a message may be nested: to the limit exactly, in both formats, and never a crash."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from psd.engine.event_fields import decode_envelope, decode_metric
from psd.engine.event_rules import EventRules
from psd.engine.nesting import DEPTH_MAX, JSON, MSGPACK, check_nesting
from psd.errors import INPUT_ERRORS, TooLargeError

METRIC = {"thing": "steps", "uid": 1, "atid": 2, "aid": 3, "value": 1, "ts1": 5, "ts2": 9}
ENCODE = {"json": msgspec.json.encode, "msgpack": msgspec.msgpack.encode}
FORMS = {"json": JSON, "msgpack": MSGPACK}
RULES = EventRules(things={"steps": 1})


def nested(levels: int, kind: str) -> Any:
    """Lists, or maps, ``levels`` deep."""
    document: Any = 1
    for _ in range(levels):
        document = [document] if kind == "list" else {"a": document}
    return document


@pytest.mark.parametrize("kind", ["list", "map"])
@pytest.mark.parametrize("form", FORMS)
def test_the_limit_is_exact(form: str, kind: str) -> None:
    check_nesting(ENCODE[form](nested(5, kind)), FORMS[form], depth_max=5)
    with pytest.raises(TooLargeError, match="nested deeper than 4 levels"):
        check_nesting(ENCODE[form](nested(5, kind)), FORMS[form], depth_max=4)


@pytest.mark.parametrize("form", FORMS)
def test_what_stands_side_by_side_is_not_nested(form: str) -> None:
    document = {
        "a": [[] for _ in range(500)],
        "b": {str(n): {} for n in range(500)},
        "c": "[{" * 90,
    }
    check_nesting(ENCODE[form](document), FORMS[form], depth_max=3)
    with pytest.raises(TooLargeError):
        check_nesting(ENCODE[form](document), FORMS[form], depth_max=2)


def test_the_keys_of_a_map_are_looked_into() -> None:
    body = b"\x81" + b"\x91" * 40 + b"\x01\x01"
    with pytest.raises(TooLargeError):
        check_nesting(body, MSGPACK)


@pytest.mark.parametrize("form", FORMS)
def test_a_message_of_a_thousand_reports_is_as_deep_as_one_of_two(form: str) -> None:
    for count in (2, 1000):
        body = ENCODE[form]({"command": "metrics", "metrics": [METRIC] * count})
        assert len(decode_envelope(body, 3).metrics or ()) == count
        with pytest.raises(TooLargeError):
            decode_envelope(ENCODE[form]({"x": nested(3, "list"), "metrics": [METRIC] * count}), 3)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("levels", [DEPTH_MAX, DEPTH_MAX + 1, 300])
def test_an_unknown_field_is_passed_over_to_the_limit(form: str, levels: int) -> None:
    message = {"command": "metric", "metric": METRIC, "x": nested(levels - 1, "list")}
    if levels <= DEPTH_MAX:
        assert RULES.events(ENCODE[form](message), 100, "a")
        return
    with pytest.raises(TooLargeError) as refusal:
        RULES.events(ENCODE[form](message), 100, "a")
    assert refusal.value.code in INPUT_ERRORS
    assert not refusal.value.retryable, "a permanent refusal: it goes to the dead letter at once"


@pytest.mark.parametrize(
    "body",
    [
        b'{"x":' + b"[" * 500_000,
        b'{"x":' + b'{"a":' * 200_000,
        b"\x81\xa1x" + b"\x91" * 500_000,
        b"\x81\xa1x" + b"\x81\xa1a" * 200_000,
    ],
)
def test_a_depth_past_any_stack_is_refused(body: bytes) -> None:
    with pytest.raises(TooLargeError):
        decode_envelope(body)


@pytest.mark.parametrize("levels", [33, 900, 500_000])
def test_a_report_over_http_has_the_limit_too(levels: int) -> None:
    with pytest.raises(TooLargeError, match="nested deeper than 32 levels"):
        decode_metric(b'{"x":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}")
