"""The view that the connections to one server have of it: when to look, and what to make of it.

::

    watch.greet(connection)          on a new connection, before anything else is sent there
    watch.is_due(looked_at_s)        a second later: the questions go ahead of the next trip
    watch.judge(connection, told)    and what they are answered is held against what must be

What is known is the process's, in psd/store/standing.py; what is wrong with a server there is
raised here as :class:`~psd.store.sending.RefusedError`, which redis-py and lanes take for a
connection that cannot be made.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from redis.asyncio import Connection

from psd.errors import PsdError
from psd.store.sending import Command, RefusedError, send
from psd.store.server_answers import DURABILITY, QUESTIONS
from psd.store.standing import LOOK_EVERY_S, KnownServers


class Watch:
    """The view that the connections to one server have of it; ``node`` is empty for the one."""

    questions: Sequence[Command] = QUESTIONS

    def __init__(self, standing: KnownServers, node: str, asks_durability: bool) -> None:
        self._standing = standing
        self._node = node
        self._on_connect = (*QUESTIONS, *DURABILITY) if asks_durability else QUESTIONS

    @property
    def generation(self) -> int:
        """Rises when a server, or what the store holds, may be another than before."""
        return self._standing.generation

    @property
    def is_refused(self) -> bool:
        """Whether some connection has found that the server is none to work with."""
        return self._standing.problem_at(self._node) is not None

    def now_s(self) -> float:
        """A moment for :meth:`is_due`."""
        return time.monotonic()

    def is_due(self, looked_at_s: float) -> bool:
        """Whether a connection over which the server was looked at then is to look again."""
        is_old = time.monotonic() - looked_at_s >= LOOK_EVERY_S
        return is_old or looked_at_s <= self._standing.doubted_at_s

    def doubt(self) -> None:
        """Every connection is to look again with its next trip."""
        self._standing.doubt()

    async def judge(self, connection: Connection, replies: Sequence[Any]) -> None:
        """Hold what a connection that was there already was told; raises RefusedError."""
        try:
            await self._standing.judge(self._node, replies, partial(send, connection))
        except PsdError as error:
            raise RefusedError(error) from error

    async def greet(self, connection: Connection) -> None:
        """Introduce psd on a new connection, and look at the server; raises RefusedError."""
        await connection.on_connect()
        replies = await send(connection, self._on_connect)
        try:
            await self._standing.judge_new(self._node, replies, partial(send, connection))
        except PsdError as error:
            raise RefusedError(error) from error
