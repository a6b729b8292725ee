"""A socket that carries frames: four bytes of size, big endian, then that many bytes.

What lives here is input and output on the event loop: batched sends, cutting frames,
matching answers to commands, noticing the end. What a frame means is in ``nsq.py``.

- Reads take up to 256 KiB (the event loop's own size).
- Whatever is written in one turn of the event loop leaves in one send: 500 FINs, 10 KB.
- A full socket buffer is the transport's business: it keeps the unsent rest, once.
- The other side's end is reported by the event loop at once, as ``connection_lost``.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import struct
from abc import ABC, abstractmethod
from collections import deque
from typing import Any, cast

from psd.addresses import read_address
from psd.errors import ConfigError

ANSWER_TIMEOUT_S = 5.0

FRAME_BYTES_MAX = 16 * 1024 * 1024
"""A size beyond this is no size: the stream is out of step, and cannot come back. nsqd itself
takes no message past 1 MiB unless -max-msg-size is raised; psd reads up to 16 MiB."""

_LOG = logging.getLogger(__name__)
_SIZE = struct.Struct(">l")


class FrameStream(asyncio.Protocol, ABC):
    """One connection to ``address`` (``host:port``), from its opening to its loss."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.alive = False
        self.heard_at_s = 0.0
        self._transport: asyncio.Transport | None = None
        self._unparsed = b""
        self._ended = False
        self._unsent: list[bytes] = []
        self._answers: deque[asyncio.Future[Any]] = deque()
        self._lost = asyncio.Event()

    async def dial(self) -> None:
        """Open the socket; raises OSError."""
        loop = asyncio.get_running_loop()
        try:
            host, port = read_address(self.address, "nsqd")
            await loop.create_connection(lambda: self, host, port)
        except (ConfigError, ValueError) as exc:
            # nsqlookupd passes on whatever an nsqd calls itself.
            raise OSError(f"{self.address!r} is no address: {exc}") from exc

    async def encrypt(self, context: ssl.SSLContext) -> None:
        """Go on in TLS, with a server whose certificate is of the host; raises OSError."""
        assert self._transport is not None, "it is open"
        self._flush()
        host, _ = read_address(self.address, "nsqd")
        self._transport = await asyncio.get_running_loop().start_tls(
            self._transport, self, context, server_hostname=host
        )
        if self._transport is None:
            raise ConnectionResetError("connection lost")

    def write(self, data: bytes) -> None:
        """Send at the end of this turn of the event loop; nothing on a lost connection."""
        if not self.alive:
            return
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(data)

    async def answer(self) -> Any:
        """The other side's answer to what was written last; answers come in order.

        Raises OSError when the connection is lost first, or after 5 s, and whatever
        :meth:`fail_answer` was given.
        """
        if not self.alive:
            raise ConnectionResetError("connection lost")
        answer = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            return await answer

    def give_answer(self, content: Any) -> None:
        """Hand an answer to whoever has waited longest; one that nobody waits for is fatal."""
        if not self._answers:
            self.break_off("an answer that nobody asked for")
            return
        answer = self._answers.popleft()
        if not answer.done():
            answer.set_result(content)

    def fail_answer(self, error: Exception) -> None:
        """Raise ``error`` at whoever has waited longest."""
        if self._answers:
            answer = self._answers.popleft()
            if not answer.done():
                answer.set_exception(error)

    def hang_up(self) -> None:
        """Send what is unsent, then the end: the other side reads all of it, and closes."""
        self._flush()
        if self.alive and self._transport is not None and not self._ended:
            self._ended = True
            if self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                # TLS has no half of a connection; what was written leaves before it closes.
                self._transport.close()

    def break_off(self, reason: str) -> None:
        """The other side does not speak the protocol: say why, and close at once."""
        _LOG.warning("nsqd %s: closing: %s", self.address, reason)
        self.abort()

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

    @abstractmethod
    def frame_received(self, frame: bytes) -> None:
        """What a subclass does with one frame; called in the order of arrival."""

    def read_ended(self) -> None:
        """What a subclass does after the frames of one read."""

    # From here on: called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        # A cast, not an assert: uvloop's transport is no subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        # A FIN of 21 bytes must not wait for the acknowledgement of the one before.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.alive = True
        self.heard_at_s = asyncio.get_running_loop().time()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed; whoever waits for an answer will get none."""
        self.alive = False
        while self._answers:
            self.fail_answer(ConnectionResetError(f"connection lost: {exc or 'closed'}"))
        self._lost.set()

    def data_received(self, data: bytes) -> None:
        """Cut what has come into frames; the rest waits for the next read."""
        self.heard_at_s = asyncio.get_running_loop().time()
        if self._unparsed:
            data = self._unparsed + data
        start, end = 0, len(data)
        while end - start >= _SIZE.size:
            (size,) = _SIZE.unpack_from(data, start)
            stop = start + _SIZE.size + size
            if not 0 <= size <= FRAME_BYTES_MAX:
                self.break_off(f"a frame of {size} bytes")
                return
            if stop > end:
                break
            self.frame_received(data[start + _SIZE.size : stop])
            if not self.alive:
                return
            start = stop
        self._unparsed = data[start:]
        self.read_ended()

    def _flush(self) -> None:
        if self.alive and self._transport is not None and self._unsent and not self._ended:
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()
