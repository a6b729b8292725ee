"""The committed modules are what protoc makes of the .proto files, with the agreed numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from psd.rewards.proto import definitions_pb2, devices_pb2, rewards_pb2
from psd.rewards.proto.generate import FOLDER, generate

MESSAGES = {
    rewards_pb2.GetTotalPointsResponse: {"totalPoints": 1},
    rewards_pb2.AverageTokensResponse: {"averageTokens": 1},
    rewards_pb2.GetQualifiedDevicesRequest: {"start": 1, "end": 2},
    rewards_pb2.GetQualifiedDevicesDevice: {"id": 1, "integration_ids": 2},
    rewards_pb2.GetDeviceRewardsRequest: {"id": 1},
    rewards_pb2.GetDeviceRewardsResponse: {"id": 1, "tokens": 2, "weeks": 3},
    rewards_pb2.DeviceRewardsWeek: {
        "end_date": 1,
        "tokens": 2,
        "connection_streak": 3,
        "disconnection_streak": 4,
        "integration_ids": 5,
    },
    rewards_pb2.GetBlacklistStatusRequest: {"ethereum_address": 1},
    rewards_pb2.GetBlacklistStatusResponse: {"is_blacklisted": 1, "note": 2, "created_at": 3},
    rewards_pb2.SetBlacklistStatusRequest: {
        "ethereum_address": 1,
        "is_blacklisted": 2,
        "note": 3,
    },
    rewards_pb2.SetBlacklistStatusResponse: {},
    devices_pb2.ListUserDevicesForUserRequest: {"user_id": 1, "ethereum_address": 2},
    devices_pb2.ListUserDevicesForUserResponse: {"user_devices": 1},
    devices_pb2.UserDevice: {
        "id": 1,
        "user_id": 2,
        "token_id": 3,
        "opted_in_at": 4,
        "owner_address": 5,
        "integrations": 7,
        "vin": 8,
        "vin_confirmed": 13,
        "aftermarket_device": 20,
        "syntheticDevice": 21,
    },
    devices_pb2.SyntheticDevice: {"token_id": 1, "integration_token_id": 2},
    definitions_pb2.GetIntegrationResponse: {"integrations": 1},
    definitions_pb2.Integration: {
        "id": 1,
        "type": 2,
        "style": 3,
        "vendor": 4,
        "token_id": 8,
        "points": 9,
        "manufacturer_token_id": 10,
    },
}


def test_the_generated_modules_are_those_of_the_protos(tmp_path: Path) -> None:
    assert generate(tmp_path) == 0
    made = {path.name: path.read_bytes() for path in (tmp_path / "psd/rewards/proto").iterdir()}
    committed = {path.name: path.read_bytes() for path in FOLDER.glob("*_pb2*.py*")}
    assert sorted(made) == sorted(committed)
    different = [name for name in made if made[name] != committed[name]]
    assert different == [], "run: python -m psd.rewards.proto.generate"


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.DESCRIPTOR.full_name)
def test_fields_have_the_numbers_that_other_clients_and_services_use(message: type) -> None:
    fields = {field.name: field.number for field in message.DESCRIPTOR.fields}
    assert fields == MESSAGES[message]


@pytest.mark.parametrize(
    ("module", "service", "methods"),
    [
        (
            rewards_pb2,
            "rewards.RewardsService",
            [
                "GetTotalPoints",
                "GetAverageTokens",
                "GetQualifiedDevices",
                "GetDeviceRewards",
                "GetBlacklistStatus",
                "SetBlacklistStatus",
            ],
        ),
        (
            devices_pb2,
            "devices.UserDeviceService",
            ["GetUserDevice", "GetUserDeviceByTokenId", "ListUserDevicesForUser"],
        ),
        (definitions_pb2, "grpc.DeviceDefinitionService", ["GetIntegrations"]),
    ],
    ids=["rewards", "devices", "definitions"],
)
def test_services_have_the_names_that_others_call(
    module: object, service: str, methods: list[str]
) -> None:
    (described,) = module.DESCRIPTOR.services_by_name.values()
    assert described.full_name == service
    assert [method.name for method in described.methods] == methods
