"""The proxy of the chaos programme: frames are found, and what it does to them is what it says."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.servers.redis_proxy import Faults, Kind, RedisProxy, split_frames
from tests.support.servers.redis_server import RedisServer

NESTED = b"*3\r\n:1\r\n*2\r\n$3\r\na\r\n\r\n$-1\r\n*0\r\n"
NO_HOLD_S = (0.0, 0.0)
DIRECTIONS = ("request", "reply")


@pytest.mark.parametrize(
    "frame", [b"+OK\r\n", b"-ERR no\r\n", b":12\r\n", b"$0\r\n\r\n", b"$-1\r\n", b"*-1\r\n", NESTED]
)
def test_a_frame_is_whole_at_its_last_byte_and_not_before(frame: bytes) -> None:
    for length in range(len(frame)):
        assert split_frames(frame[:length]) == ([], frame[:length])
    assert split_frames(frame + b"+") == ([frame], b"+")


def test_frames_behind_each_other_are_told_apart() -> None:
    assert split_frames(NESTED + b":1\r\n" + NESTED) == ([NESTED, b":1\r\n", NESTED], b"")


def test_one_seed_draws_the_same_faults_in_their_shares() -> None:
    shares: dict[Kind, int] = {"lose": 100, "cut": 300}
    first, again = (Faults(random.Random(5), shares, NO_HOLD_S) for _ in range(2))
    drawn = [first.draw() for _ in range(10_000)]
    assert drawn == [again.draw() for _ in range(10_000)]
    assert 900 < drawn.count("lose") < 1_100
    assert 2_800 < drawn.count("cut") < 3_200


@asynccontextmanager
async def connected(
    tmp_path: Path,
) -> AsyncIterator[tuple[RedisProxy, asyncio.StreamReader, asyncio.StreamWriter]]:
    with RedisServer(tmp_path) as server:
        async with RedisProxy(server.socket) as proxy:
            address = urlsplit(proxy.url)
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            yield proxy, reader, writer
            writer.close()


def echoes(*texts: str) -> bytes:
    return b"".join(f"*2\r\n$4\r\nECHO\r\n$1\r\n{text}\r\n".encode() for text in texts)


async def test_without_faults_everything_passes(tmp_path: Path) -> None:
    async with connected(tmp_path) as (proxy, reader, writer):
        writer.write(echoes("a", "b"))
        assert await reader.readexactly(14) == b"$1\r\na\r\n$1\r\nb\r\n"
        assert not proxy.counted


async def test_a_withheld_reply_is_missing_and_those_behind_it_pass(tmp_path: Path) -> None:
    async with connected(tmp_path) as (proxy, reader, writer):
        proxy.passes_reply = lambda unanswered: unanswered != 1
        writer.write(echoes("a", "b", "c"))
        assert await reader.readexactly(14) == b"$1\r\na\r\n$1\r\nc\r\n"


async def test_lost_requests_are_never_answered(tmp_path: Path) -> None:
    async with connected(tmp_path) as (proxy, reader, writer):
        proxy.faults = Faults(random.Random(1), {"lose": 1000}, NO_HOLD_S)
        writer.write(echoes("a", "b"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await reader.read(1)
        assert proxy.counted == {"lose request": 2}


async def test_what_is_held_or_split_arrives_whole(tmp_path: Path) -> None:
    async with connected(tmp_path) as (proxy, reader, writer):
        proxy.faults = Faults(random.Random(1), {"hold": 500, "split": 500}, (0.001, 0.002))
        writer.write(echoes(*"abcdefgh"))
        expected = b"".join(b"$1\r\n%c\r\n" % letter for letter in b"abcdefgh")
        assert await reader.readexactly(len(expected)) == expected
        assert set(proxy.counted) == {f"{k} {d}" for k in ("hold", "split") for d in DIRECTIONS}


async def test_a_cut_request_ends_its_connection_and_is_not_executed(tmp_path: Path) -> None:
    async with connected(tmp_path) as (proxy, reader, writer):
        writer.write(echoes("a"))
        assert await reader.readexactly(7) == b"$1\r\na\r\n"
        proxy.faults = Faults(random.Random(1), {"cut": 1000}, NO_HOLD_S)
        writer.write(echoes("b"))
        assert await reader.read() == b""
        assert proxy.counted == {"cut request": 1}


async def test_a_reset_throws_away_what_is_on_its_way(tmp_path: Path) -> None:
    async with connected(tmp_path) as (proxy, reader, writer):
        proxy.faults = Faults(random.Random(1), {"reset": 1000}, NO_HOLD_S)
        writer.write(echoes("a"))
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
