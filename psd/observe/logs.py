"""Log lines: JSON on stderr for machines, one coloured line for people at a terminal.

Every line names time, level, logger and message; what was passed as ``extra`` follows as
fields of its own::

    log.info("batch booked", extra={"events": 500})
    -> {"time":"2016-04-12T00:00:00.000Z","level":"info","logger":"workers.runner",
        "message":"batch booked","events":500}

A JSON line that belongs to an HTTP request also has its ``trace_id``, ``span_id`` and
``request_id`` (:data:`CURRENT_REQUEST`, which server/tracing.py sets).
"""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from psd.config import LogSettings

_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record carries; anything else was passed as ``extra``."""


class RequestNames(msgspec.Struct, frozen=True, gc=False):
    """What an HTTP request is called: in its sender's trace, in ours, and by its sender."""

    trace_id: str
    span_id: str
    request_id: str


CURRENT_REQUEST: ContextVar[RequestNames | None] = ContextVar("CURRENT_REQUEST", default=None)
"""The request for which the running task, or a thread that it waits for, does its work."""

_COLOURS = {"DEBUG": "\x1b[2m", "INFO": "", "WARNING": "\x1b[33m", "ERROR": "\x1b[31m"}
_RESET = "\x1b[0m"


def configure_logging(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Send the logs of the whole process to ``stream`` (stderr when None)."""
    target = sys.stderr if stream is None else stream
    pretty = settings.format == "pretty" or (settings.format == "auto" and target.isatty())
    handler = logging.StreamHandler(target)
    handler.setFormatter(PrettyFormatter(colour=target.isatty()) if pretty else JsonFormatter())
    logging.basicConfig(level=settings.level.upper(), handlers=[handler], force=True)
    # asyncio tells at debug which selector it took, once a loop: noise among requests.
    logging.getLogger("asyncio").setLevel(max(logging.INFO, logging.getLogger().level))


def extra_fields(record: logging.LogRecord) -> dict[str, Any]:
    """What the caller passed as ``extra``."""
    return {name: value for name, value in vars(record).items() if name not in _OWN_FIELDS}


def request_fields() -> dict[str, str]:
    """The names of the current request; nothing outside of one."""
    names = CURRENT_REQUEST.get()
    if names is None:
        return {}
    return {
        "trace_id": names.trace_id,
        "span_id": names.span_id,
        "request_id": names.request_id,
    }


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **request_fields(),
            **extra_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


class PrettyFormatter(logging.Formatter):
    """``12:00:00 info    server  message  key=value``, the level in colour."""

    def __init__(self, *, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end; a traceback follows on lines of its own."""
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        fields = "".join(f"  {name}={value}" for name, value in extra_fields(record).items())
        level = record.levelname.lower()
        line = f"{at} {level:<7} {record.name}  {record.getMessage()}{fields}"
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        colour = _COLOURS.get(record.levelname, "") if self._colour else ""
        return f"{colour}{line}{_RESET}" if colour else line
