"""Vehicles described by a real gRPC server: what they become, deadlines, retries, the cache."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from psd.errors import ConfigError, SourceError, SourceUnavailableError
from psd.rewards.proto.devices_pb2 import UserDevice
from psd.rewards.sources.descriptions import TRIES, GrpcDescriptions
from psd.rewards.tables import load_tables
from psd.rewards.vehicles import Vehicle
from tests.support.servers.grpc_peers import (
    AUTOPI_MANUFACTURER,
    DevicesPeer,
    device,
    garbage_server,
    integration,
)
from tests.support.waiting import wait_until

OWNER = bytes(range(20))
OWNER_TEXT = "0x000102030405060708090a0b0c0d0e0f10111213"
SMARTCAR, TESLA, AUTOPI = 1, 2, 3


class ManualTime:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
async def peer() -> AsyncIterator[DevicesPeer]:
    async with DevicesPeer() as running:
        yield running


@pytest.fixture
def now_s() -> ManualTime:
    return ManualTime()


@pytest.fixture
async def source(peer: DevicesPeer, now_s: ManualTime) -> AsyncIterator[GrpcDescriptions]:
    made = GrpcDescriptions(
        peer.address,
        peer.address,
        load_tables(),
        timeout_s=60,
        calls_in_flight_max=8,
        cache_s=60,
        retry_wait_s=0.01,
        now_s=now_s,
    )
    yield made
    await made.close()


async def test_a_device_becomes_a_vehicle(peer: DevicesPeer, source: GrpcDescriptions) -> None:
    peer.devices["7"] = device(
        7,
        owner=OWNER,
        user="someone",
        manufacturer=AUTOPI_MANUFACTURER,
        integration_token=1,
        opted_in_at_s=1_700_000_000,
    )
    assert await source.describe([7]) == {
        7: Vehicle(
            7,
            owner=OWNER_TEXT,
            integrations=frozenset({SMARTCAR, AUTOPI}),
            vin="1FTFW1E50PFA00001",
            minted=True,
            opted_in=True,
        )
    }


@pytest.mark.parametrize(
    "described",
    [
        device(owner=OWNER),
        device(7, owner=OWNER, vin_confirmed=False),
        device(7, owner=OWNER[:19]),
        device(7),
    ],
    ids=["no number", "VIN not confirmed", "19 bytes of an address", "no address"],
)
async def test_a_device_that_the_original_skips_is_not_minted(
    peer: DevicesPeer, source: GrpcDescriptions, described: object
) -> None:
    peer.devices["7"] = described
    (vehicle,) = (await source.describe([7])).values()
    assert (vehicle.vehicle, vehicle.minted, vehicle.may_earn) == (7, False, False)


async def test_a_vin_that_is_not_confirmed_is_unknown(
    peer: DevicesPeer, source: GrpcDescriptions
) -> None:
    peer.devices["7"] = device(7, owner=OWNER, vin_confirmed=False)
    peer.devices["8"] = device(8, owner=OWNER, vin=None)
    assert [each.vin for each in (await source.describe([7, 8])).values()] == [None, None]


async def test_without_an_address_the_user_owns_the_vehicle(
    peer: DevicesPeer, source: GrpcDescriptions
) -> None:
    peer.devices["7"] = device(7, user="someone")
    peer.devices["8"] = device(8)
    assert [each.owner for each in (await source.describe([7, 8])).values()] == ["someone", None]


async def test_a_silent_service_does_not_opt_a_vehicle_out(
    peer: DevicesPeer, source: GrpcDescriptions
) -> None:
    peer.devices["7"] = device(7, owner=OWNER)
    assert (await source.describe([7]))[7].opted_in is None


async def test_what_is_not_paired_on_chain_does_not_count(
    peer: DevicesPeer, source: GrpcDescriptions
) -> None:
    peer.integrations.append(integration("Macaron", manufacturer=142))
    peer.devices["1"] = device(1, owner=OWNER)
    peer.devices["2"] = device(2, owner=OWNER, manufacturer=0, integration_token=0)
    peer.devices["3"] = device(3, owner=OWNER, manufacturer=142, integration_token=2)
    found = await source.describe([1, 2, 3])
    paired = [found[number].integrations for number in (1, 2, 3)]
    assert paired == [frozenset(), frozenset(), frozenset({TESLA})]


async def test_a_vehicle_that_the_service_does_not_know_is_not_minted(
    source: GrpcDescriptions,
) -> None:
    assert await source.describe([7]) == {7: Vehicle(7, minted=False)}


async def test_a_vehicle_is_also_found_by_the_number_it_was_minted_under(
    peer: DevicesPeer, source: GrpcDescriptions
) -> None:
    peer.minted[7] = device(7, owner=OWNER)
    assert (await source.describe([7]))[7].minted is True
    assert peer.asked == ["integrations", "7", "#7"]


async def test_device_ids_are_translated_and_their_vehicles_then_known(
    peer: DevicesPeer, source: GrpcDescriptions
) -> None:
    peer.devices["2AbcDeviceId"] = device(7, owner=OWNER)
    peer.devices["2NotMinted"] = device()
    assert await source.vehicles_of(["2AbcDeviceId", "2NotMinted", "2Nobody"]) == {
        "2AbcDeviceId": 7
    }
    asked = len(peer.asked)
    assert (await source.describe([7]))[7].owner == OWNER_TEXT
    assert len(peer.asked) == asked


async def test_nothing_is_asked_about_nothing(peer: DevicesPeer, source: GrpcDescriptions) -> None:
    assert await source.describe([]) == {}
    assert peer.asked == []


async def test_each_vehicle_is_asked_for_once_until_the_cache_ends(
    peer: DevicesPeer, source: GrpcDescriptions, now_s: ManualTime
) -> None:
    peer.devices["7"] = device(7, owner=OWNER)
    await source.describe([7, 7, 7])
    now_s.seconds += 59
    await source.describe([7])
    assert peer.asked == ["integrations", "7"]
    now_s.seconds += 1
    await source.describe([7])
    assert peer.asked == ["integrations", "7"] * 2


async def test_many_calls_are_under_way_at_once_and_never_more_than_the_limit(
    peer: DevicesPeer, source: GrpcDescriptions
) -> None:
    for number in range(100):
        peer.devices[str(number)] = device(number, owner=OWNER)
    peer.gate.clear()
    # Two lookups share the limit.
    lookups = [
        asyncio.create_task(source.describe(range(50))),
        asyncio.create_task(source.describe(range(50, 100))),
    ]
    await wait_until("the limit is reached", lambda: peer.under_way == 8)
    peer.gate.set()
    first, second = await asyncio.gather(*lookups)
    assert (len(first), len(second), peer.under_way_max) == (50, 50, 8)


@pytest.mark.parametrize("passing", ["UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"])
async def test_a_refusal_that_passes_is_tried_again(
    peer: DevicesPeer, source: GrpcDescriptions, passing: str
) -> None:
    peer.devices["7"] = device(7, owner=OWNER)
    peer.failures = [grpc.StatusCode[passing]] * (TRIES - 1)
    assert (await source.describe([7]))[7].minted is True


async def test_a_service_that_stays_away_is_an_error_and_no_description(
    peer: DevicesPeer, source: GrpcDescriptions
) -> None:
    peer.devices["7"] = device(7, owner=OWNER)
    peer.failures = [grpc.StatusCode.UNAVAILABLE] * TRIES
    with pytest.raises(SourceUnavailableError, match=r"GetUserDevice of 7: UNAVAILABLE: told"):
        await source.describe([7])
    assert (await source.describe([7]))[7].minted is True


@pytest.mark.parametrize("final", ["INTERNAL", "PERMISSION_DENIED", "UNIMPLEMENTED"])
async def test_another_refusal_is_not_tried_again(
    peer: DevicesPeer, source: GrpcDescriptions, final: str
) -> None:
    peer.failures = [grpc.StatusCode[final]]
    with pytest.raises(SourceError, match=final):
        await source.describe([7])
    assert peer.asked == ["integrations", "7"]


async def test_one_failure_ends_the_whole_lookup(
    peer: DevicesPeer, source: GrpcDescriptions
) -> None:
    peer.failures = [grpc.StatusCode.INTERNAL]
    with pytest.raises(SourceError):
        await source.describe(range(1, 2000))
    assert len(peer.asked) < 1000


async def test_a_call_that_hangs_ends_at_its_deadline(peer: DevicesPeer) -> None:
    peer.gate.clear()
    source = GrpcDescriptions(
        peer.address, peer.address, load_tables(), timeout_s=0.5, retry_wait_s=0.001
    )
    with pytest.raises(SourceUnavailableError, match="DEADLINE_EXCEEDED"):
        await source.describe([7])
    assert peer.asked.count("7") == TRIES
    await source.close()


async def test_an_address_where_nobody_listens_is_a_source_that_is_away(peer: DevicesPeer) -> None:
    async with DevicesPeer() as gone:
        address = gone.address
    source = GrpcDescriptions(peer.address, address, load_tables(), retry_wait_s=0.001)
    with pytest.raises(SourceUnavailableError, match="GetIntegrations: UNAVAILABLE"):
        await source.describe([7])
    await source.close()


async def test_bytes_that_are_no_message_are_an_error(peer: DevicesPeer) -> None:
    server, address = await garbage_server()
    source = GrpcDescriptions(address, peer.address, load_tables())
    with pytest.raises(SourceError, match="GetUserDevice of 7: the answer is not of the protocol"):
        await source.describe([7])
    await source.close()
    await server.stop(None)


async def test_a_number_that_no_vehicle_can_have_is_an_error(
    peer: DevicesPeer, source: GrpcDescriptions
) -> None:
    peer.devices["x"] = device(2**64 - 1, owner=OWNER)
    with pytest.raises(SourceError, match="18446744073709551615 is too large"):
        await source.vehicles_of(["x"])


async def test_definitions_without_a_known_integration_unpair_nobody(
    peer: DevicesPeer, source: GrpcDescriptions
) -> None:
    peer.devices["7"] = device(7, owner=OWNER)
    peer.integrations = [integration("Other", token=1), integration("Tesla")]
    with pytest.raises(SourceError, match="lists no integration that psd's tables know"):
        await source.describe([7])


def test_a_source_without_both_addresses_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"rewards\.definitions_address"):
        GrpcDescriptions("127.0.0.1:1", "", load_tables())


async def test_an_answer_about_another_device_or_none_is_an_error(
    peer: DevicesPeer, source: GrpcDescriptions
) -> None:
    """Without it a vehicle would be another's, or off for the week."""
    peer.devices["7"] = UserDevice(id="8", token_id=8)
    with pytest.raises(SourceError, match="GetUserDevice of 7: the answer is about '8'"):
        await source.describe([7])
    peer.devices["7"] = UserDevice()
    with pytest.raises(SourceError, match="GetUserDevice of 7: the answer is about ''"):
        await source.describe([7])
    peer.minted[9] = device(8)
    with pytest.raises(SourceError, match="GetUserDeviceByTokenId of 9: the answer is about 8"):
        await source.describe([9])
    peer.devices["7"] = UserDevice(id="7", token_id=7)
    assert set(await source.describe([7])) == {7}
