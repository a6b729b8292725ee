"""The span of commands that travel together: which scripts, how many, how long they waited.

::

    (EVALSHA <sha of engine.sum> ...)                    -> EVALSHA engine.sum
    (EVALSHA <engine.book>) x 40, (EVALSHA <engine.sum>) -> PIPELINE EVALSHA, of 41

Names of keys, and what is asked of them, stand in none: they name users.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from psd.errors import PsdError
from psd.observe.spans import TraceSpan
from psd.store.scripts import loaded_name
from psd.store.sending import Command


class CallSpan:
    """Of one parcel of a lane, from when it was handed over until it is answered."""

    __slots__ = ("_since_s", "_span")

    def __init__(self, parent: TraceSpan, commands: Sequence[Command]) -> None:
        self._since_s = time.perf_counter()
        self._span = parent.child(name_of(commands), "client", attributes_of(commands))

    def sent(self) -> None:
        """It leaves for Redis."""
        waited_ms = (time.perf_counter() - self._since_s) * 1000
        self._span.tell({"psd.lane.wait_ms": round(waited_ms, 3)})

    def answered(self, future: asyncio.Future[list[Any]]) -> None:
        """Nobody waits for it any more."""
        self._span.end(_error_in(future))


def name_of(commands: Sequence[Command]) -> str:
    """What it is called in a trace."""
    names = script_names_in(commands)
    verbs = {str(command[0]) for command in commands}
    words = ["PIPELINE"] if len(commands) > 1 else []
    words += verbs if len(verbs) == 1 else []
    return " ".join([*words, *(names if len(names) == 1 else [])])


def attributes_of(commands: Sequence[Command]) -> dict[str, str | int | Sequence[str]]:
    """By the semantic conventions for databases, and what they have no word for."""
    names = script_names_in(commands)
    told: dict[str, str | int | Sequence[str]] = {
        "db.system.name": "redis",
        "db.operation.name": "PIPELINE" if len(commands) > 1 else str(commands[0][0]),
        "psd.scripts": names,
    }
    if len(commands) > 1:
        told["db.operation.batch.size"] = len(commands)
    if len(names) == 1:
        told["db.stored_procedure.name"] = names[0]
    return told


def script_names_in(commands: Sequence[Command]) -> list[str]:
    """Those that are called, each once, in the order of their first call."""
    shas = dict.fromkeys(command[1] for command in commands if command[0] == "EVALSHA")
    return [loaded_name(sha) or "unknown" for sha in shas]


def _error_in(future: asyncio.Future[list[Any]]) -> str:
    """The code of what went wrong; empty where all is well."""
    if future.cancelled():
        return "cancelled"
    error = future.exception()
    if error is None:
        error = next((each for each in future.result() if isinstance(each, PsdError)), None)
    if error is None:
        return ""
    return error.code if isinstance(error, PsdError) else type(error).__name__
