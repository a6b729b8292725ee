"""Bodies at their limit from one token: booked or told to wait, and others do not notice."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from psd.access.tokens import MARK_CHARACTERS, digest
from psd.archive.reader import read_entries
from psd.runtime import Runtime
from psd.store.callers import Caller, enter_caller
from server.routes.v3_events import EVENTS_MAX
from tests.support.clients.access import asked_of, bearer, token_for
from tests.support.clients.event_requests import send
from tests.support.clients.http import Answer, HttpClient
from tests.support.engine import EVER, NOON_S, PATIENCE_S
from tests.support.waiting import wait_until

HOG, OTHER = token_for("hog", "write read"), token_for("other", "write read")
CONNECTIONS = 4
ROUNDS = 2


async def passed(seconds: float) -> None:
    """So much time, for others to do something."""
    end_s = time.monotonic() + seconds
    await wait_until("time has passed", lambda: time.monotonic() >= end_s, timeout_s=40)


def body_of(uid: int) -> list[dict[str, Any]]:
    """Activities of many owners, second by second: each a booking of its own."""
    return [
        {"thing": "steps", "uid": uid, "atid": 2, "aid": n, "value": 1, "ts1": at, "ts2": at}
        for n, at in enumerate(range(NOON_S, NOON_S + EVENTS_MAX))
    ]


pytestmark = pytest.mark.psd(asked_of(HOG, OTHER))


class Singles:
    """Writes of another token, one behind the other, until it is over."""

    def __init__(self, client: HttpClient) -> None:
        self.client = client
        self.is_over = False
        self.statuses: list[int] = []

    async def write(self) -> None:
        while not self.is_over:
            at = NOON_S + len(self.statuses)
            fields = {"thing": "steps", "uid": 1, "atid": 2, "aid": at, "value": 1}
            body = msgspec.json.encode(fields | {"ts1": at, "ts2": at})
            headers = bearer(OTHER.secret)
            answer = await self.client.request("POST", "/v1/write", body, headers=headers)
            self.statuses.append(answer.status)
            await passed(0.005)


@pytest.mark.one_server("the room is that of one server: each has its own")
async def test_bodies_at_their_limit_are_booked_or_told_to_wait_and_others_write_on(
    client: HttpClient, runtime: Runtime, tmp_path: Path
) -> None:
    answers: list[Answer] = []
    folder = tmp_path / "archive"
    singles = Singles(client)
    uids = [100 + n for n in range(CONNECTIONS * ROUNDS)]

    async def send_bodies(uids: Sequence[int]) -> None:
        for uid in uids:
            answers.append(await send(client, body_of(uid), headers=bearer(HOG.secret)))
            while answers[-1].status == 429:
                await passed(int(answers[-1].headers["Retry-After"]))
                answers.append(await send(client, body_of(uid), headers=bearer(HOG.secret)))

    writing = asyncio.create_task(singles.write())
    await asyncio.gather(*(send_bodies(uids[n::CONNECTIONS]) for n in range(CONNECTIONS)))
    singles.is_over = True
    await writing
    assert set(singles.statuses) == {200}
    told = Counter(answer.status for answer in answers)
    assert set(told) <= {200, 429}
    assert told[200] == len(uids)
    found = await runtime.engine.sums(uids, [1], [EVER] * len(uids))
    assert {own.sums[1] for own in found} == {EVENTS_MAX}
    messages = [msgspec.json.decode(each.body) for each in read_entries(folder, 0, 1 << 60)]
    archived = Counter(
        metric["uid"]
        for message in messages
        for metric in message.get("metrics") or [message["metric"]]
    )
    assert archived == {1: len(singles.statuses), **dict.fromkeys(uids, EVENTS_MAX)}


@pytest.mark.one_server("the room is that of one server: each has its own")
async def test_a_body_that_finds_no_room_is_told_so_and_leaves_nothing(
    client: HttpClient, runtime: Runtime, tmp_path: Path
) -> None:
    """A claim stands for all that other bodies of the token have waiting."""
    headers = bearer(HOG.secret) | {"Idempotency-Key": "k"}
    enter_caller(Caller(f"hog {digest(HOG.secret)[:MARK_CHARACTERS]}"))
    with runtime.store.writes.claimed(0.2 * PATIENCE_S * 1e6):
        enter_caller(None)
        refused = await send(client, body_of(7), headers=headers)
        assert refused.status == 429, refused.text[:200]
        assert 1 <= int(refused.headers["Retry-After"]) <= 2 * PATIENCE_S
        assert refused.json()["code"] == "busy"
        one = await send(client, body_of(8)[:1], headers=bearer(HOG.secret))
        other = await send(client, body_of(9)[:1_000], headers=bearer(OTHER.secret))
        assert [one.status, other.status] == [200, 200]
    entries = list(read_entries(tmp_path / "archive", 0, 1 << 60))
    assert len(entries) == 1_001
    again = await send(client, body_of(7), headers=headers)
    assert (again.status, again.headers.get("Idempotency-Replayed")) == (200, None)
