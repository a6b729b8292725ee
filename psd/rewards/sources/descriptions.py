"""Describes vehicles from the devices and definitions services, over gRPC.

What lives here is the client: deadlines, retries, the bound on calls under way, the cache, and
what a device means as a :class:`Vehicle`. The device is asked for by its number as text, then by
the number that it was minted under; activity sources that know devices by the service's own ids
translate them with :meth:`GrpcDescriptions.vehicles_of`, which fills the same cache::

    source = GrpcDescriptions("devices:8086", "definitions:8086", load_tables())
    await source.vehicles_of(["2AbcDeviceId"])   -> {"2AbcDeviceId": 7}
    await source.describe([7])                   -> {7: Vehicle(7, owner="0x1f...", ...)}, no call

The service has no call for many devices. One after the other, a thousand vehicles would take a
thousand round trips; here 32 calls share one connection.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

import msgspec

from psd.backoff import backoff_s
from psd.engine.events import ID_MAX
from psd.errors import ConfigError, SourceError, SourceUnavailableError
from psd.rewards.tables import Tables
from psd.rewards.vehicles import Vehicle

try:
    import grpc
    from google.protobuf.empty_pb2 import Empty

    from psd.rewards.proto.definitions_pb2 import Integration
    from psd.rewards.proto.definitions_pb2_grpc import DeviceDefinitionServiceStub
    from psd.rewards.proto.devices_pb2 import (
        GetUserDeviceByTokenIdRequest,
        GetUserDeviceRequest,
        UserDevice,
    )
    from psd.rewards.proto.devices_pb2_grpc import UserDeviceServiceStub
except ImportError as exc:
    raise ConfigError(
        f"the gRPC source needs packages: install pointspace[rewards] ({exc})"
    ) from exc

TRIES = 4
RETRY_WAIT_MAX_S = 1.0
"""With waits of 0.1, 0.2 and 0.4 s between them: a pod of a rolling update is away for less."""

CACHED_MAX = 100_000
"""Descriptions kept, some 500 bytes each; the oldest go first."""

ADDRESS_BYTES = 20

DETAILS_CHARACTERS_MAX = 200

PASSING = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)
"""Refusals that another try may not meet."""

ABSENT = (grpc.StatusCode.NOT_FOUND,)

CHANNEL_OPTIONS = (
    # The tries are counted here; the library's own would multiply them.
    ("grpc.enable_retries", 0),
    # Its default of 1 s would let every try fail without having dialled again.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
)


class Pairings(msgspec.Struct, frozen=True):
    """Integration ids of psd's tables, by what devices name them with."""

    by_manufacturer: dict[int, int]
    by_token: dict[int, int]


