"""Who asks, for the tests: tokens with their lines, and an issuer that signs JWTs.

>>> issuer = Issuer()
>>> issuer.jwt(sub="1", scope="read write")      # good for an hour
>>> issuer.jwt(sub="1", exp=1)                   # expired since 1970
"""

from __future__ import annotations

import json
import time
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from psd.access.identity import Identity
from psd.access.tokens import TokenLine, digest, new_token, write_line

ISSUER = "https://login.example"
AUDIENCE = "psd"


class Token(msgspec.Struct, frozen=True):
    """A token and the line that psd keeps of it."""

    secret: str
    line: str


def token_for(
    name: str,
    scopes: str,
    owners: frozenset[int] | None = None,
    expires_at_s: int | None = None,
    names: tuple[str, ...] = (),
) -> Token:
    """A token; ``scopes`` are words, as in ``"read write"``, ``names`` those of its owners."""
    secret = new_token()
    identity = Identity(name, frozenset(scopes.split()), owners, expires_at_s, names=names)
    return Token(secret, write_line(TokenLine(identity, digest(secret))))


def asked_of(*tokens: Token) -> dict[str, list[str]]:
    """The setting of a server that serves nobody without one of these."""
    return {"access.tokens": [token.line for token in tokens]}


def bearer(secret: str) -> dict[str, str]:
    """The header that a client sends."""
    return {"Authorization": f"Bearer {secret}"}


class Issuer:
    """One key pair of a login service, and what it signs."""

    def __init__(self, kid: str = "first") -> None:
        self.kid = kid
        self.private = ec.generate_private_key(ec.SECP256R1())

    def jwk(self, **changes: Any) -> dict[str, Any]:
        """The public key as a member of a JWKS."""
        public = jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**public, "kid": self.kid, "use": "sig", "alg": "ES256", **changes}

    def jwks(self) -> bytes:
        """The document with this key alone."""
        return jwks_of(self.jwk())

    def jwt(self, *, without: tuple[str, ...] = (), **claims: Any) -> str:
        """A JWT of owner 1 that may read, but for what is said otherwise."""
        now_s = int(time.time())
        said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "1", "exp": now_s + 3600, **claims}
        kept = {name: value for name, value in said.items() if name not in without}
        # PyJWT's own encoder refuses some of what another login service may sign.
        payload = json.dumps(kept).encode()
        return jwt.PyJWS().encode(payload, self.private, "ES256", headers={"kid": self.kid})


def jwks_of(*members: dict[str, Any]) -> bytes:
    """A JWKS document."""
    return json.dumps({"keys": members}).encode()
