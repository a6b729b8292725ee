"""Events of somebody with a token: for whom they may book, and in whose name."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from tests.support.clients.access import asked_of, bearer, token_for
from tests.support.clients.event_requests import T, count, metric, send
from tests.support.clients.http import HttpClient, serving
from tests.support.engine import engine_on

TOKENS = {
    "writer": token_for("writer", "write read"),
    "other": token_for("other", "write"),
    "owner-1": token_for("owner-1", "write", frozenset({1})),
    "both": token_for("shared", "write", frozenset({1, 2})),
    "second": token_for("shared", "write", frozenset({2})),
}


@pytest.fixture
async def guarded(redis_url: str) -> AsyncIterator[HttpClient]:
    """A server that asks for tokens."""
    flags = {"queue.kind": "stream", **asked_of(*TOKENS.values())}
    async with engine_on(redis_url, flags) as runtime, serving(runtime) as client:
        yield client


async def test_a_foreign_document_keeps_all_of_a_body_from_being_booked(
    guarded: HttpClient,
) -> None:
    headers = bearer(TOKENS["owner-1"].secret)
    for body in (
        [metric(), metric(uid=2)],
        [metric(), count(id="c")],
        [metric(), metric(thing="signals")],
        [metric(), {"command": "withdraw", "withdraw": {"uid": 2, "aid": 3}}],
    ):
        assert (await send(guarded, body, headers=headers)).status == 403
    reader = bearer(TOKENS["writer"].secret)
    sums = await guarded.request(
        "POST",
        f"/v1/query_ids/steps/all/0/{T}",
        b"ids=1,2",
        headers=reader,
        content_type="application/x-www-form-urlencoded",
    )
    assert sums.json() == {"1": 0, "2": 0}
    assert (await send(guarded, [metric()], headers=headers)).status == 200


async def test_keys_of_two_tokens_never_meet(guarded: HttpClient) -> None:
    key = {"Idempotency-Key": "k"}
    for name, status in (("writer", "booked"), ("other", "unchanged"), ("writer", "booked")):
        answer = await send(guarded, [metric()], headers=bearer(TOKENS[name].secret) | key)
        assert [row["status"] for row in answer.json()["data"]] == [status]


async def test_tokens_of_one_name_share_no_keys_and_each_is_asked_for_its_owners(
    guarded: HttpClient,
) -> None:
    key = {"Idempotency-Key": "k"}
    first, second = (bearer(TOKENS[name].secret) | key for name in ("both", "second"))
    assert (await send(guarded, [metric()], headers=first)).status == 200
    answer = await send(guarded, [metric()], headers=second)
    assert (answer.status, answer.headers.get("Idempotency-Replayed")) == (403, None)
    own = await send(guarded, [metric(uid=2)], headers=second)
    assert own.json()["data"] == [{"index": 0, "status": "booked"}], "no 422 for another's key"
    assert (await send(guarded, [metric()], headers=first)).headers["Idempotency-Replayed"]


async def test_an_answer_is_replayed_for_whoever_may_still_ask(redis_url: str) -> None:
    """The owners of a token were fewer, when its request came again."""
    key = {"Idempotency-Key": "k"} | bearer(TOKENS["both"].secret)
    for owners, status in (("1+2", 200), ("2", 403), ("1+2", 200)):
        line = TOKENS["both"].line.replace("owners=1+2", f"owners={owners}")
        flags = {"queue.kind": "stream", "access.tokens": [line]}
        async with engine_on(redis_url, flags) as runtime, serving(runtime) as client:
            answer = await send(client, [metric()], headers=key)
            assert answer.status == status
    assert answer.headers["Idempotency-Replayed"] == "true"


async def test_a_withdrawal_is_written_down_in_the_name_of_the_token(guarded: HttpClient) -> None:
    headers = bearer(TOKENS["writer"].secret)
    withdraw = {"command": "withdraw", "withdraw": {"uid": 1, "aid": 3, "by": "somebody else"}}
    answer = await send(guarded, [metric(), withdraw, metric()], headers=headers)
    found = [row["status"] for row in answer.json()["data"]]
    assert found == ["booked", "booked", "withdrawn"]
    audit = await guarded.request("GET", "/v3/users/1/audit", headers=headers)
    assert [row["by"] for row in audit.json()["data"]] == ["writer"]
    for by, status in (("somebody else", 403), ("", 403), ("writer", 202)):
        body = msgspec.json.encode(
            {"command": "withdraw", "withdraw": {"uid": 1, "aid": 3, "by": by}}
        )
        answer = await guarded.request("POST", "/v1/enqueue", body, headers=headers)
        assert answer.status == status, answer.text
