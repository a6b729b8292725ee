"""What a real nsqd seldom says: split, unknown and broken frames, errors, refusals."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from typing import Any

import pytest

from psd.queue.nsq_queue import NsqQueue
from psd.queue.nsq_stream import FRAME_BYTES_MAX
from tests.support.processes.nsq_consumers import queue_settings, receive_all
from tests.support.waiting import wait_until

RESPONSE, ERROR, MESSAGE = 0, 1, 2
ID = b"0123456789abcdef"

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]]


def frame(kind: int, data: bytes) -> bytes:
    return struct.pack(">ll", len(data) + 4, kind) + data


def message(body: bytes) -> bytes:
    return frame(MESSAGE, struct.pack(">qH16s", 1_460_419_200_000_000_000, 1, ID) + body)


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Do what nsqd does until the consumer is subscribed and has sent its first RDY."""
    assert await reader.readexactly(4) == b"  V2"
    assert await reader.readline() == b"IDENTIFY\n"
    (size,) = struct.unpack(">l", await reader.readexactly(4))
    await reader.readexactly(size)
    writer.write(frame(RESPONSE, b'{"max_rdy_count": 2500, "msg_timeout": 60000}'))
    assert await reader.readline() == b"SUB psd psd\n"
    writer.write(frame(RESPONSE, b"OK"))
    assert await reader.readline() == b"RDY 2500\n"


