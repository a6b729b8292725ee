"""The blacklist over gRPC: who is on it, since when and why."""

from __future__ import annotations

import pytest

from psd.rewards.proto import rewards_pb2
from tests.support.rewards.rewards_service import (
    ADDRESS,
    NOW_S,
    Client,
    MemoryReader,
    listing,
    refused,
    status_of,
)

OWNER = "0x000102030405060708090a0b0c0d0e0f10111213"


async def test_an_address_that_is_not_listed_has_an_empty_note_and_time_zero(
    client: Client,
) -> None:
    answer = await client.rewards.GetBlacklistStatus(status_of(ADDRESS))
    assert (answer.is_blacklisted, answer.note) == (False, "")
    assert answer.HasField("created_at")
    assert answer.created_at.seconds == 0


async def test_listing_twice_keeps_the_first_note_and_time(
    client: Client, reader: MemoryReader
) -> None:
    await client.rewards.SetBlacklistStatus(listing("first"))
    await client.rewards.SetBlacklistStatus(listing("second"))
    answer = await client.rewards.GetBlacklistStatus(status_of(ADDRESS))
    assert (answer.is_blacklisted, answer.note) == (True, "first")
    assert answer.created_at.seconds == NOW_S
    assert list(reader.blacklist) == [OWNER]


async def test_taking_an_address_off_may_be_repeated(client: Client, reader: MemoryReader) -> None:
    await client.rewards.SetBlacklistStatus(listing("first"))
    await client.rewards.SetBlacklistStatus(listing(listed=False))
    await client.rewards.SetBlacklistStatus(listing(listed=False))
    assert reader.blacklist == {}


@pytest.mark.parametrize("length", [0, 19, 21])
async def test_an_address_has_20_bytes(client: Client, reader: MemoryReader, length: int) -> None:
    async with refused("INVALID_ARGUMENT", f"ethereum_address: {length} bytes"):
        await client.rewards.GetBlacklistStatus(status_of(bytes(length)))
    async with refused("INVALID_ARGUMENT", f"ethereum_address: {length} bytes"):
        await client.rewards.SetBlacklistStatus(
            rewards_pb2.SetBlacklistStatusRequest(
                ethereum_address=bytes(length), is_blacklisted=True
            )
        )
    assert reader.authors == []


async def test_a_note_that_is_too_long_lists_nobody(client: Client, reader: MemoryReader) -> None:
    async with refused("INVALID_ARGUMENT", "note: 1001 characters"):
        await client.rewards.SetBlacklistStatus(listing("x" * 1001))
    assert reader.authors == []
