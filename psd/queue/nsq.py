"""The NSQ adapter: nsq-py 0.1.12 on asyncio, hardened. The only file that imports nsq.

From nsq-py come the protocol (its commands, frames, errors, constants), the even spread
of RDY counts, the backoff and the nsqlookupd client. Its ``Connection``, ``Client`` and
``Reader`` do the input and output, and are replaced here, because as published

- a closed connection reads as b"" for ever: it spins a core and stays deaf after an nsqd
  restart. Here the event loop reports the end; a silent peer is hung up on after 2.5
  heartbeats; each address is dialled again after 0.1 s, doubling to 1 s, with jitter.
- a full socket buffer puts unsent bytes into two buffers and sends them twice. Here the
  transport owns what is unsent.
- ``Client.close`` closes nothing (a lazy ``map``). Here: RDY 0, hand back, CLS, CLOSE_WAIT.
- topics must be bytes; an empty or unknown frame raises; an error closes one connection
  and leaves its RDY share unused; the own host name is looked up in DNS at each connect.
- lost connections and nsqlookupd are looked at every 60 s, without a timeout.
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
import random
import socket
import struct
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import nsq
from nsq.backoff import Clamped, Exponential
from nsq.connection import Connection
from nsq.constants import FRAME_TYPE_ERROR, FRAME_TYPE_MESSAGE, HEARTBEAT, MAGIC_V2, NL
from nsq.exceptions import (
    BadBodyException,
    BadMessageException,
    BadTopicException,
    FinFailedException,
    NSQException,
    ReqFailedException,
    TouchFailedException,
)
from nsq.http import ClientException, nsqlookupd
from nsq.response import Response
from nsq.util import distribute, pack

from psd.config import QueueSettings
from psd.errors import ConfigError, QueueUnavailableError, TooLargeError
from psd.queue.base import Message
from psd.queue.nsq_inbox import Inbox
from psd.queue.nsq_publisher import Publisher

CONNECT_TIMEOUT_S = 1.0
ANSWER_TIMEOUT_S = 5.0
LEAVE_TIMEOUT_S = 2.0
LOOKUP_TIMEOUT_S = 2.0

SILENT_HEARTBEATS = 2.5
"""Heartbeats that may be missing before a connection counts as lost; nsqd allows us two."""

OUTPUT_BUFFER_TIMEOUT_MS = 25
"""nsqd holds messages back this long to fill its buffer: 250 by default, 25 at the least."""

FORGET_S = 60.0
"""An nsqd that nsqlookupd no longer lists is dialled this long: it may be restarting."""

RECONNECT = Clamped(Exponential(2, a=0.1), maximum=1.0)
NOT_IN_FLIGHT = (FinFailedException, ReqFailedException, TouchFailedException)

_LOG = logging.getLogger(__name__)
_SIZE = struct.Struct(">l")

# nsq-py brings a handler that prints plain lines to stderr from the import on.
nsq.logger.removeHandler(nsq.handler)
nsq.logger.setLevel(logging.ERROR)


@contextmanager
def _as_unavailable(address: str) -> Iterator[None]:
    try:
        yield
    except (OSError, NSQException) as exc:
        reason = str(exc) or type(exc).__name__
        raise QueueUnavailableError(f"nsqd {address}: {reason}") from exc


class NsqdConnection(asyncio.Protocol):
    """One session with one nsqd; a new one is made after each loss.

    ``on_messages`` gets what arrives, in the order of arrival. ``unfinished`` holds the ids
    that nsqd delivered here and that were neither finished nor given back.
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
        self.address = address
        self.alive = False
        self.heard_at_s = 0.0
        self.unfinished: set[bytes] = set()
        # The four that nsq-py's commands read and write.
        self.max_rdy_count = sys.maxsize
        self.last_ready_sent = 0
        self._identify_options = dict(identity)
        self._auth_secret = None
        self._on_messages = on_messages
        self._subscribed = False
        self._transport: asyncio.Transport | None = None
        self._unparsed = b""
        self._unsent: list[bytes] = []
        self._answers: deque[asyncio.Future[Any]] = deque()
        self._lost = asyncio.Event()

    async def open(self) -> None:
        """Connect and identify; raises QueueUnavailableError."""
        host, _, port = self.address.rpartition(":")
        loop = asyncio.get_running_loop()
        try:
            with _as_unavailable(self.address):
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await loop.create_connection(lambda: self, host.strip("[]"), int(port))
                    self._unsent.append(MAGIC_V2)
                    self.identify(self._identify_options)
                    self.identified(await self._answer())
        except BaseException:
            self.abort()
            raise

    async def subscribe(self, topic: str, channel: str) -> None:
        """Join a channel; nothing is delivered before the first RDY."""
        with _as_unavailable(self.address):
            self.sub(topic.encode(), channel.encode())
            await self._answer()
        self._subscribed = True

    async def publish(self, topic: str, bodies: Sequence[bytes]) -> None:
        """MPUB; see :meth:`psd.queue.nsq_publisher.Publisher.publish` for the errors."""
        with _as_unavailable(self.address):
            self.mpub(topic.encode(), *bodies)
            try:
                await self._answer()
            except BadTopicException as exc:
                raise ConfigError(f"topic {topic!r}: nsqd refuses the name ({exc})") from exc
            except (BadMessageException, BadBodyException) as exc:
                raise TooLargeError(f"message: nsqd refuses it ({exc})") from exc
            except TimeoutError:
                # Its answer may still come, and would be taken for the next one's.
                self.abort()
                raise

    def give_back(self, ids: Sequence[bytes], delay_ms: int = 0) -> None:
        """REQ: nsqd delivers these again, to any consumer of the channel."""
        for id_ in ids:
            self.req(id_, delay_ms)
        self.unfinished.difference_update(ids)

    async def leave(self) -> None:
        """Hand back what is unfinished, CLS, and hang up once nsqd has read all of it."""
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT_S):
                if self._subscribed and self.alive:
                    self.give_back(list(self.unfinished))
                    self.cls()
                    await self._answer()
                self.hang_up()
                await self._lost.wait()
        except (OSError, NSQException) as exc:
            _LOG.info("nsqd %s: no clean goodbye: %r", self.address, exc)
        finally:
            self.abort()

    def hang_up(self) -> None:
        """Send what is unsent, and then the end; nsqd reads it to the end and closes."""
        self._flush()
        if self.alive and self._transport is not None:
            self._transport.write_eof()

    def abort(self) -> None:
        """Close the socket at once."""
        self.alive = False
        if self._transport is None:
            self._lost.set()
        else:
            self._transport.abort()

    async def wait_lost(self) -> None:
        """Return when the connection is gone, whoever ended it."""
        await self._lost.wait()

    def send(self, command: bytes, message: Any = None) -> None:
        """Queue one command for the send at the end of this turn of the event loop."""
        if not self.alive:
            return
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(command + NL if message is None else command + NL + pack(message))

    def _flush(self) -> None:
        if self.alive and self._transport is not None and self._unsent:
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    async def _answer(self) -> Any:
        """nsqd's response to the command that was just sent; they come in order."""
        if not self.alive:
            raise ConnectionResetError("connection lost")
        answer = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            return await answer

    # What follows is called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport of the new connection."""
        assert isinstance(transport, asyncio.Transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport = transport
        self.alive = True
        self.heard_at_s = asyncio.get_running_loop().time()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail whoever waits for an answer."""
        self.alive = False
        while self._answers:
            answer = self._answers.popleft()
            if not answer.done():
                answer.set_exception(ConnectionResetError(f"connection lost: {exc or 'closed'}"))
        self._lost.set()

    def data_received(self, data: bytes) -> None:
        """Cut the stream into frames: four bytes of size, then that many bytes."""
        self.heard_at_s = asyncio.get_running_loop().time()
        data = self._unparsed + data if self._unparsed else data
        messages: list[Message] = []
        start, end = 0, len(data)
        while end - start >= _SIZE.size:
            (size,) = _SIZE.unpack_from(data, start)
            stop = start + _SIZE.size + size
            if stop > end:
                break
            try:
                frame = Response.from_raw(self, data[start + _SIZE.size : stop])
            except (TypeError, struct.error) as exc:
                _LOG.warning("nsqd %s: unreadable frame of %d bytes: %s", self.address, size, exc)
            else:
                if frame.frame_type == FRAME_TYPE_MESSAGE:
                    messages.append(self._message(frame))
                else:
                    self._respond(frame)
            start = max(stop, start + _SIZE.size)
        self._unparsed = data[start:]
        if messages:
            self._on_messages(self, messages)

    def _message(self, frame: Any) -> Message:
        self.unfinished.add(frame.id)
        return Message(frame.id.decode(), frame.body, frame.attempts, frame.timestamp, self)

    def _respond(self, frame: Any) -> None:
        if frame.data == HEARTBEAT:
            self.nop()
        elif frame.frame_type == FRAME_TYPE_ERROR:
            self._refused(_exception(frame))
        else:
            self._resolve(frame, None)

    def _refused(self, error: NSQException) -> None:
        if isinstance(error, NOT_IN_FLIGHT):
            # Too late: it timed out and was, or will be, delivered again.
            _LOG.info("nsqd %s: %s: %s", self.address, type(error).__name__, error)
            return
        _LOG.warning("nsqd %s: closing after %s: %s", self.address, type(error).__name__, error)
        self._resolve(None, error)
        self.abort()

    def _resolve(self, frame: Any, error: NSQException | None) -> None:
        if not self._answers:
            return
        answer = self._answers.popleft()
        if answer.done():
            return
        if error is None:
            answer.set_result(frame)
        else:
            answer.set_exception(error)


def _exception(frame: Any) -> NSQException:
    text = frame.data.decode(errors="replace")
    try:
        known = frame.exception()
    except TypeError:
        return NSQException(text)
    return type(known)(text)  # type: ignore[no-any-return]


def look_up(lookupd_address: str, topic: str) -> list[str]:
    """Addresses of the nsqd that have a topic; blocks, and raises ClientException.

    nsqlookupd is asked directly, also where the environment names an HTTP proxy.
    """
    url = lookupd_address if "://" in lookupd_address else f"http://{lookupd_address}/"
    answer = nsqlookupd.Client(url).get(
        "lookup",
        params={"topic": topic},
        timeout=LOOKUP_TIMEOUT_S,
        proxies={"http": None, "https": None, "all": None},
    )
    content = answer.json()
    producers = content.get("data", content)["producers"]
    return [f"{each['broadcast_address']}:{each['tcp_port']}" for each in producers]
