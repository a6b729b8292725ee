"""What a key of a request keeps: a claim, then the answer; and nothing of what went wrong."""

from __future__ import annotations

import pytest

from psd.errors import (
    IdempotencyMismatchError,
    MalformedError,
    RequestInHandError,
    StoreUnavailableError,
    TooLargeError,
)
from server.idempotency import CLAIM_S, KEPT_S, Replays, checked_key
from tests.support.stored.fake_store import FakeStore

ANSWER = b'{"booked":1}'


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def replays(store: FakeStore) -> Replays:
    return Replays(store.as_store())


async def worked() -> bytes:
    return ANSWER


async def forbidden() -> bytes:
    raise AssertionError("it is not worked on again")


async def seconds_left(store: FakeStore) -> int:
    [key] = await store.client.keys("*")
    return int(await store.client.ttl(key))


async def test_who_comes_again_gets_the_answer_of_the_first_time_for_a_day(
    replays: Replays, store: FakeStore
) -> None:
    assert await replays.answer("app", "k", b"body", worked) == (ANSWER, False)
    assert await replays.answer("app", "k", b"body", forbidden) == (ANSWER, True)
    assert KEPT_S - 60 < await seconds_left(store) <= KEPT_S


async def test_another_body_with_the_key_is_refused(replays: Replays) -> None:
    await replays.answer("app", "k", b"body", worked)
    with pytest.raises(IdempotencyMismatchError, match="another body"):
        await replays.answer("app", "k", b"other", forbidden)


async def test_keys_of_different_tokens_never_meet(replays: Replays) -> None:
    assert await replays.answer("ab", "c", b"body", worked) == (ANSWER, False)
    assert await replays.answer("a", "bc", b"other", worked) == (ANSWER, False)


async def test_while_it_is_worked_on_others_wait_and_the_claim_ends_by_itself(
    replays: Replays, store: FakeStore
) -> None:
    async def meanwhile() -> bytes:
        assert 0 < await seconds_left(store) <= CLAIM_S
        with pytest.raises(RequestInHandError):
            await replays.answer("app", "k", b"body", forbidden)
        with pytest.raises(IdempotencyMismatchError):
            await replays.answer("app", "k", b"other", forbidden)
        return ANSWER

    assert await replays.answer("app", "k", b"body", meanwhile) == (ANSWER, False)


async def test_what_was_refused_is_worked_on_when_it_comes_again(
    replays: Replays, store: FakeStore
) -> None:
    async def refused() -> bytes:
        raise TooLargeError("too much")

    with pytest.raises(TooLargeError):
        await replays.answer("app", "k", b"body", refused)
    assert await store.client.keys("*") == []
    assert await replays.answer("app", "k", b"body", worked) == (ANSWER, False)


async def test_an_answer_that_cannot_be_kept_is_given_all_the_same(
    replays: Replays, store: FakeStore
) -> None:
    async def then_away() -> bytes:
        store.writes.error = StoreUnavailableError("redis: nothing listens there")
        return ANSWER

    assert await replays.answer("app", "k", b"body", then_away) == (ANSWER, False)
    store.writes.error = None
    with pytest.raises(RequestInHandError):
        await replays.answer("app", "k", b"body", forbidden)


@pytest.mark.parametrize("text", ["", "x" * 256, "ключ", "a\nb"])
def test_a_key_is_printable_ascii_of_some_length(text: str) -> None:
    with pytest.raises(MalformedError, match="1 to 255 printable"):
        checked_key(text)
