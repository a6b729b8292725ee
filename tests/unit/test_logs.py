"""What a log line looks like."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import msgspec
import pytest

from psd.config import LogSettings
from psd.observe.logs import configure_logging


@pytest.fixture(autouse=True)
def _loggers_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_is_one_json_object_with_its_extra_fields() -> None:
    stream = io.StringIO()
    configure_logging(LogSettings(), stream)
    logging.getLogger("workers.runner").info("batch %s", "booked", extra={"events": 500})
    line = msgspec.json.decode(stream.getvalue())
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "workers.runner",
        "message": "batch booked",
        "events": 500,
    }


def test_an_exception_stays_on_its_line() -> None:
    stream = io.StringIO()
    configure_logging(LogSettings(), stream)
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("server").exception("request failed")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: broken" in msgspec.json.decode(line)["exception"]


def test_what_is_below_the_level_is_not_written() -> None:
    stream = io.StringIO()
    configure_logging(LogSettings(level="warning"), stream)
    logging.getLogger("server").info("listening")
    assert stream.getvalue() == ""


def test_the_pretty_format_is_for_people() -> None:
    stream = io.StringIO()
    configure_logging(LogSettings(format="pretty"), stream)
    logging.getLogger("server").warning("slow", extra={"seconds": 3})
    assert stream.getvalue().endswith("warning server  slow  seconds=3\n")
