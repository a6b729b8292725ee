"""JWTs of owners: whose signature is valid, who it speaks of, and what that one may do.

Only this module knows PyJWT. Keys come from a JWKS document, which is read here and fetched in
server/jwks.py. A JWT with ``{"sub": "1503960366", "scope": "read write", "exp": ...}`` becomes
``Identity("jwt", {"read", "write"}, owners={1503960366})``; with a subject that is no number it is
of the user with that name, and owns the vehicles that are kept under that text. Pinned,
because each was a hole in somebody's server: the algorithms are public-key ones (a public key is
never taken for the secret of an HMAC), issuer, audience and end must be there, and admin is
never given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from psd.access.identity import Identity
from psd.config import AccessSettings
from psd.errors import ConfigError, InputError, KeysUnavailableError, UnauthorizedError
from psd.integers import integer_of
from psd.users import user_of

RSA_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
CURVE_ALGORITHMS = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
PUBLIC_KEY_ALGORITHMS = RSA_ALGORITHMS | {*CURVE_ALGORITHMS.values(), "EdDSA"}
JWT_SCOPES = frozenset({"read", "write"})
LEEWAY_S = 5
"""What the clocks of two machines with NTP may differ, with room to spare."""

RSA_BITS_MIN = 2048
JWT_BYTES_MAX = 8192
"""A request's header cannot be longer by default."""

_NUMBER_MAX = 2**53 - 1
_NUMBER = re.compile(r"[+-]?[0-9]+", re.ASCII)
SUBJECT_BYTES_MAX = 128
"""As many as an owner of vehicles may have."""

_KEY_FIELDS = ("kty", "alg", "crv", "n", "e", "x", "y")


class JwtRules(msgspec.Struct, frozen=True):
    """What a JWT must say, and which claims are read."""

    issuer: str
    audience: str
    algorithms: frozenset[str]
    owner_claim: str
    scope_claim: str


class Key(msgspec.Struct, frozen=True):
    """A public key and the algorithms that it may verify: those of its kind, as its document says.

    PyJWT takes whatever key it is given to the algorithm that the token names, and fails with
    errors of any kind where the two do not fit.
    """

    public: Any
    algorithms: frozenset[str]


def jwt_rules(settings: AccessSettings) -> JwtRules:
    """The rules of the settings; raises :class:`ConfigError` where they are incomplete."""
    for name in ("jwt_issuer", "jwt_audience", "jwt_owner_claim", "jwt_scope_claim"):
        if not getattr(settings, name):
            raise ConfigError(f"access.{name} = '': required with access.jwks")
    algorithms = frozenset(settings.jwt_algorithms)
    if not algorithms or not algorithms <= PUBLIC_KEY_ALGORITHMS:
        known = ", ".join(sorted(PUBLIC_KEY_ALGORITHMS))
        raise ConfigError(f"access.jwt_algorithms = {sorted(algorithms)}: some of {known}")
    return JwtRules(
        settings.jwt_issuer,
        settings.jwt_audience,
        algorithms,
        settings.jwt_owner_claim,
        settings.jwt_scope_claim,
    )


class KeySet:
    """The usable keys of one JWKS document, by their id."""

    def __init__(self, keys: Mapping[str | None, Key]) -> None:
        self._keys = dict(keys)

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, kid: str | None) -> Key | None:
        """The key of an id; a JWT that names none means the only key there is."""
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid)


def read_jwks(document: bytes, rules: JwtRules) -> KeySet:
    """The public signature keys of a document; the others in it are passed over.

    Raises :class:`KeysUnavailableError` when it is no JWKS or holds no usable key.
    """
    try:
        members = msgspec.json.decode(document, type=_Document).keys
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise KeysUnavailableError(f"access.jwks: not a JWKS: {exc}") from exc
    keys: dict[str | None, Key] = {}
    for member in members:
        key = _usable(member, rules)
        kid = member.get("kid")
        if key is not None and (kid is None or isinstance(kid, str)):
            keys[kid] = key
    if not keys:
        raise KeysUnavailableError("access.jwks: no key in it can verify the allowed algorithms")
    return KeySet(keys)


class _Document(msgspec.Struct):
    keys: list[dict[str, Any]]


def _usable(member: dict[str, Any], rules: JwtRules) -> Key | None:
    # "d" is the private half: whoever published it has lost it. "oct" is a shared secret.
    if member.get("kty") == "oct" or "d" in member or member.get("use", "sig") != "sig":
        return None
    named = member.get("alg")
    if named is not None and named not in sorted(rules.algorithms):
        return None
    fields = {name: member[name] for name in _KEY_FIELDS if isinstance(member.get(name), str)}
    try:
        public = jwt.PyJWK(fields).key
    except jwt.PyJWTError:
        return None
    algorithms = fitting(public) & rules.algorithms
    if named is not None:
        algorithms &= {named}
    return Key(public, algorithms) if algorithms else None


