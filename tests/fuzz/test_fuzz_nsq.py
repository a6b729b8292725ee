"""An nsqd that says anything at all: the connection reads on or closes with a reason, no more."""

from __future__ import annotations

import asyncio
import logging
import random
import struct
from typing import Any
from unittest.mock import MagicMock

import pytest

from psd.queue.interface import Message
from psd.queue.nsq import NsqdConnection
from psd.queue.nsq_stream import FRAME_BYTES_MAX

STREAMS = 3_000
KINDS = (0, 1, 2, 2, 2, 2, 2, 3, -1)
DATA = (
    b"",
    b"OK",
    b"_heartbeat_",
    b"CLOSE_WAIT",
    b"E_INVALID x",
    b"E_FIN_FAILED x",
    b"\xff\xfe",
    struct.pack(">qH16s", 1, 1, b"0123456789abcdef") + b"body",
    struct.pack(">qH16s", -1, 65_535, b"\xff" * 16),
)


def hostile_stream(rng: random.Random) -> bytes:
    """A few frames, some whole, some with a size that lies, some only noise."""
    parts = []
    for _ in range(rng.randint(1, 4)):
        data = rng.choice((*DATA, *DATA[-2:-1] * 9, rng.randbytes(40)))
        size = len(data) + 4
        if rng.random() < 0.1:
            size = rng.choice((0, 1, 3, size - 1, size + 1, -1, 2**31 - 1, FRAME_BYTES_MAX + 1))
        parts.append(struct.pack(">ll", size, rng.choice(KINDS)) + data)
    if rng.random() < 0.1:
        parts.insert(rng.randint(0, len(parts)), rng.randbytes(9))
    return b"".join(parts)


def pieces(rng: random.Random, stream: bytes) -> list[bytes]:
    """The stream as reads of any size."""
    cuts = sorted(rng.randint(0, len(stream)) for _ in range(rng.randint(0, 5)))
    return [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


class Session:
    """One connection whose other side is the test."""

    def __init__(self, *, subscribed: bool) -> None:
        self.arrived: list[Message] = []
        self.connection = NsqdConnection("nsqd:4150", {}, lambda _, found: self._take(found))
        self.connection._subscribed = subscribed
        self.connection.connection_made(MagicMock(spec=asyncio.Transport))

    def _take(self, found: list[Message]) -> None:
        self.arrived += found

    def hear(self, parts: list[bytes]) -> None:
        """Read what the transport would deliver: nothing more once it is closed."""
        for part in parts:
            if self.connection.alive:
                self.connection.data_received(part)


async def test_whatever_nsqd_sends_is_read_or_ends_the_connection_with_a_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rng = random.Random(20_261_123)
    seen: dict[str, int] = {"closed": 0, "alive": 0, "messages": 0}
    for number in range(STREAMS):
        caplog.clear()
        session = Session(subscribed=number % 4 != 0)
        waiting: asyncio.Task[Any] = asyncio.create_task(session.connection.answer())
        await asyncio.sleep(0)
        with caplog.at_level(logging.WARNING):
            session.hear(pieces(rng, hostile_stream(rng)))
        if session.connection.alive:
            seen["alive"] += 1
        else:
            seen["closed"] += 1
            assert "closing" in caplog.text
        assert len(session.connection.unfinished) <= 8
        seen["messages"] += len(session.arrived)
        session.connection.connection_lost(None)
        await asyncio.gather(waiting, return_exceptions=True)
    assert min(seen.values()) > STREAMS // 20, seen
