"""A proxy between psd and Redis that loses, delays, cuts and resets, by a seeded draw.

It cuts both directions into whole frames (a command, a reply), so that it can take one out of the
middle of a trip and pass on the rest: then whoever counts replies by position gets the answer of
another query. Per frame, of 1,000:

    lose     it is never passed on, the ones behind it are
    hold     this and all behind it wait for a while, some past the client's timeout
    cut      its first bytes are passed on, then the connection ends
    split    it is passed on in two parts, with a pause between
    reset    the connection ends with RST, with everything that is on its way

>>> proxy = await RedisProxy(server.socket).start()
>>> proxy.faults = Faults(random.Random(7), {"lose": 30, "reset": 10}, hold_s=(0.01, 0.2))
>>> proxy.url, proxy.counted
('redis://127.0.0.1:40123/0', Counter({'lose reply': 3, 'lose request': 1}))

Without ``faults`` it passes on everything as it comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Mapping
from typing import Literal, Self

Direction = Literal["request", "reply"]
Kind = Literal["lose", "hold", "cut", "split", "reset"]

CHUNK_BYTES = 65_536
SPLIT_PAUSE_S = 0.002


class Faults:
    """What goes wrong: each kind's share of 1,000 frames, and how long a held one waits."""

    def __init__(
        self, rng: random.Random, of_1000: Mapping[Kind, int], hold_s: tuple[float, float]
    ) -> None:
        assert sum(of_1000.values()) <= 1000
        self._rng = rng
        self._of_1000 = of_1000
        self._hold_s = hold_s

    def draw(self) -> Kind | None:
        """What becomes of the next frame; None passes it on."""
        at = self._rng.randrange(1000)
        for kind, share in self._of_1000.items():
            if at < share:
                return kind
            at -= share
        return None

    def hold_s(self) -> float:
        """How long a held frame waits."""
        return self._rng.uniform(*self._hold_s)

    def cut_at(self, frame: bytes) -> int:
        """How many of a frame's bytes come before the cut: at least one, not all."""
        return self._rng.randint(1, len(frame) - 1)


class RedisProxy:
    """Listens on a port of its own for a server on a unix socket; ``counted`` is what it did.

    ``passes_reply`` is asked at each reply whether it is passed on, with the number of requests
    of its connection that then still have none: at 0, a trip is answered.
    """

    def __init__(self, server_socket: str) -> None:
        self.faults: Faults | None = None
        self.counted: Counter[str] = Counter()
        self.passes_reply: Callable[[int], bool] = lambda _unanswered: True
        self._server_socket = server_socket
        self._listener: asyncio.Server | None = None
        self._passing: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """What goes into ``redis.url``."""
        assert self._listener is not None, "not started"
        host, port = self._listener.sockets[0].getsockname()
        return f"redis://{host}:{port}/0"

    async def start(self) -> Self:
        """Listen."""
        self._listener = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        return self

    async def close(self) -> None:
        """Stop listening and end every connection."""
        assert self._listener is not None, "not started"
        self._listener.close()
        for task in tuple(self._passing):
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _accepted(
        self, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        server_writer: asyncio.StreamWriter | None = None
        try:
            server_reader, server_writer = await asyncio.open_unix_connection(self._server_socket)
            unanswered: deque[bytes] = deque()
            await _until_one_ends(
                self._pass_on(client_reader, server_writer, "request", unanswered),
                self._pass_on(server_reader, client_writer, "reply", unanswered),
            )
        except _ResetError:
            _reset(client_writer)
        except (OSError, asyncio.CancelledError):
            # The server is away, or the proxy closes: the connection below ends as well.
            pass
        finally:
            self._passing.discard(task)
            for writer in (client_writer, server_writer):
                if writer is not None:
                    writer.close()

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        direction: Direction,
        unanswered: deque[bytes],
    ) -> None:
        """Every frame of one direction, until its end or until a fault ends it."""
        held = b""
        while chunk := await reader.read(CHUNK_BYTES):
            frames, held = split_frames(held + chunk)
            if direction == "request":
                unanswered += frames
            for frame in frames:
                if writer.is_closing():
                    return
                if direction == "request" or self._passes_reply(unanswered):
                    await self._pass_frame(frame, writer, direction)
            with contextlib.suppress(ConnectionError):
                await writer.drain()

    def _passes_reply(self, unanswered: deque[bytes]) -> bool:
        if unanswered:
            unanswered.popleft()
        return self.passes_reply(len(unanswered))

    async def _pass_frame(
        self, frame: bytes, writer: asyncio.StreamWriter, direction: Direction
    ) -> None:
        faults = self.faults
        kind = faults.draw() if faults is not None else None
        if faults is None or kind is None:
            writer.write(frame)
            return
        self.counted[f"{kind} {direction}"] += 1
        match kind:
            case "hold":
                await asyncio.sleep(faults.hold_s())
                writer.write(frame)
            case "split":
                at = faults.cut_at(frame)
                writer.write(frame[:at])
                await writer.drain()
                await asyncio.sleep(SPLIT_PAUSE_S)
                writer.write(frame[at:])
            case "cut":
                writer.write(frame[: faults.cut_at(frame)])
                await writer.drain()
                raise ConnectionAbortedError("cut")
            case "reset":
                raise _ResetError
            case "lose":
                pass


class _ResetError(Exception):
    """The connection is to end with RST."""


async def _until_one_ends(*directions: Coroutine[None, None, None]) -> None:
    """Run both directions until one has ended; raises what ended it."""
    tasks = [asyncio.ensure_future(each) for each in directions]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End with RST: a linger time of 0 throws away what has not been sent."""
    held = writer.get_extra_info("socket")
    # Whoever hung up first has left nothing to be thrown away.
    if held is not None and held.fileno() != -1:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def split_frames(data: bytes) -> tuple[list[bytes], bytes]:
    r"""Whole RESP2 frames at the front of the bytes, and what is left over.

    >>> split_frames(b"+OK\r\n*2\r\n:1\r\n$1\r\na\r\n$5\r\nhal")
    ([b'+OK\r\n', b'*2\r\n:1\r\n$1\r\na\r\n'], b'$5\r\nhal')
    """
    frames: list[bytes] = []
    start = 0
    while (end := _frame_end(data, start)) is not None:
        frames.append(data[start:end])
        start = end
    return frames, data[start:]


def _frame_end(data: bytes, start: int) -> int | None:
    """Where the frame that begins at ``start`` ends; None while it is not whole."""
    elements = 1
    while elements:
        line_end = data.find(b"\r\n", start)
        if line_end < 0:
            return None
        kind, size = data[start : start + 1], data[start + 1 : line_end]
        start = line_end + 2
        elements -= 1
        if kind == b"*":
            elements += max(int(size), 0)
        elif kind == b"$" and int(size) >= 0:
            start += int(size) + 2
            if start > len(data):
                return None
    return start
