"""``psd`` that dies between two commands, or whose store does.

``python -m tests.chaos.cut_psd worker`` is ``psd worker``; what it sends to Redis is counted,
command by command, from its first booking, withdrawal, decision or sealed log on::

    CUT_PSD=command:7         it dies with 7 of them carried out, and nothing of the eighth
    CUT_PSD=store:7:4711      process 4711, its Redis, dies there

A trip that is cut is sent up to there and answered, so a transaction that was begun is dropped.
Logs are sealed at once, because a trial has no two seconds for each sealing.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Any
from unittest import mock

from redis.asyncio import Connection

from psd.cli.main import main
from psd.columns import sealing
from psd.store.link import Link
from psd.store.scripts import load_script
from psd.store.sending import Command

VARIABLE = "CUT_PSD"
BEGINNINGS = ("engine.book", "engine.withdraw", "decisions.turn")
"""Scripts from whose first call on commands are counted; so they are from an APPEND on."""

_asked = Link._asked


class Cut:
    """Who dies, once so many commands are carried out."""

    def __init__(self, victim: int, commands: int) -> None:
        self._victim = victim
        self._left = commands
        self._is_counting = False
        self._scripts = {load_script(name).sha for name in BEGINNINGS}

    def within(self, commands: list[Command]) -> int | None:
        """How many of a trip are the last that are carried out, None for all and more."""
        self._is_counting = self._is_counting or any(map(self._begins, commands))
        if not self._is_counting or self._left < 0:
            return None
        self._left -= len(commands)
        return self._left + len(commands) if self._left < 0 else None

    def _begins(self, command: Command) -> bool:
        name, first, *_ = (*command, "")
        return name == "APPEND" or (name == "EVALSHA" and first in self._scripts)

    def strike(self) -> None:
        """The end."""
        with suppress(ProcessLookupError):
            os.kill(self._victim, signal.SIGKILL)


def cut_of(text: str) -> Cut:
    """``command:7`` -> this process, after seven."""
    who, commands, *store = text.split(":")
    return Cut(int(store[0]) if who == "store" else os.getpid(), int(commands))


def asking(cut: Cut) -> Any:
    """What stands in the place of a connection's way to ask."""

    async def asked(self: Link, connection: Connection, commands: list[Command]) -> list[Any]:
        at = cut.within(commands)
        if at is None:
            return await _asked(self, connection, commands)
        done = await _asked(self, connection, commands[:at]) if at else []
        cut.strike()
        return [*done, *await _asked(self, connection, commands[at:])]

    return asked


if __name__ == "__main__":
    armed = os.environ.get(VARIABLE, "")
    with mock.patch.object(sealing, "QUIET_S", 0):
        if armed:
            with mock.patch.object(Link, "_asked", asking(cut_of(armed))):
                main()
        else:
            main()
