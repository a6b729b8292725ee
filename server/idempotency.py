"""Requests that may be sent again: the same ``Idempotency-Key`` gets the answer it got before.

A request claims its key, works, and keeps its answer there for a day::

    SET psd:idempotency:9f2c... <hash of the body> NX EX 10      the claim
    SET psd:idempotency:9f2c... <hash of the body><answer> EX 86400

Whoever comes with a key that is claimed gets 409 until the answer is there, and with another body
422. Keys of different tokens never meet, though the tokens have one name, and whoever comes again
must still be allowed what is asked. Booking twice changes nothing, so whatever dies between
the two leaves no more than a claim that ends by itself, and the next one works again.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import zlib
from collections.abc import Awaitable, Callable

from psd.errors import (
    IdempotencyMismatchError,
    MalformedError,
    PsdError,
    RequestInHandError,
    UnavailableError,
)
from psd.store.keys import idempotency_key
from psd.store.redis import Store
from psd.store.trail import Aside

log = logging.getLogger("server")

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEY_CHARACTERS_MAX = 255
KEPT_S = 86_400

CLAIM_S = 10
"""Past it no request is still worked on: server/deadline.py gives up after 9.8 s."""

HASH_BYTES = 32

Work = Callable[[], Awaitable[bytes]]


class Replays:
    """The answers of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def answer(self, name: str, key: str, request: bytes, work: Work) -> tuple[bytes, bool]:
        """The answer to a request with this key of ``name``, and whether it is an earlier one.

        ``request`` is what must be the same: the body and what tells how to read it. Raises
        RequestInHandError, IdempotencyMismatchError, and what ``work`` raises.
        """
        place = idempotency_key(_digest(name, key))
        fingerprint = hashlib.sha256(request).digest()
        with Aside():
            claimed, held = await self._store.writes.call_all(
                [("SET", place, fingerprint, "NX", "EX", CLAIM_S), ("GET", place)]
            )
        if claimed is None:
            return _earlier(held, fingerprint), True
        try:
            body = await work()
        except PsdError:
            await self._release(place)
            raise
        await self._keep(place, fingerprint + zlib.compress(body, 1))
        return body, False

    async def _release(self, place: str) -> None:
        with contextlib.suppress(UnavailableError), Aside():
            await self._store.writes.call(("DEL", place))

    async def _keep(self, place: str, value: bytes) -> None:
        try:
            with Aside():
                await self._store.writes.call(("SET", place, value, "EX", KEPT_S))
        except UnavailableError as error:
            # It is booked; a repeat finds that out by itself.
            log.warning("an answer could not be kept", extra={"reason": str(error)})


def _earlier(held: bytes | None, fingerprint: bytes) -> bytes:
    """The answer that is kept; a claim has none yet, and may have ended this very moment."""
    if held is not None and held[:HASH_BYTES] != fingerprint:
        raise IdempotencyMismatchError(f"{HEADER}: it came before with another body")
    if held is None or len(held) == HASH_BYTES:
        raise RequestInHandError(f"{HEADER}: the request with this key is not answered yet")
    return zlib.decompress(held[HASH_BYTES:])


def _digest(name: str, key: str) -> str:
    return hashlib.sha256(f"{len(name)} {name} {key}".encode()).hexdigest()


def checked_key(text: str) -> str:
    """The key itself; raises MalformedError for one that is empty, too long or not ASCII."""
    if not (1 <= len(text) <= KEY_CHARACTERS_MAX and text.isascii() and text.isprintable()):
        raise MalformedError(
            f"{HEADER}: expected 1 to {KEY_CHARACTERS_MAX} printable ASCII characters"
        )
    return text
