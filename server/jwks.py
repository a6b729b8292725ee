"""The keys that verify JWTs: fetched from ``access.jwks``, kept, and fetched again.

A path is read, a URL is fetched, in both cases within a deadline. Keys that are older than
``access.jwks_cache_s`` still verify while new ones are on their way, and go on when the place
is away; a key id that nobody knows makes psd look again, at most every few seconds::

    kid known                      -> the key, at once
    kid unknown, looked 9 s ago    -> look again, then the key or 401
    kid unknown, looked 1 s ago    -> 401
    nothing ever read              -> 503, Retry-After
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from psd.access.exposure import is_loopback
from psd.access.jwts import JwtRules, Key, KeySet, read_jwks
from psd.errors import ConfigError, KeysUnavailableError, UnauthorizedError
from psd.outages import outage
from psd.secrets import masked

log = logging.getLogger("server")

FETCH_TIMEOUT_S = 1.5
"""As a trip to the store: the request that waits for it is answered within 2 s."""

LOOK_AGAIN_S = 5.0
"""Between two looks for a key id that nobody knows: anyone may send one."""

DOCUMENT_BYTES_MAX = 262_144
"""Some 500 RSA keys; identity providers have two to ten."""


class Keys:
    """The current key set; ``on_change`` is called when it is another one than before."""

    def __init__(
        self, where: str, rules: JwtRules, cache_s: float, on_change: Callable[[], None]
    ) -> None:
        self._where = where
        self._is_url = is_url(where)
        self._rules = rules
        self._cache_s = cache_s
        self._on_change = on_change
        self._held: KeySet | None = None
        self._problem = ""
        self._document = b""
        self._looked_at_s = float("-inf")
        self._look: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None
        if not self._is_url:
            self._require_file()

    def _require_file(self) -> None:
        """A file that is wrong at the start is a wrong setting; a URL may be away for a while."""
        try:
            read_jwks(Path(self._where).read_bytes(), self._rules)
        except (OSError, ValueError, KeysUnavailableError) as exc:
            raise ConfigError(f"access.jwks = {masked(self._where)!r}: {exc}") from exc

    async def key(self, kid: str | None) -> Key:
        """The key of an id; raises UnauthorizedError or KeysUnavailableError."""
        self.keep_fresh()
        found = self.find(kid)
        if found is not None:
            return found
        if self._look is not None or self._age_s() > LOOK_AGAIN_S:
            # Another request's end must not cancel the look that several wait for.
            await asyncio.shield(self._begin_look())
        if self._held is None:
            raise KeysUnavailableError("access.jwks: the keys that verify JWTs cannot be read now")
        return self.known(kid)

    def known(self, kid: str | None) -> Key:
        """The key of an id as of now; raises UnauthorizedError."""
        found = self.find(kid)
        if found is None:
            raise UnauthorizedError("jwt: signed with a key that is not known")
        return found

    def find(self, kid: str | None) -> Key | None:
        """The key of an id, where there is one now."""
        return None if self._held is None else self._held.find(kid)

    async def count(self) -> int:
        """How many usable keys there are, looked for now; raises KeysUnavailableError."""
        await asyncio.shield(self._begin_look())
        if self._held is None or self._problem:
            raise KeysUnavailableError(f"access.jwks: {self._problem}")
        return len(self._held)

    def keep_fresh(self) -> None:
        """Begin to look for other keys when these are old; nobody waits for it."""
        if self._held is not None and self._age_s() > max(self._cache_s, LOOK_AGAIN_S):
            self._begin_look()

    def _age_s(self) -> float:
        return asyncio.get_running_loop().time() - self._looked_at_s

    def _begin_look(self) -> asyncio.Task[None]:
        if self._look is None:
            self._looked_at_s = asyncio.get_running_loop().time()
            self._look = asyncio.create_task(self._look_again(), name="jwks")
            self._look.add_done_callback(self._end_look)
        return self._look

    def _end_look(self, _look: asyncio.Task[None]) -> None:
        self._look = None

    async def _look_again(self) -> None:
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_S):
                document = await self._fetched() if self._is_url else await self._read()
            if document != self._document:
                self._held = read_jwks(document, self._rules)
                self._document = document
                self._on_change()
            self._problem = ""
        except (KeysUnavailableError, OSError, aiohttp.ClientError, TimeoutError) as error:
            kept = 0 if self._held is None else len(self._held)
            self._problem = str(error) if isinstance(error, KeysUnavailableError) else outage(error)
            log.warning(
                "the JWKS cannot be read", extra={"reason": self._problem, "keys_kept": kept}
            )

    async def _read(self) -> bytes:
        return await asyncio.to_thread(Path(self._where).read_bytes)

    async def _fetched(self) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        # A redirect could lead to an address that nobody configured, and to plain http.
        async with self._session.get(self._where, allow_redirects=False) as response:
            if response.status != 200:
                raise KeysUnavailableError(f"access.jwks: answers {response.status}")
            document = bytearray()
            async for chunk in response.content.iter_chunked(65_536):
                document += chunk
                if len(document) > DOCUMENT_BYTES_MAX:
                    raise KeysUnavailableError(f"access.jwks: more than {DOCUMENT_BYTES_MAX} bytes")
            return bytes(document)

    async def close(self) -> None:
        """End a look that is under way, and the connection."""
        if self._look is not None:
            self._look.cancel()
            await asyncio.gather(self._look, return_exceptions=True)
        if self._session is not None:
            await self._session.close()


def is_url(where: str) -> bool:
    """Whether ``access.jwks`` is fetched; raises ConfigError for one that must not be.

    Whoever can change the answer on its way can sign for everybody, so plain http is for this
    machine alone.
    """
    parts = urlsplit(where)
    if parts.scheme not in ("http", "https"):
        return False
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ConfigError(
            f"access.jwks = {masked(where)!r}: http:// is for loopback alone; use https://"
        )
    return True
