"""The NSQ adapter: nsq-py 0.1.12 on asyncio, hardened. The only file that imports nsq.

From nsq-py come the protocol (every command, the frames, the negotiation after IDENTIFY, the
errors) and the backoff. What its ``Connection``, ``Client`` and ``Reader`` do with sockets,
threads and select is replaced, here and in the nsq_* modules beside, because as published

- a closed connection reads as b"" for ever: it spins a core and stays deaf after an nsqd
  restart. Here the event loop reports the end; a silent peer is hung up on after 2.5
  heartbeats; each address is dialled again after 0.1 s, doubling to 1 s, with jitter.
- a full socket buffer puts unsent bytes into two buffers and sends them twice. Here the
  transport owns what is unsent.
- ``Client.close`` closes nothing (a lazy ``map``). Here: RDY 0, hand back, CLS, CLOSE_WAIT.
- topics must be bytes; an empty or unknown frame raises; an error closes one connection
  and leaves its RDY share unused; the own host name is looked up in DNS at each connect.
- lost connections and nsqlookupd are looked at every 60 s, without a timeout. Here each
  nsqlookupd is asked every 2 s, for at most 2 s.
- it reads 4 KiB at a time. Here up to 256 KiB, and all commands of one turn of the event
  loop (500 FINs: 10 KB) leave in one send, with TCP_NODELAY.

A worker's view, with two nsqd and max_in_flight 2,500 (RDY 1,250 each):

>>> queue = NsqQueue(QueueSettings(nsqd_addresses=("10.0.0.1:4150", "10.0.0.2:4150")))
>>> await queue.start()
>>> batch = await queue.receive(500, wait_s=0.005)
>>> await queue.finish(batch)
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import nsq
from nsq.backoff import Clamped, Exponential
from nsq.connection import Connection
from nsq.constants import FRAME_TYPE_ERROR, FRAME_TYPE_MESSAGE, HEARTBEAT, MAGIC_V2, NL
from nsq.exceptions import (
    BadBodyException,
    BadMessageException,
    FinFailedException,
    NSQException,
    ReqFailedException,
    TouchFailedException,
)
from nsq.response import Response
from nsq.util import pack

from psd.config import QueueSettings
from psd.errors import QueueUnavailableError, TooLargeError
from psd.queue.base import Message
from psd.queue.nsq_inbox import Inbox
from psd.queue.nsq_lookup import look_up
from psd.queue.nsq_members import Members
from psd.queue.nsq_names import check_name, check_settings
from psd.queue.nsq_publisher import Publisher
from psd.queue.nsq_stream import FrameStream

CONNECT_TIMEOUT_S = 1.0
LEAVE_TIMEOUT_S = 2.0

HEARTBEAT_INTERVAL_S = 10.0
SILENT_HEARTBEATS = 2.5
"""Heartbeats without a byte after which a connection counts as lost; nsqd allows us two."""

OUTPUT_BUFFER_TIMEOUT_MS = 25
"""nsqd holds messages back this long to fill its buffer: 250 by default, 25 at the least."""

RECONNECT_BACKOFF = Clamped(Exponential(2, a=0.1), maximum=1.0)
NOT_IN_FLIGHT = (FinFailedException, ReqFailedException, TouchFailedException)

_LOG = logging.getLogger(__name__)

# nsq-py adds a handler of its own when it is imported; psd has one log, in one format.
nsq.logger.removeHandler(nsq.handler)
nsq.logger.setLevel(logging.ERROR)


@contextmanager
def _as_unavailable(who: str) -> Iterator[None]:
    try:
        yield
    except (OSError, NSQException) as exc:
        raise QueueUnavailableError(f"{who}: {str(exc) or type(exc).__name__}") from exc


class NsqdConnection(FrameStream):
    """One session with one nsqd; after a loss a new one is made.

    ``on_messages`` gets the messages of each read. ``unfinished`` holds the ids that were
    delivered here and neither finished nor given back.
    """

    # nsq-py's commands: each packs its arguments and calls self.send.
    identify = Connection.identify
    identified = Connection.identified
    auth = Connection.auth
    sub = Connection.sub
    mpub = Connection.mpub
    rdy = Connection.rdy
    fin = Connection.fin
    req = Connection.req
    touch = Connection.touch
    cls = Connection.cls
    nop = Connection.nop

    def __init__(
        self,
        address: str,
        identity: Mapping[str, Any],
        on_messages: Callable[[NsqdConnection, list[Message]], None],
    ) -> None:
        super().__init__(address)
        self.unfinished: set[bytes] = set()
        self._on_messages = on_messages
        self._arrived: list[Message] = []
        self._subscribed = False
        # These four are read and set by nsq-py's commands.
        self._identify_options = dict(identity)
        self._auth_secret = None
        self.max_rdy_count = sys.maxsize
        self.last_ready_sent = 0

    async def open(self) -> None:
        """Connect and identify; raises QueueUnavailableError."""
        try:
            with _as_unavailable(f"nsqd {self.address}"):
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await self.dial()
                    self.write(MAGIC_V2)
                    self.identify(self._identify_options)
                    self.identified(await self.answer())
        except BaseException:
            self.abort()
            raise

    async def subscribe(self, topic: str, channel: str) -> None:
        """Join a channel; nothing is delivered before the first RDY."""
        with _as_unavailable(f"nsqd {self.address}"):
            self.sub(topic.encode(), channel.encode())
            await self.answer()
        self._subscribed = True

    async def publish(self, topic: str, bodies: Sequence[bytes]) -> None:
        """MPUB; :meth:`psd.queue.nsq_publisher.Publisher.publish` names the errors."""
        check_name("topic", topic)
        with _as_unavailable(f"nsqd {self.address}"):
            self.mpub(topic.encode(), *bodies)
            try:
                await self.answer()
            except (BadMessageException, BadBodyException) as exc:
                raise TooLargeError(f"message: nsqd refuses it: {exc}") from exc
            except TimeoutError:
                # The answer may still come, and would pass for that of the next MPUB.
                self.abort()
                raise

    def finish(self, id_: bytes) -> None:
        """FIN: never deliver it again."""
        self.unfinished.discard(id_)
        self.fin(id_)

    def give_back(self, id_: bytes, delay_ms: int = 0) -> None:
        """REQ: deliver it again, to any consumer of the channel."""
        self.unfinished.discard(id_)
        self.req(id_, delay_ms)

    async def leave(self) -> None:
        """CLS, give back what is unfinished, and hang up once nsqd has read all of it.

        In this order: before its CLS, nsqd may hand what we give back to ourselves again.
        """
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT_S):
                if self._subscribed and self.alive:
                    self.cls()
                    await self.answer()
                    for id_ in list(self.unfinished):
                        self.give_back(id_)
                self.hang_up()
                await self.wait_lost()
        except (OSError, NSQException) as exc:
            _LOG.info("nsqd %s: no clean goodbye: %r", self.address, exc)
        finally:
            self.abort()

    def send(self, command: bytes, message: Any = None) -> None:
        """What nsq-py's commands call: ``message`` is the body, or the bodies of an MPUB."""
        self.write(command + NL if message is None else command + NL + pack(message))

    def frame_received(self, frame: bytes) -> None:
        """A message, a heartbeat, an answer or an error."""
        try:
            content = Response.from_raw(self, frame)
        except (TypeError, struct.error) as exc:
            _LOG.warning("nsqd %s: unknown frame of %d bytes: %s", self.address, len(frame), exc)
            return
        if content.frame_type == FRAME_TYPE_MESSAGE:
            self.unfinished.add(content.id)
            self._arrived.append(
                Message(
                    content.id.decode(), content.body, content.attempts, content.timestamp, self
                )
            )
        elif content.data == HEARTBEAT:
            self.nop()
        elif content.frame_type == FRAME_TYPE_ERROR:
            self._refused(content)
        else:
            self.give_answer(content)

    def read_ended(self) -> None:
        """Hand over the messages of this read together."""
        if self._arrived:
            messages, self._arrived = self._arrived, []
            self._on_messages(self, messages)

    def _refused(self, content: Any) -> None:
        text = content.data.decode(errors="replace")
        try:
            # Made again, because nsq-py leaves the text in bytes.
            error = type(content.exception())(text)
        except TypeError:
            # nsq-py does not know the code (E_UNAUTHORIZED, say); the text does.
            error = NSQException(text)
        if isinstance(error, NOT_IN_FLIGHT):
            # It timed out before, and is delivered again: late, but nothing is wrong.
            _LOG.info("nsqd %s: %s", self.address, text)
            return
        _LOG.warning("nsqd %s: closing after %s", self.address, text)
        self.fail_answer(error)
        self.abort()


