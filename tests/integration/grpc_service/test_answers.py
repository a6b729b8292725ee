"""What the RewardsService answers, and how it tells an error."""

from __future__ import annotations

from datetime import date

import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp

from psd.errors import ShapeError, StoreUnavailableError
from psd.rewards.grpc_service import WeekReward
from psd.rewards.proto import rewards_pb2
from tests.support.rewards.rewards_service import (
    ADDRESS,
    Client,
    MemoryReader,
    between,
    listing,
    refused,
    status_of,
)


async def test_totals_and_averages_are_the_readers(client: Client) -> None:
    assert (await client.rewards.GetTotalPoints(Empty())).totalPoints == 2**60
    assert (await client.rewards.GetAverageTokens(Empty())).averageTokens == 151


async def test_a_vehicle_is_told_week_by_week_in_tokens(
    client: Client, reader: MemoryReader
) -> None:
    reader.weeks[7] = [
        WeekReward(date(2022, 2, 7), 15 * 10**17, 1, 0, ["Smartcar", "AutoPi"]),
        WeekReward(date(2022, 2, 14), 0, 1, 1, []),
    ]
    answer = await client.rewards.GetDeviceRewards(rewards_pb2.GetDeviceRewardsRequest(id="7"))
    assert (answer.id, answer.tokens) == ("7", 1.5)
    weeks = [
        (each.end_date, each.tokens, each.connection_streak, each.disconnection_streak)
        for each in answer.weeks
    ]
    assert weeks == [("2022-02-07", 1.5, 1, 0), ("2022-02-14", 0.0, 1, 1)]
    assert list(answer.weeks[0].integration_ids) == ["Smartcar", "AutoPi"]


async def test_a_vehicle_without_a_row_has_no_weeks(client: Client) -> None:
    answer = await client.rewards.GetDeviceRewards(rewards_pb2.GetDeviceRewardsRequest(id="8"))
    assert (answer.id, answer.tokens, len(answer.weeks)) == ("8", 0.0, 0)


@pytest.mark.parametrize("text", ["", "2AbcDeviceId", "-1", "07", "1.0", "9" * 19, "\u0667"])
async def test_an_id_that_is_no_vehicle_is_refused(client: Client, text: str) -> None:
    async with refused("INVALID_ARGUMENT", "is no vehicle"):
        await client.rewards.GetDeviceRewards(rewards_pb2.GetDeviceRewardsRequest(id=text))


async def test_qualified_vehicles_come_one_by_one(client: Client, reader: MemoryReader) -> None:
    reader.active = {7: ["Tesla"], 9: ["Smartcar", "AutoPi"]}
    call = client.rewards.GetQualifiedDevices(
        between(Timestamp(seconds=100, nanos=1), Timestamp(seconds=200))
    )
    found = [(each.id, list(each.integration_ids)) async for each in call]
    assert found == [("7", ["Tesla"]), ("9", ["Smartcar", "AutoPi"])]
    # Second 100 began before the start, so the first that counts is 101.
    assert reader.ranges == [(101, 200)]


@pytest.mark.parametrize(
    ("start_s", "end_s"), [(0, 0), (200, 100), (-1, 100), (100, 7_258_118_401)]
)
async def test_a_range_that_does_not_grow_or_leaves_the_calendar_is_refused(
    client: Client, reader: MemoryReader, start_s: int, end_s: int
) -> None:
    async with refused("INVALID_ARGUMENT", "must grow"):
        request = between(Timestamp(seconds=start_s), Timestamp(seconds=end_s))
        [each async for each in client.rewards.GetQualifiedDevices(request)]
    assert reader.ranges == []


async def test_a_stream_that_breaks_ends_with_the_error(
    client: Client, reader: MemoryReader
) -> None:
    reader.active = {7: ["Tesla"]}
    reader.failure = StoreUnavailableError("redis: no answer")
    seen = []
    async with refused("UNAVAILABLE", "redis: no answer"):
        request = between(Timestamp(seconds=1), Timestamp(seconds=2))
        async for each in client.rewards.GetQualifiedDevices(request):
            seen.append(each.id)
    assert seen == ["7"]


async def test_a_store_that_is_away_is_unavailable_and_no_zero(
    client: Client, reader: MemoryReader
) -> None:
    reader.failure = StoreUnavailableError("redis: no answer")
    for call, request in (
        (client.rewards.GetTotalPoints, Empty()),
        (client.rewards.GetAverageTokens, Empty()),
        (client.rewards.GetDeviceRewards, rewards_pb2.GetDeviceRewardsRequest(id="7")),
        (client.rewards.GetBlacklistStatus, status_of(ADDRESS)),
        (client.rewards.SetBlacklistStatus, listing()),
    ):
        async with refused("UNAVAILABLE", "redis: no answer"):
            await call(request)


async def test_an_error_of_the_store_does_not_show_its_keys(
    client: Client, reader: MemoryReader
) -> None:
    reader.failure = ShapeError("psd:secret key")
    async with refused("INTERNAL", "internal error: bad_shape"):
        await client.rewards.GetTotalPoints(Empty())
