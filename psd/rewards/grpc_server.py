"""The RewardsService on its wire: gRPC with health and reflection, drained before it stops.

What lives here turns messages into questions to a :class:`RewardsReader` and errors into
statuses; the rules of a request are in grpc_service.py. The server speaks plain HTTP/2: put a
proxy with TLS before it where the network is not closed. Health and reflection ask nobody for
a token::

    server = GrpcServer(settings, reader)
    port = await server.start("127.0.0.1", 0)
    await server.stop(grace_s=10)        # health says NOT_SERVING, calls under way are finished

What a client sees of an error: INVALID_ARGUMENT for a request that breaks a rule, UNAVAILABLE
while the store is away, UNAUTHENTICATED and PERMISSION_DENIED without the token for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

from psd.access.identity import Identity, Scope
from psd.addresses import Address
from psd.clock import Clock, SystemClock
from psd.config import Settings
from psd.descriptors import allowed_room
from psd.errors import (
    ConfigError,
    ForbiddenError,
    InputError,
    NotFoundError,
    PsdError,
    StartError,
    UnauthorizedError,
    UnavailableError,
)
from psd.rewards.grpc_service import (
    Callers,
    RewardsReader,
    check_grpc_exposure,
    check_note,
    check_range,
    owner_of,
    vehicle_of,
    whole_tokens,
)

try:
    import grpc
    from google.protobuf.timestamp_pb2 import Timestamp
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc
    from grpc_reflection.v1alpha import reflection

    from psd.rewards.grpc_limits import CALLS_MAX, CallPlaces
    from psd.rewards.proto import rewards_pb2, rewards_pb2_grpc
except ImportError as exc:
    raise ConfigError(
        f"the gRPC server needs packages: install pointspace[rewards] ({exc})"
    ) from exc

log = logging.getLogger("grpc")

SERVICE = rewards_pb2.DESCRIPTOR.services_by_name["RewardsService"].full_name

SERVED = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)

OPTIONS = (
    # Linux would let a second server share the port, and every other call would go there.
    ("grpc.so_reuseport", 0),
    # The largest request is a note of 1,000 characters.
    ("grpc.max_receive_message_length", 65_536),
    # Calls of one connection; a client with more opens another.
    ("grpc.max_concurrent_streams", CALLS_MAX),
    # A connection that never becomes HTTP/2 ends, and one without a call; a client that is gone
    # without a word is noticed.
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 60_000),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)

CONNECTIONS_MAX = 2048
"""Open at once, as far as there are descriptors: the store needs some of them."""

READY_EVERY_S = 1.0
"""Between two looks at the reader: a probe learns of an outage within two seconds."""

STATUSES: tuple[tuple[type[PsdError], grpc.StatusCode], ...] = (
    (InputError, grpc.StatusCode.INVALID_ARGUMENT),
    (NotFoundError, grpc.StatusCode.NOT_FOUND),
    (UnauthorizedError, grpc.StatusCode.UNAUTHENTICATED),
    (ForbiddenError, grpc.StatusCode.PERMISSION_DENIED),
    (UnavailableError, grpc.StatusCode.UNAVAILABLE),
)
"""The first class that an error is of decides; every other error is INTERNAL."""


class RewardsServicer(rewards_pb2_grpc.RewardsServiceServicer):
    """The six calls, over a reader."""

    def __init__(self, reader: RewardsReader, callers: Callers) -> None:
        self._reader = reader
        self._callers = callers

    async def GetTotalPoints(self, request: Any, context: Any) -> Any:
        """Points of all vehicles in all weeks."""
        async with self._answering(context, "read"):
            points = await self._reader.total_points()
            return rewards_pb2.GetTotalPointsResponse(totalPoints=points)

    async def GetAverageTokens(self, request: Any, context: Any) -> Any:
        """Whole tokens that a row of the newest finished week got on average."""
        async with self._answering(context, "read"):
            tokens = await self._reader.average_tokens()
            return rewards_pb2.AverageTokensResponse(averageTokens=tokens)

    async def GetQualifiedDevices(self, request: Any, context: Any) -> None:
        """Active vehicles, one message each; the original declares this and does not answer."""
        async with self._answering(context, "read"):
            start_s, end_s = _second(request.start), _second(request.end)
            check_range(start_s, end_s)
            async for vehicle, names in self._reader.qualified(start_s, end_s):
                await context.write(
                    rewards_pb2.GetQualifiedDevicesDevice(id=str(vehicle), integration_ids=names)
                )

    async def GetDeviceRewards(self, request: Any, context: Any) -> Any:
        """The weeks of one vehicle, oldest first."""
        async with self._answering(context, "read"):
            weeks = await self._reader.device_rewards(vehicle_of(request.id))
            return rewards_pb2.GetDeviceRewardsResponse(
                id=request.id,
                # Summed before it is rounded to a double.
                tokens=whole_tokens(sum(week.tokens_wei for week in weeks)),
                weeks=[
                    rewards_pb2.DeviceRewardsWeek(
                        end_date=week.end_date.isoformat(),
                        tokens=whole_tokens(week.tokens_wei),
                        connection_streak=week.connection_streak,
                        disconnection_streak=week.disconnection_streak,
                        integration_ids=week.integrations,
                    )
                    for week in weeks
                ],
            )

    async def GetBlacklistStatus(self, request: Any, context: Any) -> Any:
        """Whether an address is listed; one that is not has an empty note and time 0."""
        async with self._answering(context, "read"):
            entry = await self._reader.blacklist_entry(owner_of(request.ethereum_address))
            return rewards_pb2.GetBlacklistStatusResponse(
                is_blacklisted=entry is not None,
                note=entry.note if entry else "",
                created_at=Timestamp(seconds=entry.created_at_s if entry else 0),
            )

    async def SetBlacklistStatus(self, request: Any, context: Any) -> Any:
        """List an address, or take it off; both may be repeated."""
        async with self._answering(context, "admin") as identity:
            owner, listed = owner_of(request.ethereum_address), request.is_blacklisted
            note = check_note(request.note) if listed else ""
            await self._reader.set_blacklist(owner, listed, note, identity.name)
            log.info("blacklist set", extra={"owner": owner, "listed": listed})
            return rewards_pb2.SetBlacklistStatusResponse()

    @contextlib.asynccontextmanager
    async def _answering(self, context: Any, scope: Scope) -> AsyncIterator[Identity]:
        """Let in who may ask; end the call with a status when an error of psd comes out."""
        try:
            yield self._callers.admit(context.invocation_metadata(), scope)
        except PsdError as error:
            code = next((code for kind, code in STATUSES if isinstance(error, kind)), None)
            if code is None:
                # The message may show keys of the store, which are nobody's business.
                log.error("a call failed", extra={"code": error.code, "reason": str(error)})
                await context.abort(grpc.StatusCode.INTERNAL, f"internal error: {error.code}")
            await context.abort(code, str(error))


class GrpcServer:
    """The service on one address; made, started and stopped once, in one event loop.

    Raises ConfigError for access settings that contradict each other or cannot be read.
    """

    def __init__(
        self,
        settings: Settings,
        reader: RewardsReader,
        clock: Clock | None = None,
        ready_every_s: float = READY_EVERY_S,
    ) -> None:
        self._access = settings.access
        self._reader = reader
        self._ready_every_s = ready_every_s
        callers = Callers(settings.access, clock or SystemClock())
        self._servicer = RewardsServicer(reader, callers)
        self._connections_max = allowed_room(CONNECTIONS_MAX).connections
        self._places = CallPlaces(callers, f"/{SERVICE}/")
        self._health = health.aio.HealthServicer()
        self._server: Any = None
        self._following: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; the port, which the system chooses for 0.

        Raises ConfigError for an address that must not be open, StartError for one that is
        taken.
        """
        warning = check_grpc_exposure(self._access, host)
        if warning:
            log.warning(warning)
        self._server = grpc.aio.server(
            options=(*OPTIONS, ("grpc.max_allowed_incoming_connections", self._connections_max)),
            interceptors=(self._places,),
        )
        rewards_pb2_grpc.add_RewardsServiceServicer_to_server(self._servicer, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(SERVED, self._server)
        address = str(Address(host, port))
        try:
            bound: int = self._server.add_insecure_port(address)
        except RuntimeError as exc:
            raise StartError(f"grpc: {address} cannot be listened on: {exc}") from exc
        await self._tell_health()
        await self._server.start()
        self._following = asyncio.create_task(self._follow_reader())
        log.info("serving gRPC", extra={"host": host, "port": bound})
        return bound

    async def stop(self, grace_s: float) -> None:
        """Take no new calls and finish those under way; what lasts longer is cancelled."""
        if self._following is not None:
            self._following.cancel()
        await self._health.enter_graceful_shutdown()
        if self._server is not None:
            await self._server.stop(grace_s)

    async def _follow_reader(self) -> None:
        while True:
            await asyncio.sleep(self._ready_every_s)
            await self._tell_health()

    async def _tell_health(self) -> None:
        try:
            ready = await self._reader.ready()
        except UnavailableError:
            ready = False
        states = health_pb2.HealthCheckResponse
        for service in ("", SERVICE):
            await self._health.set(service, states.SERVING if ready else states.NOT_SERVING)


async def serve_until_signal(server: GrpcServer, host: str, port: int, grace_s: float) -> None:
    """Serve until SIGTERM or SIGINT, then drain; a second signal leaves at once."""
    stopping = asyncio.Event()

    def on_signal() -> None:
        if stopping.is_set():
            os._exit(1)
        stopping.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    try:
        await server.start(host, port)
        await stopping.wait()
        log.info("draining")
        await server.stop(grace_s)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _second(moment: Timestamp) -> int:
    """The first whole second that is not before a moment."""
    seconds: int = moment.seconds + (moment.nanos > 0)
    return seconds
