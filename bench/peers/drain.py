"""Workers to compare ``psd worker`` with: ``python -m bench.peers.drain MODE NSQD SOCKET``.

``floor`` reads messages, decodes them and finishes them: what nsqd and Python cost before any
booking. ``psd-reader`` does the same with psd's own queue and rules. ``original`` books each
message with the original's round trips, four at a time as the original does (max in flight 4,
4 handlers), and finishes it when it is booked.

The reader is the least that speaks the protocol; it does not reconnect.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import uvloop
from redis.asyncio import Redis

from bench.peers.original import write_event
from bench.psd_system import environ_for
from bench.workloads import THING_NAMES
from psd.config_sources import load_settings
from psd.engine.event_fields import decode_envelope
from psd.engine.events import Report
from psd.runtime import open_runtime

TOPIC = CHANNEL = "psd"
FRAME_RESPONSE, FRAME_ERROR, FRAME_MESSAGE = 0, 1, 2
FRAME_HEADER_BYTES = 8
BODY_OFFSET = 8 + 2 + 16
"""A message frame: 8 bytes of time, 2 of attempts, 16 of id, then the body."""

MAX_IN_FLIGHT = {"floor": 2500, "original": 4}
THINGS = {name: number for number, name in THING_NAMES.items()}
Deliver = Callable[[list[tuple[bytes, bytes]]], None]


class Reader(asyncio.Protocol):
    """Subscribes, and hands on the messages of each read as (id, body) pairs."""

    def __init__(self, max_in_flight: int, deliver: Deliver) -> None:
        self._max_in_flight = max_in_flight
        self._deliver = deliver
        self._buffer = b""
        self._transport: asyncio.WriteTransport | None = None
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Introduce ourselves and ask for messages."""
        self._transport = cast("asyncio.WriteTransport", transport)
        identity = json.dumps({"client_id": "bench", "output_buffer_timeout": 25}).encode()
        self._transport.write(b"  V2IDENTIFY\n" + struct.pack(">l", len(identity)) + identity)
        self._transport.write(f"SUB {TOPIC} {CHANNEL}\nRDY {self._max_in_flight}\n".encode())

    def connection_lost(self, exc: Exception | None) -> None:
        """The run is over."""
        if not self.lost.done():
            self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Cut the stream into frames."""
        self._buffer += data
        view, position, messages = self._buffer, 0, []
        while len(view) - position >= FRAME_HEADER_BYTES:
            size, kind = struct.unpack_from(">ll", view, position)
            end = position + 4 + size
            if end > len(view):
                break
            if kind == FRAME_MESSAGE:
                body_at = position + FRAME_HEADER_BYTES + BODY_OFFSET
                messages.append((view[body_at - 16 : body_at], view[body_at:end]))
            elif (
                kind == FRAME_RESPONSE
                and view[position + FRAME_HEADER_BYTES : end] == b"_heartbeat_"
            ):
                self.send(b"NOP\n")
            elif kind == FRAME_ERROR:
                raise ConnectionError(view[position:end].decode(errors="replace"))
            position = end
        self._buffer = view[position:]
        if messages:
            self._deliver(messages)

    def finish(self, ids: list[bytes]) -> None:
        """Acknowledge."""
        self.send(b"".join(b"FIN " + message_id + b"\n" for message_id in ids))

    def send(self, data: bytes) -> None:
        """Write to nsqd."""
        assert self._transport is not None
        self._transport.write(data)


async def drain_with_psd(address: str, socket: str) -> None:
    """Read, check and finish as ``psd worker`` does, and book nothing."""
    environ = {**environ_for(Path(socket)), "PSD_QUEUE_NSQD_ADDRESSES": address}
    runtime = await open_runtime(load_settings(environ=environ).settings)
    queue, worker, now_s = runtime.new_queue(), runtime.settings.worker, runtime.clock.now_s()
    await queue.start()
    wait_s = worker.batch_wait_ms / 1e3
    while messages := await queue.receive(worker.batch_messages, wait_s):
        for message in messages:
            runtime.rules.events(message.body, now_s, message.id)
        await queue.finish(messages)


async def drain(mode: str, address: str, socket: str) -> None:
    """Consume until the connection ends."""
    host, _, port = address.partition(":")
    async with Redis(unix_socket_path=socket) as redis:
        handlers: set[asyncio.Task[None]] = set()

        def decode_and_finish(messages: list[tuple[bytes, bytes]]) -> None:
            for _, body in messages:
                decode_envelope(body)
            reader.finish([message_id for message_id, _ in messages])

        def book_each(messages: list[tuple[bytes, bytes]]) -> None:
            for message_id, body in messages:
                task = asyncio.create_task(book_one(message_id, body))
                handlers.add(task)
                task.add_done_callback(handlers.discard)

        async def book_one(message_id: bytes, body: bytes) -> None:
            await write_event(redis, decoded(body))
            reader.finish([message_id])

        deliver = decode_and_finish if mode == "floor" else book_each
        _, reader = await asyncio.get_running_loop().create_connection(
            lambda: Reader(MAX_IN_FLIGHT[mode], deliver), host, int(port)
        )
        await reader.lost


def decoded(body: bytes) -> Report:
    """The report of a metric message."""
    fields = decode_envelope(body).metric
    assert fields is not None
    return Report(
        THINGS[fields.thing],
        int(fields.uid),
        fields.atid,
        fields.aid,
        fields.value,
        fields.ts1,
        fields.ts2,
    )


def main() -> None:
    """Run until killed or disconnected."""
    mode, address, socket = sys.argv[1:]
    if mode == "psd-reader":
        uvloop.run(drain_with_psd(address, socket))
    else:
        uvloop.run(drain(mode, address, socket))


if __name__ == "__main__":
    main()
