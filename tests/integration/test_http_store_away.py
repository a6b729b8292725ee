"""While Redis is away every data route says so, in time, and never answers a zero.

That a write was sent and not answered is told from one that was not sent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import msgspec
import pytest

from psd.config import QueueSettings, RedisSettings, ServerSettings, Settings
from psd.runtime import open_runtime
from tests.conftest import AnyStore
from tests.support.clients.http import Answer, HttpClient, serving
from tests.support.waiting import wait_until

T = 1458061000
REPORT = {"thing": "steps", "uid": 1, "atid": 2, "aid": 3, "value": 10, "ts1": T, "ts2": T}
FORM = {"ids": "1", "things": "steps", "offsets": "0"}
ANSWER_LIMIT_S = 30.0
"""One after the other they would be told after 36."""

TIMEOUT_S = 0.5


@pytest.fixture
async def client(own_redis: AnyStore) -> AsyncIterator[HttpClient]:
    settings = Settings(
        redis=RedisSettings(url=own_redis.url, timeout_s=TIMEOUT_S),
        queue=QueueSettings(kind="stream"),
        server=ServerSettings(port=0),
    )
    runtime = await open_runtime(settings)
    async with serving(runtime) as client:

        async def is_written() -> bool:
            # Half a second may not do for the first one, which loads the scripts.
            return (await client.write(REPORT)).text == "ok"

        await wait_until("something is written", is_written)
        yield client
    await runtime.close()


BODIES = {
    "/v1/write": msgspec.json.encode(REPORT),
    "/v1/write_many": msgspec.json.encode([REPORT]),
    "/v1/enqueue": msgspec.json.encode({"command": "metric", "metric": REPORT}),
}
READS = (f"/v1/query/1/steps/all/0/{T}", f"/v1/readcount/hifive_1/0/{T}")
FORMS = (
    f"/v1/query_ids/steps/all/0/{T}",
    f"/v1/mu_query/steps/all/0/{T}",
    f"/v1/mumt_query/all/0/{T}",
    f"/v2/mumt_query/all/0/{T}",
    f"/v1/readcount_with_ids/hifive/0/{T}",
)


async def ask(client: HttpClient, path: str) -> Answer:
    if path in BODIES:
        return await client.request("POST", path, BODIES[path])
    return await (client.get(path) if path in READS else client.post(path, FORM))


async def ask_timed(client: HttpClient, path: str) -> tuple[Answer, float]:
    started = time.perf_counter()
    answer = await ask(client, path)
    return answer, time.perf_counter() - started


@pytest.mark.parametrize("how", ["stalled", "gone"])
async def test_every_data_route_answers_503_in_time_or_504_where_a_write_was_sent(
    client: HttpClient, own_redis: AnyStore, how: str
) -> None:
    if how == "stalled":
        own_redis.pause()
    else:
        own_redis.kill9()
    paths = [*BODIES, *(READS + tuple(FORMS)) * 10]
    found = await asyncio.gather(*(ask_timed(client, path) for path in paths))
    if how == "stalled":
        own_redis.resume()
    # The first was sent; the second waited behind it and was not, unless both came in one turn.
    statuses = {"/v1/write": {504}, "/v1/write_many": {503, 504}} if how == "stalled" else {}
    for path, (answer, elapsed_s) in zip(paths, found, strict=True):
        assert answer.status in statuses.get(path, {503}), path
        assert answer.headers["Retry-After"] == "1", path
        assert len(answer.text) > 10, path
        assert elapsed_s < ANSWER_LIMIT_S, path


async def test_the_server_lives_and_is_not_ready_and_recovers_by_itself(
    client: HttpClient, own_redis: AnyStore
) -> None:
    assert (await client.get("/readyz")).status == 200
    own_redis.kill9()
    ready = await client.get("/readyz")
    assert (ready.status, ready.json()["ready"]) == (503, False)
    assert (await client.get("/healthz")).status == 200
    assert (await client.get("/health/ping")).text == '{"pong":"OK"}'
    own_redis.start()

    async def is_ready() -> bool:
        return (await client.get("/readyz")).status == 200

    await wait_until("the server is ready again", is_ready)
    assert (await client.write(REPORT)).text == "ok"
    assert (await client.get(f"/v1/query/1/steps/all/0/{T}")).text == "10"
