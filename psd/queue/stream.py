"""The queue of a laptop: a Redis Stream with a consumer group, no nsqd needed.

A topic is the stream ``psd:stream:<topic>``, a channel its group, a process one consumer of
the group. A message is an entry ``{b: body}``; its id is the entry's id. What nsqd does is
done with the group's list of pending entries:

=========  =====================================================================
receive    XREADGROUP >, and XAUTOCLAIM of what was pending for ``msg_timeout_s``
finish     XACK and XDEL in one transaction, so that a topic holds unfinished work only
requeue    XCLAIM with the idle time set, so that it becomes overdue after the delay
touch      XCLAIM JUSTID, which sets the idle time to 0 and counts no delivery
=========  =====================================================================

Because finishing deletes, a topic serves one channel. A delay past ``msg_timeout_s`` is cut
to ``msg_timeout_s``. Nothing is ever trimmed. Example: with a timeout of 60 s, an entry
read at 12:00:00 by a worker that was killed is delivered to another one, with attempts 2,
between 12:01:00 and 12:01:01.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from psd.backoff import backoff_s
from psd.errors import QueueUnavailableError, StoreUnavailableError
from psd.outages import outage
from psd.queue.inflight import InFlight
from psd.queue.interface import Message, PublishProgress, Reach
from psd.queue.stream_entries import READ_ENTRIES_MAX, StreamEntries, message_of
from psd.store.key_clients import KeyClients, OneClient, call_following, leave_replica
from psd.store.keys import stream_key

log = logging.getLogger(__name__)

T = TypeVar("T")

BLOCK_MS = 250
"""How long one read waits: below every client timeout, short enough to stop promptly, and
four commands a second when there is nothing to do."""

CALL_TIMEOUT_S = 1.5
CLAIM_EVERY_S = 1.0
RECOVER_FOR_S = 5.0
"""How long after a failed read to look for entries that a lost reply assigned to us: a server
that was stopped executes the reads of connections that are long closed when it goes on."""

RETRY_FIRST_S = 0.05
RETRY_MAX_S = 1.0
CONSUMER_FORGOTTEN_AFTER_MS = 3_600_000


class StreamQueue:
    """One topic and channel on one Redis; see :class:`psd.queue.interface.Queue`.

    The client, or what finds that of a stream in a cluster, is the caller's: it is not closed
    here, and needs no timeout of its own. ``max_in_flight`` bounds what is received and not yet
    finished.
    """

    def __init__(
        self,
        client: Redis | KeyClients,
        topic: str,
        channel: str,
        msg_timeout_s: float = 60.0,
        max_in_flight: int = 2500,
        call_timeout_s: float = CALL_TIMEOUT_S,
    ) -> None:
        self._clients: KeyClients = OneClient(client) if isinstance(client, Redis) else client
        self._call_timeout_s = call_timeout_s
        self._key = stream_key(topic)
        self._group = channel
        self._consumer = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._timeout_ms = int(msg_timeout_s * 1000)
        self._max_in_flight = max_in_flight
        self._in_flight = InFlight(max_in_flight)
        self._entries = StreamEntries(self._key, channel, self._consumer, self._in_flight)
        self._may_read = asyncio.Event()
        self._stopping = asyncio.Event()
        self._joined = False
        self._paused = False
        self._claim_at_s = 0.0
        self._recover_until_s = 0.0
        self._reader: asyncio.Task[None] | None = None
        self._client: Redis

    async def start(self) -> None:
        """Begin to read, in the background; Redis may still be away."""
        self._update_may_read()
        self._reader = asyncio.create_task(self._read_until_stopped(), name="stream-reader")

    async def receive(self, messages_max: int, wait_s: float) -> list[Message]:
        """Wait for messages; see the seam. May be cancelled without losing one."""
        return await self._in_flight.take(messages_max, wait_s)

    async def finish(self, messages: Sequence[Message]) -> None:
        """Acknowledge and delete."""
        if not messages:
            return
        ids = [message.id for message in messages]

        async def finish(client: Redis) -> None:
            pipe = client.pipeline(transaction=True)
            pipe.xack(self._key, self._group, *ids)
            pipe.xdel(self._key, *ids)
            await pipe.execute()

        await self._answer("finish", self._key, finish)
        self._let_go(ids)

    async def requeue(self, messages: Sequence[Message], delay_s: float) -> None:
        """Make the messages overdue ``delay_s`` from now, for any consumer."""
        ids = [message.id for message in messages]
        await self._set_idle("requeue", ids, max(0, self._timeout_ms - int(delay_s * 1000)))
        self._let_go(ids)
        self._claim_at_s = min(self._claim_at_s, asyncio.get_running_loop().time() + delay_s)

    async def touch(self, messages: Sequence[Message]) -> None:
        """Set the idle time to 0."""
        await self._set_idle("touch", [message.id for message in messages], 0)

    async def pause(self) -> None:
        """Read no further; a read that is under way may still bring messages."""
        self._paused = True
        self._update_may_read()

    async def resume(self) -> None:
        """Read again."""
        self._paused = False
        self._update_may_read()

    async def stop(self) -> None:
        """Read no further, for good."""
        self._stopping.set()
        self._may_read.set()
        if self._reader is None:
            self._in_flight.end()

    async def close(self) -> None:
        """Give back what was not finished, at once and to any consumer."""
        await self.stop()
        if self._reader is None:
            return
        await self._reader
        self._reader = None
        unfinished = self._in_flight.clear()
        try:
            await self._set_idle("close", unfinished, self._timeout_ms)
        except QueueUnavailableError as error:
            log.warning("unfinished messages come back late", extra={"error": str(error)})

    async def publish(
        self, topic: str, bodies: Sequence[bytes], progress: PublishProgress | None = None
    ) -> None:
        """Append the messages, all or none."""
        if not bodies:
            return
        progress = progress or PublishProgress()
        key = stream_key(topic)

        async def publish(client: Redis) -> None:
            pipe = client.pipeline(transaction=True)
            for body in bodies:
                pipe.xadd(key, {b"b": body})
            # Without a connection, or too late for whoever waited, nothing is sent, and known so.
            pool = client.connection_pool
            await pool.release(await pool.get_connection())
            if progress.given_up:
                raise QueueUnavailableError("queue: publish: it answered too late")
            progress.unknown = len(bodies)
            try:
                await pipe.execute()
            except ResponseError:
                progress.unknown = 0
                raise

        await self._answer("publish", key, publish)
        progress.known, progress.unknown = len(bodies), 0

    async def reach(self) -> Reach:
        """Asks the server that has the stream."""
        try:
            await self._answer("reach", self._key, lambda client: client.exists(self._key))
        except QueueUnavailableError as error:
            return Reach(False, (str(error),))
        return Reach(True)

    def _let_go(self, ids: Sequence[str]) -> None:
        self._in_flight.let_go(ids)
        self._update_may_read()

    def _update_may_read(self) -> None:
        if self._stopping.is_set() or (self._in_flight.room > 0 and not self._paused):
            self._may_read.set()
        else:
            self._may_read.clear()

    async def _set_idle(self, action: str, ids: Sequence[str], idle_ms: int) -> None:
        if not ids:
            return

        async def claim(client: Redis) -> None:
            await client.xclaim(
                self._key, self._group, self._consumer, 0, list(ids), idle=idle_ms, justid=True
            )

        await self._answer(action, self._key, claim)

    async def _answer(self, action: str, key: str, call: Callable[[Redis], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self._call_timeout_s):
                return await call_following(self._clients, key, call)
        except (RedisError, OSError, StoreUnavailableError) as exc:
            reason = outage(exc, self._call_timeout_s)
            raise QueueUnavailableError(f"queue: {action}: {reason}") from exc

    async def _read_until_stopped(self) -> None:
        try:
            while not self._stopping.is_set():
                await self._may_read.wait()
                messages = [] if self._stopping.is_set() else await self._read_patiently()
                if messages:
                    self._in_flight.add(messages)
                    self._update_may_read()
        finally:
            self._in_flight.end()

    async def _read_patiently(self) -> list[Message]:
        failures = 0
        while not self._stopping.is_set():
            try:
                async with asyncio.timeout(BLOCK_MS / 1000 + self._call_timeout_s):
                    self._client = await self._clients.client_of(self._key)
                    if not self._joined:
                        await self._join()
                    return await self._read()
            except (RedisError, OSError, StoreUnavailableError) as error:
                await self._follow(error)
                if not failures:
                    log.warning("the stream cannot be read, trying on", extra={"error": str(error)})
            self._joined = False
            self._recover_until_s = asyncio.get_running_loop().time() + RECOVER_FOR_S
            failures += 1
            await self._sleep_unless_stopped(backoff_s(failures, RETRY_FIRST_S, RETRY_MAX_S))
        return []

    async def _follow(self, error: Exception) -> None:
        with contextlib.suppress(StoreUnavailableError):
            await self._clients.follow(error)
            await leave_replica(await self._clients.client_of(self._key), error)

    async def _sleep_unless_stopped(self, delay_s: float) -> None:
        try:
            async with asyncio.timeout(delay_s):
                await self._stopping.wait()
        except TimeoutError:
            pass

    async def _join(self) -> None:
        """Create the group if it is not there, and forget consumers that are long gone."""
        try:
            await self._client.xgroup_create(self._key, self._group, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
        self._joined = True
        for consumer in await self._client.xinfo_consumers(self._key, self._group):
            if not consumer["pending"] and consumer["idle"] > CONSUMER_FORGOTTEN_AFTER_MS:
                await self._client.xgroup_delconsumer(self._key, self._group, consumer["name"])

    async def _read(self) -> list[Message]:
        """What is overdue first, so that a flood of new messages never starves it."""
        now_s = asyncio.get_running_loop().time()
        if now_s >= self._claim_at_s:
            most = self._max_in_flight + READ_ENTRIES_MAX
            recovers = now_s < self._recover_until_s
            lost = await self._entries.lost(self._client, most) if recovers else []
            overdue = lost + await self._entries.overdue(self._client, self._timeout_ms)
            self._claim_at_s = now_s + min(CLAIM_EVERY_S, self._timeout_ms / 4000)
            if overdue:
                return overdue
        block_ms = min(BLOCK_MS, int((self._claim_at_s - now_s) * 1000))
        reply: Any = await self._client.xreadgroup(
            self._group,
            self._consumer,
            {self._key: ">"},
            count=min(READ_ENTRIES_MAX, max(1, self._in_flight.room)),
            block=max(1, block_ms),
        )
        return [message_of(entry, fields, 1) for _, page in reply for entry, fields in page]
