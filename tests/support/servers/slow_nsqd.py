"""An nsqd whose disk takes its time: it takes MPUBs, and answers after so long a message.

>>> async with SlowNsqd(message_s=0.004) as nsqd:
...     await queue_of(nsqd.address).publish("psd", bodies)      # 1,500 of them: 6 s
...     nsqd.messages == bodies

As a real one with ``--mem-queue-size=0 --sync-every=1`` it has written what it read of an MPUB
before it answers, whether or not somebody still waits for that.
"""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress
from typing import Self

RESPONSE = 0


class SlowNsqd:
    """Serves publishers; ``stall_after`` messages it answers nothing any more."""

    def __init__(self, message_s: float, stall_after: int | None = None) -> None:
        self._message_s = message_s
        self._stall_after = stall_after
        self.messages: list[bytes] = []
        self.portions: list[int] = []
        self._server: asyncio.Server

    @property
    def address(self) -> str:
        """Where it listens, ``host:port``."""
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"{host}:{port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            assert await reader.readexactly(4) == b"  V2"
            while command := await reader.readline():
                if command.startswith((b"IDENTIFY", b"MPUB")):
                    (size,) = struct.unpack(">l", await reader.readexactly(4))
                    body = await reader.readexactly(size)
                    if not await self._take(command, body):
                        break
                    answer = b"OK" if command.startswith(b"MPUB") else b'{"max_rdy_count":2500}'
                    writer.write(struct.pack(">ll", len(answer) + 4, RESPONSE) + answer)
            await reader.read()
        writer.close()

    async def _take(self, command: bytes, body: bytes) -> bool:
        """Whether the command is answered."""
        if not command.startswith(b"MPUB"):
            return True
        found, at = [], 4
        while at < len(body):
            (size,) = struct.unpack_from(">l", body, at)
            found.append(body[at + 4 : at + 4 + size])
            at += 4 + size
        self.portions.append(len(found))
        for message in found:
            if self._stall_after is not None and len(self.messages) >= self._stall_after:
                return False
            self.messages.append(message)
        await asyncio.sleep(self._message_s * len(found))
        return True
