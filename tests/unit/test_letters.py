from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from psd.errors import MalformedError, WrongTypeError
from psd.queue.deadletter import (
    LETTER_BYTES_MAX,
    DeadLetterBox,
    DeadLetters,
    Letter,
    letter_of,
    read_letter,
)
from psd.queue.interface import Message
from tests.support.processes.worker_fakes import MemoryQueue, message

NOW_S = 1_460_419_200


@given(body=st.binary(), attempts=st.integers(1, 65_535), reason=st.text())
def test_a_letter_keeps_the_original_and_what_was_wrong(
    body: bytes, attempts: int, reason: str
) -> None:
    original = Message("0f2a", body, attempts, published_at_ns=(NOW_S - 5) * 1_000_000_000)
    letter = letter_of(original, "psd", WrongTypeError(reason), NOW_S)
    read = read_letter(message(msgspec.msgpack.encode(letter)))
    assert read == Letter("0f2a", "psd", "wrong_type", reason[:500], attempts, NOW_S - 5, body)


def test_a_message_without_a_time_was_first_seen_now() -> None:
    assert letter_of(message(b"x"), "psd", MalformedError("no"), NOW_S).first_seen_s == NOW_S


def test_a_letter_is_never_larger_than_the_queue_takes() -> None:
    huge = message(b"\xff" * (LETTER_BYTES_MAX + 48_576), message_id="i" * 300)
    letter = letter_of(huge, "t" * 64, MalformedError("\U0001f600" * 1000), NOW_S)
    assert len(msgspec.msgpack.encode(letter)) <= LETTER_BYTES_MAX
    assert len(letter.body) + letter.cut_bytes == len(huge.body)


def test_what_psd_did_not_write_is_shown_all_the_same() -> None:
    letter = read_letter(message(b"hello", message_id="m7"))
    assert (letter.id, letter.code, letter.body) == ("m7", "not_a_letter", b"hello")


async def letters_in(queue: MemoryQueue, *originals: Message) -> None:
    letters = [letter_of(each, "psd", MalformedError("no"), NOW_S) for each in originals]
    await DeadLetters(queue, "psd.dlq").put(letters)
    for number, (_, body) in enumerate(queue.published):
        queue.deliver(message(body, message_id=f"letter-{number}"))
    queue.published.clear()


def box_on(queue: MemoryQueue) -> DeadLetterBox:
    return DeadLetterBox(queue, first_wait_s=0.01, quiet_s=0.01)


async def test_what_was_only_looked_at_goes_back() -> None:
    queue = MemoryQueue()
    await letters_in(queue, message(b"a", "m1"), message(b"b", "m2"))
    async with box_on(queue) as box:
        assert [held.letter.body for held in await box.take(10)] == [b"a", b"b"]
    assert queue.given_back == ["letter-0", "letter-1"]
    assert queue.finished == []


async def test_a_replayed_letter_is_published_before_it_is_finished() -> None:
    queue = MemoryQueue()
    await letters_in(queue, message(b"a", "m1"))
    queue.calls.clear()
    async with box_on(queue) as box:
        (held,) = await box.take(10)
        await box.replay(held)
    assert queue.published == [("psd", b"a")]
    assert queue.calls[1:3] == ["publish psd 1", "finish 1"]


async def test_a_letter_that_was_written_twice_is_replayed_once() -> None:
    queue = MemoryQueue()
    await letters_in(queue, message(b"a", "m1"), message(b"a", "m1"))
    async with box_on(queue) as box:
        for held in await box.take(10):
            await box.replay(held)
    assert queue.published == [("psd", b"a")]
    assert queue.finished == ["letter-0", "letter-1"]


async def test_a_cut_letter_is_not_replayed() -> None:
    queue = MemoryQueue()
    await letters_in(queue, message(b"x" * (LETTER_BYTES_MAX + 1)))
    async with box_on(queue) as box:
        (held,) = await box.take(10)
        with pytest.raises(MalformedError):
            await box.replay(held)
    assert queue.finished == []


async def test_the_oldest_letter_comes_first_and_the_limit_holds() -> None:
    queue = MemoryQueue()
    originals = [Message(f"m{at}", b"x", 1, (NOW_S - at) * 10**9) for at in range(5)]
    await letters_in(queue, *originals)
    async with box_on(queue) as box:
        assert [held.letter.id for held in await box.take(3)] == ["m2", "m1", "m0"]
        assert [held.letter.id for held in await box.take(3)] == ["m4", "m3"]
        assert await box.take(3) == []
