"""One connection of a lane: made when it is needed, looked at, and dropped when a trip on it fails.

On a new connection the server behind it is asked what it is before anything else is sent, and
again a second later and every second on, ahead of the commands of the next trip
(psd/store/standing.py). So that costs a trip a connection, and no trip later::

    connect, (INFO server, INFO replication, ..., GET psd:schema)   the server is looked at
    (EVALSHA engine.book ...) (EVALSHA ...)                         trips
    (INFO server, ..., EVALSHA engine.book ...)                     a second later
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Any, cast

from redis.asyncio import Connection, Redis
from redis.exceptions import NoScriptError, RedisError

from psd.failpoints import reach
from psd.store.joined_calls import JoinedTrip, can_be_joined
from psd.store.replies import is_of_replica
from psd.store.scripts import read_sources
from psd.store.sending import Command, receive, send, write
from psd.store.watch import Watch

UNJOINED_S = 0.1
"""After joined calls were refused, which may have cost 8 ms: who brings what is too much for a call
brings more of it."""


class Link:
    """One connection; the server behind it is held against ``watch``, if one is given."""

    def __init__(self, client: Redis, watch: Watch | None = None) -> None:
        self._client = client
        self._watch = watch
        self._looked_at_s = 0.0
        self._joins_again_s = 0.0
        self._connection: Connection | None = None
        self.connections_made = 0
        self.has_sent = False

    async def exchange(self, commands: list[Command]) -> list[Any]:
        """Replies by position; calls that can be joined are (psd/store/joined_calls.py).

        Where joined calls were refused, as which nothing was written, each goes again alone, and
        none are joined for a while. Raises and ``has_sent`` as :meth:`_exchange`.
        """
        if not can_be_joined(commands) or time.monotonic() < self._joins_again_s:
            return await self._exchange(commands)
        trip = JoinedTrip(commands)
        replies, refused = trip.apart(await self._exchange(trip.commands))
        if refused:
            self._joins_again_s = time.monotonic() + UNJOINED_S
            try:
                again = await self._exchange([commands[at] for at in refused])
            finally:
                # Whatever became of these, the others were sent.
                self.has_sent = True
            for at, reply in zip(refused, again, strict=True):
                replies[at] = reply
        return replies

    async def _exchange(self, commands: list[Command]) -> list[Any]:
        """Replies by position; a script the server has forgotten is loaded and called again.

        Raises RefusedError where the server is none to work with. What was sent ahead of that
        may have been executed; on a new connection nothing was sent. Afterwards ``has_sent`` says
        whether any command has left, also of a trip that failed.
        """
        self.has_sent = False
        connection = await self._connected()
        self.has_sent = True
        replies = await self._asked(connection, commands)
        if [reply for reply in replies if isinstance(reply, RedisError)]:
            await self._settle_errors(connection, commands, replies)
        return replies

    async def _settle_errors(
        self, connection: Connection, commands: list[Command], replies: list[Any]
    ) -> None:
        """Put other replies in the place of those that say that a script is missing."""
        missing = [at for at, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if missing:
            # A WAIT that was answered speaks of the writes before it; it follows them again.
            missing += [at for at in range(missing[0], len(commands)) if commands[at][0] == "WAIT"]
            missing.sort()
            loads: list[Command] = [("SCRIPT", "LOAD", source) for source in read_sources()]
            await send(connection, loads)
            again = await send(connection, [commands[at] for at in missing])
            for at, reply in zip(missing, again, strict=True):
                replies[at] = reply
        if any(is_of_replica(reply) for reply in replies):
            # Its master may be where a new connection leads; other connections look anew, too.
            if self._watch is not None:
                self._watch.doubt()
            await self.disconnect()

    async def disconnect(self) -> None:
        """Drop the connection; replies still on their way are never read."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                await connection.disconnect(nowait=True)

    async def _connected(self) -> Connection:
        if self._connection is not None and (
            _has_ended(self._connection) or (self._watch is not None and self._watch.is_refused)
        ):
            # The server was restarted since the last trip: that must not cost this one. Or another
            # connection found that it is none to work with.
            await self.disconnect()
        if self._connection is None:
            connection = cast("Connection", self._client.connection_pool.make_connection())
            if self._watch is not None:
                self._looked_at_s = self._watch.now_s()
            # A client that psd/store/redis.py makes looks at its server before this returns.
            try:
                await connection.connect()
            except BaseException:
                # redis-py closes what it opened after its own errors, not after a timeout.
                await connection.disconnect(nowait=True)
                raise
            self.connections_made += 1
            self._connection = connection
        return self._connection

    async def _asked(self, connection: Connection, commands: list[Command]) -> list[Any]:
        """The replies; every now and then the server is looked at again with the same trip."""
        watch = self._watch
        ahead: Sequence[Command] = ()
        if watch is not None and watch.is_due(self._looked_at_s):
            ahead = watch.questions
            self._looked_at_s = watch.now_s()
        await write(connection, [*ahead, *commands])
        if commands[0][0] in ("EVALSHA", "SADD", "ZADD"):
            reach("after_send")
        replies = await receive(connection, len(ahead) + len(commands))
        if watch is not None and ahead:
            await watch.judge(connection, replies[: len(ahead)])
        return replies[len(ahead) :]


def _has_ended(connection: Connection) -> bool:
    """Whether the server has closed an idle connection; redis-py only asks the socket."""
    reader = connection._reader
    return reader is None or reader.at_eof()
