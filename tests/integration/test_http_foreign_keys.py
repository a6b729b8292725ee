"""Keys of somebody else in psd's place: a 500 in the words of the route, and Redis' in the log."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import msgspec
import pytest
import redis

from tests.support.clients.event_requests import T, metric
from tests.support.clients.http import FORM, HttpClient, serving
from tests.support.engine import engine_on


@pytest.fixture
async def foreign(redis_url: str) -> AsyncIterator[HttpClient]:
    """A server whose store has a text in place of every hash of user 1."""
    async with (
        engine_on(redis_url, {"queue.kind": "stream"}) as runtime,
        serving(runtime) as client,
    ):
        assert (await client.write(metric())).text == "ok"
        with redis.Redis.from_url(redis_url) as store:
            for key in store.keys("psd:*"):
                if store.type(key) == b"hash":
                    store.set(key, "mine")
        yield client


@pytest.mark.one_server("it spoils a key of the server that it knows")
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"/v1/query/1/steps/all/{T}/{T}", b""),
        ("POST", f"/v1/query_ids/steps/all/{T}/{T}", b"ids=1"),
        ("POST", "/v1/write", msgspec.json.encode(metric(value=11))),
        ("POST", "/v3/events", msgspec.json.encode(metric(value=12))),
        ("GET", f"/v3/sum?thing=steps&uid=1&start={T}&end={T + 1}", b""),
        ("GET", f"/v3/users/1/activities?start={T}&end={T + 1}", b""),
        ("GET", f"/api/v1/query?query=steps%7Buid=%221%22%7D&time={T}", b""),
    ],
)
async def test_the_code_alone_is_told(
    foreign: HttpClient, method: str, path: str, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    kind = FORM if "ids" in path else ""
    answer = await foreign.request(method, path, body, kind)
    assert answer.status == 500
    assert "store_error" in answer.text
    assert not re.search(r"WRONGTYPE|script|lua|[0-9a-f]{40}|EVAL|f_", answer.text), answer.text
    assert "WRONGTYPE" in caplog.text
