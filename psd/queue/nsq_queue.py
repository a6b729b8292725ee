"""The queue on nsqd: connections, what arrived and what is published, as one queue.

A worker's view, with two nsqd and max_in_flight 2,500 (RDY 1,250 each):

>>> queue = NsqQueue(QueueSettings(nsqd_addresses=("10.0.0.1:4150", "10.0.0.2:4150")))
>>> await queue.start()
>>> batch = await queue.receive(500, wait_s=0.005)
>>> await queue.finish(batch)
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

from psd.config import QueueSettings
from psd.queue.interface import Message, PublishProgress, Reach
from psd.queue.nsq import OUTPUT_BUFFER_TIMEOUT_MS, USER_AGENT, NsqdConnection
from psd.queue.nsq_guard import guard_of, https_of
from psd.queue.nsq_inbox import Inbox
from psd.queue.nsq_lookup import look_up
from psd.queue.nsq_members import Members
from psd.queue.nsq_names import check_settings
from psd.queue.nsq_publisher import Publisher

HEARTBEAT_INTERVAL_S = 10.0
SILENT_HEARTBEATS = 2.5
"""Heartbeats without a byte after which a connection counts as lost; nsqd allows us two."""


class NsqQueue:
    """:class:`psd.queue.interface.Queue` on nsqd.

    ``start`` subscribes at ``nsqd_addresses``, or, when ``lookupd_addresses`` are set, at
    every nsqd that they list. ``publish`` needs no ``start``; it goes to the first of
    ``nsqd_addresses`` that answers, else to one that was listed.
    """

    def __init__(
        self, settings: QueueSettings, *, heartbeat_interval_s: float = HEARTBEAT_INTERVAL_S
    ) -> None:
        check_settings(settings)
        self._settings = settings
        self._guard = guard_of(settings)
        self._https = https_of(settings)
        self._heartbeat_interval_s = heartbeat_interval_s
        self._inbox = Inbox()
        self._members = Members(self._subscribed_connection, self._look_up, self._changed)
        self._publisher = Publisher(self._publish_addresses, self._connection)
        self._watch: asyncio.Task[None] | None = None
        self._paused = False
        self._stopped = False

    @property
    def connected(self) -> list[str]:
        """Addresses of the nsqd that we are subscribed at now."""
        return [each.address for each in self._members.connections if each.alive]

    async def start(self) -> None:
        """Connect and subscribe; returns even when no address answers yet."""
        self._watch = asyncio.create_task(self._keep_watch())
        await self._members.start(self._settings.nsqd_addresses, self._settings.lookupd_addresses)

    async def receive(self, messages_max: int, wait_s: float) -> list[Message]:
        """Up to ``messages_max`` messages; see :class:`psd.queue.interface.Queue`."""
        return await self._inbox.take(messages_max, wait_s)

    async def finish(self, messages: Sequence[Message]) -> None:
        """FIN, in one send per nsqd; it is with the kernel when this returns."""
        for message in messages:
            message.receipt.finish(message.id.encode())
        # The send was planned for this turn of the event loop, so it comes before us.
        await asyncio.sleep(0)

    async def requeue(self, messages: Sequence[Message], delay_s: float) -> None:
        """REQ; nsqd caps the delay at an hour (--max-req-timeout)."""
        for message in messages:
            message.receipt.give_back(message.id.encode(), round(delay_s * 1000))

    async def touch(self, messages: Sequence[Message]) -> None:
        """TOUCH; nsqd extends up to 15 minutes after the delivery (--max-msg-timeout)."""
        for message in messages:
            message.receipt.touch(message.id.encode())

    async def pause(self) -> None:
        """RDY 0, and give back what nobody has received yet: another worker may be well."""
        self._paused = True
        self._spread_ready()
        await self.requeue(self._inbox.drain(), 0)

    async def resume(self) -> None:
        """Ask for messages again."""
        self._paused = False
        self._spread_ready()

    async def stop(self) -> None:
        """RDY 0; what has arrived may still be received."""
        self._stopped = True
        self._members.freeze()
        self._spread_ready()
        self._inbox.close()

    async def close(self) -> None:
        """Give back whatever is unfinished, leave the channels, close every socket."""
        await self.stop()
        await self._members.close()
        await self._publisher.close()
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    async def publish(
        self, topic: str, bodies: Sequence[bytes], progress: PublishProgress | None = None
    ) -> None:
        """See :meth:`psd.queue.nsq_publisher.Publisher.publish`."""
        await self._publisher.publish(topic, bodies, progress)

    async def reach(self) -> Reach:
        """Works with one nsqd; also with none while nsqlookupd says that none has the topic."""
        away = self._members.away()
        return Reach(bool(self.connected) or self._members.is_nowhere, away)

    def _publish_addresses(self) -> list[str]:
        given = self._settings.nsqd_addresses
        return [*given, *(each for each in self._members.addresses if each not in given)]

    async def _connection(self, address: str) -> NsqdConnection:
        identity = {
            "client_id": socket.gethostname(),
            "hostname": socket.gethostname(),
            "user_agent": f"psd {USER_AGENT}",
            "feature_negotiation": True,
            "heartbeat_interval": round(self._heartbeat_interval_s * 1000),
            "msg_timeout": self._settings.msg_timeout_s * 1000,
            "output_buffer_timeout": OUTPUT_BUFFER_TIMEOUT_MS,
        }
        connection = NsqdConnection(address, identity, self._arrived, self._guard)
        await connection.open()
        return connection

    async def _subscribed_connection(self, address: str) -> NsqdConnection:
        connection = await self._connection(address)
        try:
            await connection.subscribe(self._settings.topic, self._settings.channel)
        except BaseException:
            connection.abort()
            raise
        return connection

    async def _look_up(self, lookupd: str) -> Sequence[str]:
        return await look_up(lookupd, self._settings.topic, self._https)

    def _arrived(self, connection: NsqdConnection, messages: list[Message]) -> None:
        if self._paused or self._stopped:
            # They were under way when RDY 0 was sent.
            for message in messages:
                connection.give_back(message.id.encode())
        else:
            self._inbox.put(messages)

    def _changed(self, connection: NsqdConnection) -> None:
        if not connection.alive:
            self._inbox.discard(connection)
        self._spread_ready()

    def _spread_ready(self) -> None:
        taking = not (self._paused or self._stopped)
        self._members.spread_ready(self._settings.max_in_flight if taking else 0)

    async def _keep_watch(self) -> None:
        """Each second, or more often: find silent connections, touch, change turns."""
        loop = asyncio.get_running_loop()
        touch_interval_s = self._settings.msg_timeout_s / 3
        interval_s = min(1.0, touch_interval_s)
        touched_at_s = woken_at_s = loop.time()
        while True:
            await asyncio.sleep(interval_s)
            now_s = loop.time()
            # After a stall of our own, what nsqd sent meanwhile is still to be read.
            if now_s - woken_at_s < 2 * interval_s:
                self._members.abort_silent(SILENT_HEARTBEATS * self._heartbeat_interval_s)
            woken_at_s = now_s
            if now_s - touched_at_s >= touch_interval_s:
                # A message that waits here must not time out before it is received.
                await self.touch(list(self._inbox))
                touched_at_s = now_s
            if len(self._members.connections) > self._settings.max_in_flight:
                self._members.next_turn()
                self._spread_ready()
