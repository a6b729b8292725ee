"""What the RewardsService answers from, who may ask, and what a request must be; no gRPC yet.

What lives here needs no package of the ``rewards`` extra, so that the store can implement
:class:`RewardsReader` without it; the wire is in grpc_server.py::

    owner_of(bytes(20))          -> "0x0000000000000000000000000000000000000000"
    owner_of(b"short")           -> OutOfBoundsError: ethereum_address: 5 bytes, 20 are needed
    vehicle_of("7")              -> 7
    whole_tokens(5 * 10**17)     -> 0.5
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from datetime import date
from typing import Protocol

import msgspec

from psd.access.exposure import is_checked, is_loopback
from psd.access.identity import ANYBODY, Identity, Scope
from psd.access.known_tokens import KnownTokens
from psd.clock import Clock
from psd.config import AccessSettings
from psd.engine.events import TIME_END_S
from psd.errors import (
    ConfigError,
    ForbiddenError,
    InvalidTimeError,
    OutOfBoundsError,
    TooLargeError,
    UnauthorizedError,
    WrongTypeError,
)
from psd.integers import integer_of

log = logging.getLogger("grpc")

WEI_A_TOKEN = 10**18

ADDRESS_BYTES = 20

NOTE_CHARACTERS_MAX = 1000
"""A name, a reason and a link; what is longer belongs behind the link."""


class WeekReward(msgspec.Struct, frozen=True):
    """One row of a vehicle: ``end_date`` is the Monday (UTC) on which its week ended."""

    end_date: date
    tokens_wei: int
    connection_streak: int
    disconnection_streak: int
    integrations: list[str]


class BlacklistNote(msgspec.Struct, frozen=True):
    """Why and since when an owner is left out of payouts."""

    note: str
    created_at_s: int


class RewardsReader(Protocol):
    """What the service reads and, for the blacklist alone, writes.

    An owner is an address as text: ``0x`` and 40 lower-case hexadecimal digits. Every method
    but ``ready`` raises :class:`psd.errors.StoreUnavailableError` when the store is away; none
    answers zero or nothing then.
    """

    async def ready(self) -> bool:
        """Whether the other methods would answer just now; asked once a second.

        Raises nothing but UnavailableError, which counts as no.
        """
        ...

    async def total_points(self) -> int:
        """Points of all vehicles in all weeks that are visible; 0 before the first."""
        ...

    async def average_tokens(self) -> int:
        """Of the newest finished week: all tokens, divided by its rows, in whole tokens.

        ``sum(tokens_wei) // rows // 10**18``; 0 without a finished week, or without rows.
        """
        ...

    async def device_rewards(self, vehicle: int) -> list[WeekReward]:
        """The rows of a vehicle, oldest first; empty for one that never had a row."""
        ...

    def qualified(self, start_s: int, end_s: int) -> AsyncIterator[tuple[int, list[str]]]:
        """Vehicles with activity in ``[start_s, end_s)`` and the names of their integrations.

        Each vehicle once, in any order. An async generator: it reads on as the client does.
        """
        ...

    async def blacklist_entry(self, owner: str) -> BlacklistNote | None:
        """The entry of an owner, None when that one is not listed."""
        ...

    async def set_blacklist(self, owner: str, listed: bool, note: str, author: str) -> None:
        """List an owner, or take one off; ``author`` is the name of the token that asked.

        Listing one who is listed keeps the first note and time. Taking one off who is not
        listed does nothing. ``note`` is empty when ``listed`` is False.
        """
        ...


def owner_of(address: bytes) -> str:
    """An address as the text that it is kept under."""
    if len(address) != ADDRESS_BYTES:
        raise OutOfBoundsError(
            f"ethereum_address: {len(address)} bytes, {ADDRESS_BYTES} are needed"
        )
    return "0x" + address.hex()


def vehicle_of(text: str) -> int:
    """The vehicle that an id means."""
    vehicle = integer_of(text)
    if vehicle is None or vehicle < 0:
        raise WrongTypeError(f"id: {text[:100]!r} is no vehicle; expected a whole number")
    return vehicle


def check_range(start_s: int, end_s: int) -> None:
    """Refuse seconds that are no half-open range between 1970 and 2200."""
    if not 0 <= start_s < end_s <= TIME_END_S:
        raise InvalidTimeError(
            f"start, end: {start_s} to {end_s} must grow and lie between 1970 and 2200"
        )


def check_note(note: str) -> str:
    """The note itself; refuses a long one."""
    if len(note) > NOTE_CHARACTERS_MAX:
        raise TooLargeError(f"note: {len(note)} characters, at most {NOTE_CHARACTERS_MAX}")
    return note


def whole_tokens(wei: int) -> float:
    """Tokens as the wire has them: a double, so good to some 16 digits."""
    return wei / WEI_A_TOKEN


def check_grpc_exposure(access: AccessSettings, host: str) -> str:
    """Refuse to serve an address without checks; the warning that is due, or an empty text.

    As psd.access.exposure for HTTP, but JWTs do not count: this service reads tokens alone.
    """
    if access.insecure and is_checked(access):
        raise ConfigError(
            "access.insecure = true: tokens or a JWKS are configured too; remove one of both"
        )
    if access.tokens or access.tokens_file:
        return ""
    if is_loopback(host):
        return "access.jwks: gRPC reads no JWTs, so every call is refused" if access.jwks else ""
    if access.insecure:
        return f"rewards.grpc_host = {host}: everyone who reaches it may read and write"
    raise ConfigError(
        f"rewards.grpc_host = {host!r}: other machines reach it, and nobody is checked. Set "
        "access.tokens or access.tokens_file (gRPC reads no JWTs), or listen on 127.0.0.1"
    )


class Callers:
    """Tells from the metadata of a call who asks; everybody may where nothing is configured."""

    def __init__(self, settings: AccessSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._checked = is_checked(settings)
        self._tokens = KnownTokens(settings)

    def admit(self, metadata: Iterable[tuple[str, str | bytes]], scope: Scope) -> Identity:
        """Who asks, when that one has the scope; raises AccessError.

        A token of single owners is refused: vehicles and addresses are not uids, so nothing
        here is known to be theirs.
        """
        identity = self.identity(metadata)
        if not identity.may(scope):
            raise ForbiddenError(f"this needs scope {scope}")
        if identity.owners is not None:
            raise ForbiddenError("this is not about single owners: a token of all owners is needed")
        return identity

    def identity(self, metadata: Iterable[tuple[str, str | bytes]]) -> Identity:
        """Who asks; raises UnauthorizedError."""
        if not self._checked:
            return ANYBODY
        return self._tokens.table().identity(_bearer(metadata), self._clock.now_s())

    def has_token(self, metadata: Iterable[tuple[str, str | bytes]]) -> bool:
        """Whether who asks has shown a token that is known, where tokens are asked for."""
        try:
            return self._checked and self.identity(metadata) is not ANYBODY
        except UnauthorizedError:
            return False


def _bearer(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    values = [value for key, value in metadata if key.lower() == "authorization"]
    if not values:
        raise UnauthorizedError("authorization: a token is needed: 'Bearer TOKEN'")
    scheme, _, token = str(values[0]).partition(" ")
    # Of two entries a proxy might have checked the other one.
    if len(values) > 1 or scheme.lower() != "bearer" or not token.strip():
        raise UnauthorizedError("authorization: expected once, as 'Bearer TOKEN'")
    return token.strip()