class GrpcDescriptions:
    """A DescriptionSource, and what translates the ids of devices for other sources.

    ``timeout_s`` is that of one try of one call. What was learned holds for ``cache_s``, and
    that a vehicle is not known does too. Connections are made at the first call.
    """

    def __init__(
        self,
        devices_address: str,
        definitions_address: str,
        tables: Tables,
        *,
        timeout_s: float = 5.0,
        calls_in_flight_max: int = 32,
        cache_s: float = 300.0,
        retry_wait_s: float = 0.1,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        if not devices_address or not definitions_address:
            raise ConfigError(
                "rewards.devices_address and rewards.definitions_address: both are needed to "
                "describe vehicles over gRPC"
            )
        self._devices_address = devices_address
        self._definitions_address = definitions_address
        self._tables = tables
        self._timeout_s = timeout_s
        self._calls_in_flight_max = calls_in_flight_max
        self._slots = asyncio.Semaphore(calls_in_flight_max)
        self._cache_s = cache_s
        self._retry_wait_s = retry_wait_s
        self._now_s = now_s
        self._cached: dict[int | str, tuple[float, Vehicle | None]] = {}
        self._pairings: tuple[float, Pairings] | None = None
        self._pairings_lock = asyncio.Lock()
        self._channels: list[Any] = []

    async def describe(self, vehicles: Sequence[int]) -> dict[int, Vehicle]:
        """What the services know of each; ``minted=False`` for one that they do not know.

        Raises SourceUnavailableError when a service does not answer after four tries,
        SourceError when it refuses or answers what is not its protocol. Costs at most two calls
        a vehicle that is not in the cache, and one for the integrations.
        """
        found = await self._look_up(vehicles)
        return {
            vehicle: msgspec.structs.replace(known, vehicle=vehicle)
            if (known := found[vehicle])
            else Vehicle(vehicle, minted=False)
            for vehicle in vehicles
        }

    async def vehicles_of(self, subjects: Sequence[str]) -> dict[str, int]:
        """The vehicle of each device id; one that is not known, or not minted, is left out.

        Raises as :meth:`describe`. Costs at most one call a subject.
        """
        found = await self._look_up(subjects)
        return {
            subject: known.vehicle
            for subject in subjects
            if (known := found[subject]) and known.vehicle
        }

    async def close(self) -> None:
        """Close the connections; calls under way end with CancelledError."""
        for channel in self._channels:
            await channel.close()

    async def _look_up(self, keys: Sequence[int] | Sequence[str]) -> dict[Any, Vehicle | None]:
        """What is known of vehicles (numbers) or devices (ids); each is asked for once."""
        if not keys:
            return {}
        pairings = await self._read_pairings()
        found: dict[Any, Vehicle | None] = {}
        missing: list[int | str] = []
        wanted: dict[int | str, None] = dict.fromkeys(keys)
        for key in wanted:
            kept = self._cached.get(key)
            if kept is not None and self._now_s() < kept[0]:
                found[key] = kept[1]
            else:
                missing.append(key)
        waiting = iter(missing)
        workers = min(self._calls_in_flight_max, len(missing))
        await _all_or_none([self._ask_each(waiting, found, pairings) for _ in range(workers)])
        return found

    async def _ask_each(
        self, waiting: Iterator[int | str], found: dict[Any, Vehicle | None], pairings: Pairings
    ) -> None:
        for key in waiting:
            # The slots bound the calls of all lookups together, not only those of this one.
            async with self._slots:
                device = await self._ask(key)
            vehicle = None if device is None else vehicle_of(device, pairings)
            found[key] = vehicle
            self._keep(key, vehicle)
            if vehicle is not None and vehicle.vehicle:
                self._keep(vehicle.vehicle, vehicle)

    async def _ask(self, key: int | str) -> UserDevice | None:
        """The device of a key, None when there is none."""
        stub = self._devices
        device: UserDevice | None = await self._call(
            f"GetUserDevice of {key}", stub.GetUserDevice, GetUserDeviceRequest(id=str(key))
        )
        if device is not None and (not device.ByteSize() or device.id not in ("", str(key))):
            raise SourceError(f"GetUserDevice of {key}: the answer is about {device.id!r}")
        if device is None and isinstance(key, int) and 0 < key <= ID_MAX:
            # The real service's ids are 27 letters, and psd's numbers are those of the mint.
            device = await self._call(
                f"GetUserDeviceByTokenId of {key}",
                stub.GetUserDeviceByTokenId,
                GetUserDeviceByTokenIdRequest(token_id=key),
                # A service without this call has said all that it knows.
                (*ABSENT, grpc.StatusCode.UNIMPLEMENTED),
            )
            if device is not None and device.token_id != key:
                raise SourceError(
                    f"GetUserDeviceByTokenId of {key}: the answer is about {device.token_id}"
                )
        return device

    def _keep(self, key: int | str, vehicle: Vehicle | None) -> None:
        self._cached.pop(key, None)
        if len(self._cached) >= CACHED_MAX:
            del self._cached[next(iter(self._cached))]
        self._cached[key] = (self._now_s() + self._cache_s, vehicle)

    async def _read_pairings(self) -> Pairings:
        async with self._pairings_lock:
            if self._pairings is None or self._now_s() >= self._pairings[0]:
                answer = await self._call(
                    "GetIntegrations", self._definitions.GetIntegrations, Empty()
                )
                listed = [] if answer is None else answer.integrations
                pairings = pairings_of(listed, self._tables)
                self._pairings = (self._now_s() + self._cache_s, pairings)
            return self._pairings[1]

    async def _call(
        self,
        what: str,
        method: Any,
        request: Any,
        absent: tuple[grpc.StatusCode, ...] = ABSENT,
    ) -> Any:
        """The answer, None when the service says that there is none."""
        for attempt in range(1, TRIES + 1):
            try:
                answer = await method(request, timeout=self._timeout_s)
            except grpc.aio.AioRpcError as exc:
                if exc.code() in absent:
                    return None
                said = f"{what}: {exc.code().name}: {exc.details()}"[:DETAILS_CHARACTERS_MAX]
                if exc.code() not in PASSING:
                    raise SourceError(said) from exc
                if attempt == TRIES:
                    raise SourceUnavailableError(f"{said} (after {TRIES} tries)") from exc
                await asyncio.sleep(backoff_s(attempt, self._retry_wait_s, RETRY_WAIT_MAX_S))
            else:
                if answer is None:
                    # grpc.aio returns None where the bytes are no message of the protocol.
                    raise SourceError(f"{what}: the answer is not of the protocol")
                return answer
        raise AssertionError("the last try returns or raises")

    @cached_property
    def _devices(self) -> UserDeviceServiceStub:
        return UserDeviceServiceStub(self._connect(self._devices_address))

    @cached_property
    def _definitions(self) -> DeviceDefinitionServiceStub:
        return DeviceDefinitionServiceStub(self._connect(self._definitions_address))

    def _connect(self, address: str) -> Any:
        channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        self._channels.append(channel)
        return channel


def pairings_of(listed: Iterable[Integration], tables: Tables) -> Pairings:
    """Integrations with a manufacturer are hardware, the others are software.

    Vendors are found in the tables by name or alias, however they are capitalised. Raises
    SourceError when not one is: every vehicle would count as paired with nothing.
    """
    ids = {name.casefold(): each.id for name, each in tables.by_name.items()}
    by_manufacturer: dict[int, int] = {}
    by_token: dict[int, int] = {}
    for each in listed:
        number = ids.get(each.vendor.casefold(), ids.get(each.id.casefold()))
        if number is None:
            continue
        if each.manufacturer_token_id:
            by_manufacturer[each.manufacturer_token_id] = number
        elif each.token_id:
            by_token[each.token_id] = number
    if not by_manufacturer and not by_token:
        raise SourceError("GetIntegrations: lists no integration that psd's tables know")
    return Pairings(by_manufacturer, by_token)


def vehicle_of(device: UserDevice, pairings: Pairings) -> Vehicle:
    """A device as a vehicle; number 0 when it was not minted.

    ``minted`` is what the original asks of a vehicle that earns: a number, a confirmed VIN, and
    an owner with an address. ``opted_in`` is None where the service is silent, as it is since
    2024. Raises SourceError for a number that no vehicle can have.
    """
    if device.token_id > ID_MAX:
        raise SourceError(f"GetUserDevice of {device.id}: token_id {device.token_id} is too large")
    has_address = len(device.owner_address) == ADDRESS_BYTES
    owner = "0x" + device.owner_address.hex() if has_address else device.user_id
    number = device.token_id if device.HasField("token_id") else 0
    return Vehicle(
        number,
        owner=owner or None,
        integrations=frozenset(_paired(device, pairings)),
        vin=(device.vin or None) if device.vin_confirmed else None,
        minted=number > 0 and device.vin_confirmed and has_address,
        opted_in=True if device.HasField("opted_in_at") else None,
    )


def _paired(device: UserDevice, pairings: Pairings) -> Iterator[int]:
    """The integrations paired on chain; a missing part of a message reads as number 0."""
    hardware = pairings.by_manufacturer.get(device.aftermarket_device.manufacturer_token_id)
    software = pairings.by_token.get(device.syntheticDevice.integration_token_id)
    yield from (number for number in (hardware, software) if number is not None)


async def _all_or_none(work: Iterable[Any]) -> None:
    """Run all at once; when one fails, end the others before its error goes on."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