class NsqQueue:
    """:class:`psd.queue.base.Queue` on nsqd.

    ``start`` subscribes at ``nsqd_addresses``, or, when ``lookupd_addresses`` are set, at
    every nsqd that they list. ``publish`` needs no ``start``; it goes to the first of
    ``nsqd_addresses`` that answers, else to one that was listed.
    """

    def __init__(
        self, settings: QueueSettings, *, heartbeat_interval_s: float = HEARTBEAT_INTERVAL_S
    ) -> None:
        check_settings(settings)
        self._settings = settings
        self._heartbeat_interval_s = heartbeat_interval_s
        self._inbox = Inbox()
        self._members = Members(
            self._subscribed_connection, self._look_up, self._changed, RECONNECT_BACKOFF.backoff
        )
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
        """Up to ``messages_max`` messages; see :class:`psd.queue.base.Queue`."""
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

    async def publish(self, topic: str, bodies: Sequence[bytes]) -> None:
        """See :meth:`psd.queue.nsq_publisher.Publisher.publish`."""
        await self._publisher.publish(topic, bodies)

    def _publish_addresses(self) -> list[str]:
        given = self._settings.nsqd_addresses
        return [*given, *(each for each in self._members.addresses if each not in given)]

    async def _connection(self, address: str) -> NsqdConnection:
        identity = {
            "client_id": socket.gethostname(),
            "hostname": socket.gethostname(),
            "user_agent": f"psd {Connection.USER_AGENT}",
            "feature_negotiation": True,
            "heartbeat_interval": round(self._heartbeat_interval_s * 1000),
            "msg_timeout": self._settings.msg_timeout_s * 1000,
            "output_buffer_timeout": OUTPUT_BUFFER_TIMEOUT_MS,
        }
        connection = NsqdConnection(address, identity, self._arrived)
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
        return await look_up(lookupd, self._settings.topic)

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
