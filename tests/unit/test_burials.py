"""The lines that dead letters make in a worker's log."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
import pytest

from psd.queue.deadletter import Letter
from tests.support.waiting import wait_until
from workers.burials import LINES_MAX, BurialLog, kind_of


def letter(body: bytes = b"poison", code: str = "malformed", reason: str = "no") -> Letter:
    return Letter("m1", "psd", code, reason, 1, 1_460_419_200, body)


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(record) | {"text": record.getMessage()} for record in caplog.records]


async def test_a_line_names_kind_code_reason_and_id_and_never_the_body(
    caplog: pytest.LogCaptureFixture,
) -> None:
    body = msgspec.json.encode({"command": "metric", "metric": {"uid": "a secret"}})
    burials = BurialLog()
    burials.note(letter(body, "wrong_type", "metric.uid: expected `int`, got `str`"))
    burials.close()
    (line,) = lines(caplog)
    assert line["levelno"] == logging.WARNING
    assert line["text"] == "a message went to the dead letter"
    assert (line["kind"], line["code"], line["id"]) == ("metric", "wrong_type", "m1")
    assert line["reason"] == "metric.uid: expected `int`, got `str`"
    assert "secret" not in str(line)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"command":"count","count":5}', "count"),
        (msgspec.msgpack.encode({"command": "metric"}), "metric"),
        (b"poison", ""),
        (b'{"command":5}', ""),
        (b"\xff\xfe", ""),
        (b"{" * 5000, ""),
        (b'{"command":"two\\nlines"}', r"'two\nlines'"),
        (msgspec.json.encode({"command": "x" * 1000}), "x" * 40),
    ],
)
def test_the_kind_is_the_command_where_there_is_one(body: bytes, kind: str) -> None:
    assert kind_of(body) == kind


async def test_a_reason_is_one_line_without_control_characters(
    caplog: pytest.LogCaptureFixture,
) -> None:
    burials = BurialLog()
    burials.note(letter(reason="first\n\x1b[2Jsecond"))
    burials.close()
    assert lines(caplog)[0]["reason"] == r"'first\n\x1b[2Jsecond'"


async def test_of_a_flood_a_few_have_lines_and_the_others_are_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    burials = BurialLog(window_s=0.05)
    for number in range(LINES_MAX + 5000):
        burials.note(letter(code="too_early" if number % 2 else "malformed"))
    assert len(caplog.records) == LINES_MAX
    await wait_until("the window ends", lambda: len(caplog.records) == LINES_MAX + 1)
    last = lines(caplog)[-1]
    assert (last["text"], last["too_early"], last["malformed"]) == (
        "more messages went to the dead letter",
        2500,
        2500,
    )
    burials.note(letter())
    burials.close()
    assert len(caplog.records) == LINES_MAX + 2
