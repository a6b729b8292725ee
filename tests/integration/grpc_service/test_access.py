"""Who may call the RewardsService, and for whom it is served at all."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp

from psd.clock import ManualClock
from psd.config import AccessSettings
from psd.errors import ConfigError
from psd.rewards.grpc_service import check_grpc_exposure
from tests.support.clients.access import Token, token_for
from tests.support.rewards.rewards_service import (
    ADDRESS,
    ADMIN,
    CHECKED,
    EXPIRED,
    NOW_S,
    OWNERS,
    READER,
    MemoryReader,
    between,
    listing,
    refused,
    serving,
    status_of,
)


def bearer(token: Token) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token.secret}"),)


async def test_with_tokens_every_call_needs_one(reader: MemoryReader) -> None:
    async with serving(reader, CHECKED, ManualClock(NOW_S)) as client:
        ask = client.rewards.GetTotalPoints
        assert (await ask(Empty(), metadata=bearer(READER))).totalPoints == 2**60
        async with refused("UNAUTHENTICATED", "a token is needed"):
            await ask(Empty())
        async with refused("UNAUTHENTICATED", "token: not known"):
            await ask(Empty(), metadata=bearer(token_for("stranger", "read")))
        async with refused("UNAUTHENTICATED", "token: expired"):
            await ask(Empty(), metadata=bearer(EXPIRED))
        async with refused("UNAUTHENTICATED", "expected once"):
            await ask(Empty(), metadata=bearer(READER) * 2)
        async with refused("UNAUTHENTICATED", "expected once"):
            await ask(Empty(), metadata=(("authorization", f"Basic {READER.secret}"),))


async def test_a_stream_needs_a_token_too(reader: MemoryReader) -> None:
    async with (
        serving(reader, CHECKED, ManualClock(NOW_S)) as client,
        refused("UNAUTHENTICATED", "a token is needed"),
    ):
        request = between(Timestamp(seconds=1), Timestamp(seconds=2))
        [each async for each in client.rewards.GetQualifiedDevices(request)]
    assert reader.ranges == []


async def test_the_blacklist_is_an_admins_to_set(reader: MemoryReader) -> None:
    async with serving(reader, CHECKED, ManualClock(NOW_S)) as client:
        async with refused("PERMISSION_DENIED", "scope admin"):
            await client.rewards.SetBlacklistStatus(listing(), metadata=bearer(READER))
        assert reader.authors == []
        await client.rewards.SetBlacklistStatus(listing("why"), metadata=bearer(ADMIN))
        assert reader.authors == ["office"]
        status = await client.rewards.GetBlacklistStatus(
            status_of(ADDRESS), metadata=bearer(READER)
        )
        assert status.is_blacklisted is True


async def test_a_token_of_single_owners_is_refused(reader: MemoryReader) -> None:
    async with (
        serving(reader, CHECKED, ManualClock(NOW_S)) as client,
        refused("PERMISSION_DENIED", "a token of all owners"),
    ):
        await client.rewards.GetTotalPoints(Empty(), metadata=bearer(OWNERS))


async def test_a_token_taken_out_of_the_file_is_refused_without_a_restart(
    reader: MemoryReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psd.access.known_tokens.LOOK_EVERY_S", 0)
    file = tmp_path / "tokens"
    file.write_text(READER.line)
    access = AccessSettings(tokens_file=str(file))
    async with serving(reader, access, ManualClock(NOW_S)) as client:
        await client.rewards.GetTotalPoints(Empty(), metadata=bearer(READER))
        file.write_text("half a li")
        await client.rewards.GetTotalPoints(Empty(), metadata=bearer(READER))
        file.write_text(ADMIN.line)
        async with refused("UNAUTHENTICATED", "token: not known"):
            await client.rewards.GetTotalPoints(Empty(), metadata=bearer(READER))


def test_other_machines_are_not_served_without_tokens() -> None:
    with pytest.raises(ConfigError, match=r"rewards\.grpc_host = '0\.0\.0\.0'"):
        check_grpc_exposure(AccessSettings(), "0.0.0.0")
    with pytest.raises(ConfigError, match="gRPC reads no JWTs"):
        check_grpc_exposure(AccessSettings(jwks="https://login.example/keys"), "0.0.0.0")
    with pytest.raises(ConfigError, match="remove one of both"):
        check_grpc_exposure(msgspec.structs.replace(CHECKED, insecure=True), "127.0.0.1")
    assert check_grpc_exposure(CHECKED, "0.0.0.0") == ""
    assert check_grpc_exposure(AccessSettings(), "127.0.0.1") == ""
    assert "everyone" in check_grpc_exposure(AccessSettings(insecure=True), "0.0.0.0")
    assert "refused" in check_grpc_exposure(AccessSettings(jwks="https://x"), "127.0.0.1")
