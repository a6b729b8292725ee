"""Who is signed in: 256 random bits that a browser keeps, and their hash that the store keeps.

::

    cookie psd_session=9tQ...       psd:pages:session:<sha256>  {"user": "amp", "ends_at_s": ...,
                                                                 "mark": "5be0..."}

``mark`` is of the password's hash: a session ends with the password that it began with, and with
its user. A form proves that it is of this session by ``csrf_token``, which is an HMAC of the cookie
under the secret of the deployment: nobody can make it who reads only the store or only the page.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

import msgspec

from psd.access.identity import Identity
from psd.access.pages.page_users import PageUser, PageUsers
from psd.clock import Clock
from psd.config import PagesSettings
from psd.store.keys import pages_key, session_key
from psd.store.redis import Store
from psd.store.trail import Aside

TOKEN_BYTES = 32
TOKEN_CHARACTERS = 43
MARK_CHARACTERS = 16

SECRET = pages_key("secret")

FORM = "form"
"""What a form's ``csrf_token`` proves."""


class Kept(msgspec.Struct, frozen=True):
    """What the store keeps of a session."""

    user: str
    ends_at_s: int
    mark: str


class Session(msgspec.Struct, frozen=True):
    """A browser that is signed in, and who that is."""

    token: str
    identity: Identity


class Sessions:
    """The sessions of one store."""

    def __init__(
        self, store: Store, users: PageUsers, settings: PagesSettings, clock: Clock
    ) -> None:
        self._store = store
        self._users = users
        self._settings = settings
        self._clock = clock
        self._secret = settings.secret.encode()

    async def begin(self, name: str, user: PageUser, *, remembered: bool) -> tuple[Session, int]:
        """Sign somebody in; the session, and the seconds that it lives."""
        lives_s = self._settings.remember_s if remembered else self._settings.session_s
        token = new_token()
        kept = Kept(name, self._clock.now_s() + lives_s, mark_of(user))
        command = ("SET", session_key(digest(token)), msgspec.json.encode(kept), "EX", lives_s)
        with Aside():
            await self._store.writes.call(command)
        return Session(token, user.identity(name)), lives_s

    async def find(self, token: str) -> Session | None:
        """Whose session this is; None where it has ended, by whatever. Two trips."""
        if len(token) != TOKEN_CHARACTERS:
            return None
        held = await self._store.reads.call(("GET", session_key(digest(token))))
        if held is None:
            return None
        kept = msgspec.json.decode(held, type=Kept)
        user = await self._users.find(kept.user)
        if user is None or kept.ends_at_s <= self._clock.now_s() or kept.mark != mark_of(user):
            return None
        return Session(token, user.identity(kept.user))

    async def end(self, token: str) -> None:
        """Sign out."""
        with Aside():
            await self._store.writes.call(("DEL", session_key(digest(token))))

    async def proof(self, token: str, of: str) -> str:
        """What only this deployment can say of a session, or of one before signing in.

        A form has that ``of`` :data:`FORM` in ``csrf_token``.
        """
        secret = await self._secret_of_deployment()
        said = f"{of} {token}".encode("utf-8", "replace")
        return hmac.new(secret, said, "sha256").hexdigest()

    async def is_proved(self, token: str, of: str, proof: str) -> bool:
        """Whether this is the proof; what anybody else says takes as long."""
        expected = await self.proof(token, of)
        return hmac.compare_digest(expected.encode(), proof.encode("utf-8", "replace"))

    async def _secret_of_deployment(self) -> bytes:
        """That of the settings, or one that the store keeps for all processes. One trip, once."""
        if not self._secret:
            made = secrets.token_hex(TOKEN_BYTES)
            with Aside():
                _, self._secret = await self._store.writes.call_all(
                    [("SET", SECRET, made, "NX"), ("GET", SECRET)]
                )
        return self._secret


def new_token() -> str:
    """A token that nobody has."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def mark_of(user: PageUser) -> str:
    """What a password's hash is told by; no password can be tried against it."""
    return digest(user.password)[:MARK_CHARACTERS]