def fitting(public: object) -> frozenset[str]:
    """What a key can verify by its kind and size; nothing for one that is weak or not known.

    An elliptic curve goes with one hash (RFC 7518, 3.4): ES256 is P-256, and never P-384.
    """
    if isinstance(public, RSAPublicKey) and public.key_size >= RSA_BITS_MIN:
        return RSA_ALGORITHMS
    if isinstance(public, EllipticCurvePublicKey) and public.curve.name in CURVE_ALGORITHMS:
        return frozenset({CURVE_ALGORITHMS[public.curve.name]})
    if isinstance(public, Ed25519PublicKey | Ed448PublicKey):
        return frozenset({"EdDSA"})
    return frozenset()


def key_id(token: str, rules: JwtRules) -> str | None:
    """The key that a JWT says it is signed with; refuses what no key could make valid."""
    if len(token) > JWT_BYTES_MAX:
        raise UnauthorizedError(f"jwt: longer than {JWT_BYTES_MAX} bytes")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, RecursionError) as exc:
        # 8 kB of opening brackets are nested too deep for the JSON module.
        raise UnauthorizedError("jwt: malformed") from exc
    if header.get("alg") not in sorted(rules.algorithms):
        raise UnauthorizedError("jwt: its algorithm is not allowed")
    kid: str | None = header.get("kid")
    return kid


def verified(token: str, key: Key, rules: JwtRules) -> Identity:
    """The identity that a JWT proves; raises :class:`UnauthorizedError`."""
    try:
        claims = jwt.decode(
            token,
            key.public,
            algorithms=sorted(key.algorithms),
            issuer=rules.issuer,
            audience=rules.audience,
            leeway=LEEWAY_S,
            # Some login services have numbers as subjects, and any jti: psd reads the claims that
            # it needs by its own rules, and the others not at all.
            options={"require": ["exp", "iss", "aud"], "verify_sub": False, "verify_jti": False},
        )
    except jwt.ExpiredSignatureError as exc:
        raise UnauthorizedError("jwt: expired") from exc
    except (jwt.PyJWTError, RecursionError) as exc:
        # PyJWT's own texts may quote claims, and a claim is a part of the token.
        raise UnauthorizedError(f"jwt: refused ({type(exc).__name__})") from exc
    for name in ("exp", "nbf", "iat"):
        # PyJWT would take "9999999999" and true for times.
        if isinstance(claims.get(name), bool | str):
            raise UnauthorizedError(f"jwt: claim {name} is no number")
    subject = _subject(claims.get(rules.owner_claim), rules.owner_claim)
    scopes = _scopes(claims.get(rules.scope_claim))
    return Identity("jwt", scopes, _owners(subject), int(claims["exp"]) + LEEWAY_S, subject)


def _owners(subject: str) -> frozenset[int]:
    """The user whom a subject is; none where it cannot be the name of one."""
    try:
        return frozenset({user_of(subject)})
    except InputError:
        return frozenset()


def _subject(value: object, claim: str) -> str:
    """The owner as text: a uid, or what cannot be mistaken for one.

    Of numbers only those that every JSON library reads alike: past 2^53 one user may have become
    another on the way. A negative one is rather a login service's "nobody" than somebody.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value <= _NUMBER_MAX:
            raise UnauthorizedError(f"jwt: claim {claim} is a number past 2^53, or below 0: no uid")
        value = str(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        if integer_of(value) is not None:
            return value
        raise UnauthorizedError(f"jwt: claim {claim} is a number and no uid")
    # What cannot be printed comes first: half a surrogate pair has no bytes to be counted.
    if isinstance(value, str) and value and value.isprintable():
        if len(value.encode()) <= SUBJECT_BYTES_MAX:
            return value
        raise UnauthorizedError(f"jwt: claim {claim} has more than {SUBJECT_BYTES_MAX} bytes")
    raise UnauthorizedError(f"jwt: claim {claim} names no owner")


def _scopes(value: object) -> frozenset[str]:
    """``"read write"`` or a list of such words; without the claim an owner may read."""
    if value is None:
        return frozenset({"read"})
    words: Sequence[object] = value.split() if isinstance(value, str) else ()
    if isinstance(value, list):
        words = [word for word in value if isinstance(word, str)]
    return frozenset(str(word) for word in words) & JWT_SCOPES
