"""What cannot be read of rewards: bad questions, weeks not computed, a store that is away."""

from __future__ import annotations

import pytest

from tests.support.clients.http import HttpClient
from tests.support.rewards.reward_weeks import OWNER, Served, a_family, weeks_served
from tests.support.servers.redis_server import RedisServer

PATHS = (
    "/v3/vehicles/7/statement",
    "/v3/streaks",
    "/v3/streaks/at-risk",
    f"/v3/streaks/at-risk?owner={OWNER}",
    f"/v1/user?owner={OWNER}",
    f"/v1/user/history?owner={OWNER}",
    "/v1/rewards/convert?points=1",
    "/v1/aftermarket/device/7",
)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v3/vehicles/9/statement", 404),
        ("/v3/vehicles/7/statement?week=5", 404),
        ("/v3/vehicles/7/statement?week=x", 400),
        ("/v3/vehicles/7/statement?week=", 400),
        ("/v3/vehicles/7/statement?week=-1", 406),
        ("/v3/vehicles/7/statement?week=99999", 406),
        ("/v3/vehicles/07/statement", 400),
        ("/v3/vehicles/x/statement", 400),
        ("/v3/vehicles/-7/statement", 406),
        (f"/v3/vehicles/{2**63}/statement", 406),
        ("/v3/streaks?week=5", 404),
        ("/v3/streaks?limit=0", 406),
        ("/v3/streaks?limit=1001", 406),
        ("/v3/streaks?limit=ten", 400),
        ("/v3/streaks?cursor=", 400),
        ("/v3/streaks?cursor=%F0%9F", 400),
        ("/v3/streaks?week=3&cursor=NC4x", 400),
        ("/v3/streaks/at-risk?cursor=NTAwMC4x", 400),
        ("/v3/streaks/at-risk?cursor=!", 400),
        (f"/v3/streaks/at-risk?owner={'x' * 129}", 400),
        ("/v3/streaks/at-risk?owner=%00", 400),
    ],
)
async def test_what_v3_refuses_is_a_problem(served: Served, path: str, status: int) -> None:
    await a_family(served)
    answer = await served.client.get(path)
    assert (answer.status, answer.content_type) == (status, "application/problem+json")


async def test_before_the_first_week_is_computed_v3_knows_none(served: Served) -> None:
    for path in ("/v3/vehicles/7/statement", "/v3/streaks", "/v3/streaks?week=0"):
        assert (await served.client.get(path)).status == 404


async def test_while_the_store_is_away_nothing_is_told(own_redis: RedisServer) -> None:
    async with weeks_served(own_redis.url, 6) as served:
        await a_family(served)
        for path in PATHS:
            assert (await served.client.get(path)).status == 200, path
        own_redis.kill9()
        for path in PATHS:
            assert await refused(served.client, path), path


async def refused(client: HttpClient, path: str) -> bool:
    answer = await client.get(path)
    assert answer.headers["Retry-After"] == "1"
    return answer.status == 503
