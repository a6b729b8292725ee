"""Devices and definitions services on a port of their own, which answer what a test tells them.

>>> async with DevicesPeer() as peer:
...     peer.devices["7"] = device(7, owner=bytes(20))
...     peer.failures = [grpc.StatusCode.UNAVAILABLE]      # the next call fails so
...     source = GrpcDescriptions(peer.address, peer.address, load_tables())

One server answers for both services. ``asked`` lists the calls, ``under_way_max`` says how many
were open at once; while ``gate`` is cleared, every call for a device waits.
"""

from __future__ import annotations

import asyncio
from typing import Any, Self

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from psd.rewards.proto import definitions_pb2, definitions_pb2_grpc, devices_pb2, devices_pb2_grpc

AUTOPI_MANUFACTURER = 137


def device(
    token_id: int | None = None,
    *,
    owner: bytes | None = None,
    user: str = "",
    vin: str | None = "1FTFW1E50PFA00001",
    vin_confirmed: bool = True,
    manufacturer: int | None = None,
    integration_token: int | None = None,
    opted_in_at_s: int | None = None,
) -> devices_pb2.UserDevice:
    """A device as the service describes it; what is None is missing from the message."""
    hardware = None if manufacturer is None else {"manufacturer_token_id": manufacturer}
    software = None if integration_token is None else {"integration_token_id": integration_token}
    return devices_pb2.UserDevice(
        token_id=token_id,
        owner_address=owner,
        user_id=user,
        vin=vin,
        vin_confirmed=vin_confirmed,
        aftermarket_device=hardware,
        syntheticDevice=software,
        opted_in_at=None if opted_in_at_s is None else Timestamp(seconds=opted_in_at_s),
    )


def integration(
    vendor: str, *, token: int = 0, manufacturer: int = 0
) -> definitions_pb2.Integration:
    """An integration; one with a manufacturer is hardware."""
    return definitions_pb2.Integration(
        vendor=vendor, token_id=token, manufacturer_token_id=manufacturer
    )


class DevicesPeer(
    devices_pb2_grpc.UserDeviceServiceServicer, definitions_pb2_grpc.DeviceDefinitionServiceServicer
):
    """Both services; ``minted`` are devices that only their number finds."""

    def __init__(self) -> None:
        self.devices: dict[str, devices_pb2.UserDevice] = {}
        self.minted: dict[int, devices_pb2.UserDevice] = {}
        self.integrations = [
            integration("AutoPi", manufacturer=AUTOPI_MANUFACTURER),
            integration("SmartCar", token=1),
            integration("Tesla", token=2),
        ]
        self.failures: list[grpc.StatusCode] = []
        self.asked: list[str] = []
        self.under_way = 0
        self.under_way_max = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.address = ""
        self._server: Any = None

    async def __aenter__(self) -> Self:
        self._server = grpc.aio.server()
        devices_pb2_grpc.add_UserDeviceServiceServicer_to_server(self, self._server)
        definitions_pb2_grpc.add_DeviceDefinitionServiceServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop(None)

    async def GetUserDevice(self, request: Any, context: Any) -> Any:  # noqa: N802  (its name)
        return await self._answer(request.id, self.devices.get(request.id), context)

    async def GetUserDeviceByTokenId(  # noqa: N802  (its name)
        self, request: Any, context: Any
    ) -> Any:
        found = self.minted.get(request.token_id)
        return await self._answer(f"#{request.token_id}", found, context)

    async def GetIntegrations(self, request: Any, context: Any) -> Any:  # noqa: N802  (its name)
        self.asked.append("integrations")
        return definitions_pb2.GetIntegrationResponse(integrations=self.integrations)

    async def _answer(self, key: str, found: Any, context: Any) -> Any:
        self.asked.append(key)
        self.under_way += 1
        self.under_way_max = max(self.under_way_max, self.under_way)
        try:
            await self.gate.wait()
            if self.failures:
                await context.abort(self.failures.pop(0), "told to fail")
            if found is None:
                await context.abort(grpc.StatusCode.NOT_FOUND, "no such device")
            return found
        finally:
            self.under_way -= 1


async def garbage_server() -> tuple[Any, str]:
    """A server and its address; asked for a device, it answers bytes that are no message."""

    async def answer(request: bytes, context: Any) -> bytes:
        return b"\xff\xff\xff\xff"

    handlers = {"GetUserDevice": grpc.unary_unary_rpc_method_handler(answer)}
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("devices.UserDeviceService", handlers),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, f"127.0.0.1:{port}"