@asynccontextmanager
async def consuming_from(*sessions: Script) -> AsyncIterator[tuple[NsqQueue, list[float]]]:
    """A consumer of a server that plays one script a connection, the last one for ever.

    The list holds when each connection was made.
    """
    connected_at_s: list[float] = []

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = sessions[min(len(connected_at_s), len(sessions) - 1)]
        connected_at_s.append(asyncio.get_running_loop().time())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await script(reader, writer)
        writer.close()

    server = await asyncio.start_server(play, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    queue = NsqQueue(queue_settings(nsqd_addresses=(f"127.0.0.1:{port}",)))
    await queue.start()
    try:
        yield queue, connected_at_s
    finally:
        await queue.close()
        server.close()
        await server.wait_closed()


def saying(*parts: bytes) -> Script:
    """Greet, send the parts one by one, and stay until the consumer leaves."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer)
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        while line := await reader.readline():
            if line == b"CLS\n":
                writer.write(frame(RESPONSE, b"CLOSE_WAIT"))

    return script


def byte_by_byte(data: bytes) -> list[bytes]:
    return [data[index : index + 1] for index in range(len(data))]


async def test_a_frame_that_comes_in_single_bytes_is_put_together() -> None:
    async with consuming_from(saying(*byte_by_byte(message(b"whole")))) as (queue, _):
        (received,) = await receive_all(queue, 1)
    assert received.body == b"whole"
    assert received.id == ID.decode()
    assert received.published_at_ns == 1_460_419_200_000_000_000


async def test_many_frames_in_one_read_all_arrive() -> None:
    both = frame(RESPONSE, b"_heartbeat_").join([message(b"1"), message(b"2"), message(b"3")[:20]])
    async with consuming_from(saying(both, message(b"3")[20:])) as (queue, _):
        received = await receive_all(queue, 3)
    assert [each.body for each in received] == [b"1", b"2", b"3"]


@pytest.mark.parametrize(
    "odd",
    [
        frame(ERROR, b"E_FIN_FAILED FIN 0123456789abcdef failed ID not in flight"),
        frame(ERROR, b"E_REQ_FAILED REQ 0123456789abcdef failed ID not in flight"),
        frame(ERROR, b"E_TOUCH_FAILED TOUCH 0123456789abcdef failed ID not in flight"),
    ],
)
async def test_the_late_refusal_of_one_message_is_passed_over(odd: bytes) -> None:
    async with consuming_from(saying(odd + message(b"next"))) as (queue, connected_at_s):
        (received,) = await receive_all(queue, 1)
        assert received.body == b"next"
        assert len(connected_at_s) == 1


@pytest.mark.parametrize(
    "fatal",
    [
        frame(ERROR, b"E_INVALID invalid command"),
        frame(ERROR, b"E_UNHEARD_OF unknown to nsq-py"),
        struct.pack(">l", -1),
        struct.pack(">l", 2**31 - 1),
        struct.pack(">l", FRAME_BYTES_MAX + 1),
        struct.pack(">l", 0),
        struct.pack(">l", 2) + b"ab",
        frame(7, b"from the future"),
        frame(MESSAGE, b"too short"),
        frame(MESSAGE, struct.pack(">qH16s", 1, 1, b"\xff" * 16) + b"no such id"),
        frame(RESPONSE, b"nobody asked"),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
)
async def test_a_fatal_error_or_garbage_closes_the_connection_with_a_reason_and_opens_another(
    fatal: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with consuming_from(saying(fatal), saying(message(b"next"))) as (queue, connected_at_s):
        (received,) = await receive_all(queue, 1)
        assert received.body == b"next"
        assert len(connected_at_s) == 2
    assert "closing" in caplog.text


def cut_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Awaitable[object]:
    """Greet, send half a frame, and hang up."""

    async def script() -> None:
        await greet(reader, writer)
        writer.write(message(b"never whole")[:25])
        await writer.drain()

    return script()


async def message_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A message before the consumer has subscribed."""
    await reader.readexactly(4)
    writer.write(message(b"too early"))
    await reader.read()


def answering_identify(answer: bytes) -> Script:
    """Answer IDENTIFY, and nothing after it."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        writer.write(frame(RESPONSE, answer))
        await reader.read()

    return script


@pytest.mark.parametrize(
    "broken",
    [
        cut_off,
        message_first,
        *(
            answering_identify(text)
            for text in (b"{", b"\xff\xfe", b"[1]", b'{"max_rdy_count":"x"}')
        ),
    ],
)
async def test_a_truncated_frame_or_a_wrong_order_leads_to_a_new_connection(broken: Script) -> None:
    async with consuming_from(broken, saying(message(b"next"))) as (queue, connected_at_s):
        (received,) = await receive_all(queue, 1)
        assert received.body == b"next"
        assert len(connected_at_s) >= 2


async def hang_up_at_once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def greet_and_hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await greet(reader, writer)


@pytest.mark.parametrize("refusal", [hang_up_at_once, greet_and_hang_up])
@pytest.mark.timed("how long it waits before it dials again")
async def test_a_server_that_hangs_up_each_time_is_dialled_ever_more_slowly(
    refusal: Script,
) -> None:
    async with consuming_from(refusal) as (_, connected_at_s):
        await wait_until("it was dialled six times", lambda: len(connected_at_s) >= 6)
    pauses_s = [after - before for before, after in pairwise(connected_at_s)]
    assert pauses_s[0] < 0.3
    assert 0.4 <= pauses_s[-1] < 1.2
    assert sum(pauses_s) > 1.0


@pytest.mark.timed("how long it waits before it dials again")
async def test_a_server_that_never_answers_is_given_up_within_a_second() -> None:
    async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> Any:
        return await reader.read()

    async with consuming_from(say_nothing) as (queue, connected_at_s):
        await wait_until("it is dialled again", lambda: len(connected_at_s) >= 2, timeout_s=3)
        assert queue.connected == []


@pytest.mark.timed("it is closed within 3 s")
async def test_a_server_that_does_not_answer_cls_does_not_hold_up_close() -> None:
    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer)
        writer.write(message(b"in hand"))
        while await reader.readline():
            pass

    loop = asyncio.get_running_loop()
    async with consuming_from(ignore) as (queue, _):
        await receive_all(queue, 1)
        closing_at_s = loop.time()
        await queue.close()
        assert loop.time() - closing_at_s < 3


async def test_after_stop_what_has_arrived_is_received_and_then_nothing() -> None:
    lines: list[bytes] = []

    async def deliver(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer)
        # The answer to the heartbeat tells that the messages before it have been read.
        writer.write(message(b"x") * 10 + frame(RESPONSE, b"_heartbeat_"))
        lines.append(await reader.readline())
        await reader.read()

    async with consuming_from(deliver) as (queue, _):
        await wait_until("all have arrived", lambda: lines == [b"NOP\n"])
        await queue.stop()
        assert len(await queue.receive(500, wait_s=5.0)) == 10
        assert await queue.receive(500, wait_s=5.0) == []


async def test_what_arrives_after_a_pause_is_given_back() -> None:
    lines: list[bytes] = []

    async def deliver_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer)
        lines.append(await reader.readline())
        writer.write(message(b"under way"))
        lines.append(await reader.readline())
        await reader.read()

    async with consuming_from(deliver_late) as (queue, _):
        await wait_until("it is connected", lambda: queue.connected)
        await queue.pause()
        await wait_until("it is given back", lambda: len(lines) == 2)
    assert lines == [b"RDY 0\n", b"REQ " + ID + b" 0\n"]


async def test_finishes_of_one_batch_leave_in_one_send() -> None:
    reads: list[bytes] = []
    count = 500

    async def deliver(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer)
        writer.write(message(b"x") * count)
        reads.append(await reader.read(1024 * 1024))
        await reader.read()

    async with consuming_from(deliver) as (queue, _):
        await queue.finish(await receive_all(queue, count))
        await wait_until("the finishes arrive", lambda: reads)
    assert reads[0] == (b"FIN " + ID + b"\n") * count
