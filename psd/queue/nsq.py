"""One connection to an nsqd: nsq-py 0.1.12 on asyncio, hardened. The only file that imports nsq.

From nsq-py come the protocol (every command, the frames, the negotiation after IDENTIFY, the
errors). What its ``Connection``, ``Client`` and ``Reader`` do with sockets,
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
"""

from __future__ import annotations

import asyncio
import logging
import struct
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import nsq
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

from psd.errors import QueueUnavailableError, TooLargeError
from psd.outages import outage
from psd.queue.interface import Message
from psd.queue.nsq_guard import NsqGuard
from psd.queue.nsq_names import check_name
from psd.queue.nsq_stream import FrameStream

CONNECT_TIMEOUT_S = 1.0
GUARDED_TIMEOUT_S = 3.0
"""With TLS and AUTH there are four more trips, one of them of nsqd to whom it asks."""

OPEN = NsqGuard()
"""Neither TLS nor AUTH."""

LEAVE_TIMEOUT_S = 2.0

OUTPUT_BUFFER_TIMEOUT_MS = 25
"""nsqd holds messages back this long to fill its buffer: 250 by default, 25 at the least."""

NO_TLS = "(TLS required)"
"""What nsqd says behind its refusal where it was started with --tls-required."""

USER_AGENT = Connection.USER_AGENT
NOT_IN_FLIGHT = (FinFailedException, ReqFailedException, TouchFailedException)

_LOG = logging.getLogger(__name__)

_MESSAGE = struct.pack(">l", FRAME_TYPE_MESSAGE)
_MESSAGE_HEAD = struct.Struct(f">4x{nsq.response.Message.format.removeprefix('>')}")
"""Of the frame of a message: its type, then time, attempts and id, as nsq-py reads them."""

# nsq-py adds a handler of its own when it is imported; psd has one log, in one format.
nsq.logger.removeHandler(nsq.handler)
nsq.logger.setLevel(logging.ERROR)


@contextmanager
def _as_unavailable(who: str) -> Iterator[None]:
    try:
        yield
    except (OSError, NSQException) as exc:
        raise QueueUnavailableError(f"{who}: {outage(exc)}") from exc


class _Negotiated(msgspec.Struct):
    """What is read of nsqd's answer to IDENTIFY."""

    max_rdy_count: int
    tls_v1: bool = False
    auth_required: bool = False


_NEGOTIATED = msgspec.json.Decoder(_Negotiated).decode


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
        guard: NsqGuard = OPEN,
    ) -> None:
        super().__init__(address)
        self._guard = guard
        self.unfinished: set[bytes] = set()
        self._on_messages = on_messages
        self._arrived: list[Message] = []
        self._subscribed = False
        # These four are read and set by nsq-py's commands.
        self._identify_options = dict(identity)
        self._auth_secret = guard.secret.encode() or None
        self.max_rdy_count = sys.maxsize
        self.last_ready_sent = 0

    async def open(self) -> None:
        """Connect and identify; raises QueueUnavailableError."""
        try:
            with _as_unavailable(f"nsqd {self.address}"):
                timeout_s = CONNECT_TIMEOUT_S if self._guard == OPEN else GUARDED_TIMEOUT_S
                async with asyncio.timeout(timeout_s):
                    await self.dial()
                    await self._introduce()
        except BaseException:
            self.abort()
            raise

    async def _introduce(self) -> None:
        """IDENTIFY, then TLS and AUTH where they are wanted (psd/queue/nsq_guard.py)."""
        tls = self._guard.tls
        self.write(MAGIC_V2)
        self.identify({**self._identify_options, **({} if tls is None else {"tls_v1": True})})
        answer = await self.answer()
        told = self._negotiated(answer)
        if tls is not None:
            if not told.tls_v1:
                raise ConnectionResetError("it has no TLS, which queue.nsqd_tls asks for")
            await self.encrypt(tls)
            await self.answer()
        if told.auth_required and not self._auth_secret:
            raise ConnectionResetError("it asks for AUTH: see queue.nsqd_auth_secret")
        # This sends AUTH, if nsqd wants it.
        self.identified(answer)
        if told.auth_required:
            await self.answer()

    def _negotiated(self, answer: Any) -> _Negotiated:
        """The answer to IDENTIFY, which nsq-py would take whatever it is."""
        try:
            return _NEGOTIATED(answer.data)
        except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
            self.break_off(f"no answer to IDENTIFY: {exc}")
            raise ConnectionResetError(f"no answer to IDENTIFY: {exc}") from exc

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
            if frame.startswith(_MESSAGE):
                self._arrive(frame)
                return
            content = Response.from_raw(self, frame)
        except (TypeError, ValueError, struct.error) as exc:
            self.break_off(f"unknown frame of {len(frame)} bytes: {exc}")
            return
        if content.data == HEARTBEAT:
            self.nop()
        elif content.frame_type == FRAME_TYPE_ERROR:
            self._refused(content)
        else:
            self.give_answer(content)

    def _arrive(self, frame: bytes) -> None:
        """A message; read here, because nsq-py's own way makes three objects and four copies."""
        if not self._subscribed:
            self.break_off("a message before there was a subscription")
            return
        time_ns, attempts, id_ = _MESSAGE_HEAD.unpack_from(frame)
        text = id_.decode("ascii")
        self.unfinished.add(id_)
        self._arrived.append(Message(text, frame[_MESSAGE_HEAD.size :], attempts, time_ns, self))

    def read_ended(self) -> None:
        """Hand over the messages of this read together."""
        if self._arrived:
            messages, self._arrived = self._arrived, []
            self._on_messages(self, messages)

    def _refused(self, content: Any) -> None:
        text = content.data.decode(errors="replace")
        if NO_TLS in text:
            text += ": see queue.nsqd_tls"
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
