"""How answers and errors are written."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from psd import errors
from psd.errors import (
    BusyError,
    DetailExpiredError,
    MalformedError,
    OutcomeUnknownError,
    OutOfBoundsError,
    PsdError,
    QueueUnavailableError,
    StoreUnavailableError,
    TooLargeError,
    TooLateError,
    WrongTypeError,
)
from server.answers import not_found, original_json, redirect
from server.errors import STATUSES, answer_error, status_of


def test_keys_come_sorted_and_without_blanks() -> None:
    value = {"b": 1, "a": {"10": 1, "9": [2, 3]}}
    assert original_json(value) == b'{"a":{"10":1,"9":[2,3]},"b":1}'


def test_what_go_escapes_is_escaped() -> None:
    assert original_json({"<a>&\u2028\u2029": 0}) == b'{"\\u003ca\\u003e\\u0026\\u2028\\u2029":0}'
    assert original_json('\b\f\n\t\x01\\b"é') == b'"\\u0008\\u000c\\n\\t\\u0001\\\\b\\"\xc3\xa9"'


@given(st.dictionaries(st.text(), st.integers(-(2**53), 2**53)))
def test_every_json_reads_back_as_what_it_was(value: dict[str, int]) -> None:
    assert json.loads(original_json(value)) == value


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MalformedError("x"), 400),
        (WrongTypeError("x"), 400),
        (OutOfBoundsError("x"), 406),
        (TooLateError("x"), 406),
        (TooLargeError("x"), 422),
        (DetailExpiredError("x", "day"), 410),
        (StoreUnavailableError("x"), 503),
        (OutcomeUnknownError("x"), 504),
        (QueueUnavailableError("x"), 503),
        (PsdError("x"), 500),
    ],
)
def test_each_error_has_the_status_of_its_nearest_class(error: PsdError, status: int) -> None:
    assert status_of(error) == status


def test_every_input_error_is_the_senders_fault() -> None:
    for kind in errors.INPUT_ERRORS.values():
        assert 400 <= status_of(kind("x")) < 500


def test_no_retryable_error_is_told_as_the_senders_fault() -> None:
    assert {status for kind, status in STATUSES.items() if kind.retryable} == {429, 503, 504}


def test_a_retryable_error_says_when_to_come_back() -> None:
    assert answer_error(StoreUnavailableError("x"), "text").headers["Retry-After"] == "1"
    busy = answer_error(BusyError("x", retry_after_s=7), "problem")
    assert (busy.status, busy.headers["Retry-After"]) == (429, "7")
    assert "Retry-After" not in answer_error(TooLateError("x"), "text").headers


def test_each_style_tells_an_error_in_its_own_words() -> None:
    error = OutOfBoundsError("value: too much")
    assert answer_error(error, "text").body == b"value: too much"
    assert answer_error(error, "json").body == b'{"error":"value: too much"}'
    told = answer_error(error, "problem")
    assert told.content_type == "application/problem+json"
    assert isinstance(told.body, bytes)
    assert msgspec.json.decode(told.body) == {
        "type": "about:blank",
        "title": "Not Acceptable",
        "status": 406,
        "code": "out_of_bounds",
        "detail": "value: too much",
    }


def test_expired_detail_names_what_is_still_exact() -> None:
    told = answer_error(DetailExpiredError("seconds of 2016-04 have expired", "day"), "text")
    assert told.body == b"seconds of 2016-04 have expired (exact down to: day)"


def test_a_redirect_carries_the_originals_page() -> None:
    told = redirect('/v1/readcount/a"b/0/1?x=1&y=2', keep_method=False)
    assert told.status == 301
    assert told.body == (
        b'<a href="/v1/readcount/a&#34;b/0/1?x=1&amp;y=2">Moved Permanently</a>.\n\n'
    )


def test_an_unknown_path_gets_the_originals_text() -> None:
    assert (not_found().status, not_found().body) == (404, b"404 page not found")


@pytest.mark.parametrize(
    "text",
    [
        "redis: NOPERM: NOPERM User psd has no permissions to run the 'evalsha' command",
        "redis: OOM: OOM command not allowed when used memory > 'maxmemory'.",
        "redis: READONLY: script: 0a1b2c, on @user_script:3.",
    ],
)
def test_of_what_redis_says_the_code_alone_is_told(text: str) -> None:
    answer = answer_error(StoreUnavailableError(text), "text")
    code = text.split(":")[1].strip()
    assert answer.body == f"redis: {code}: it does not work now".encode()
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize("kind", [errors.StoreError, errors.ShapeError, errors.SourceError])
def test_what_is_nobody_s_fault_but_ours_is_told_by_its_code(kind: type[PsdError]) -> None:
    answer = answer_error(kind("ERR f_0a1b2c @user_script:3"), "json")
    assert answer.status == 500
    assert json.loads(answer.body or b"") == {
        "error": f"{kind.code}: an unexpected error; it was logged"
    }
