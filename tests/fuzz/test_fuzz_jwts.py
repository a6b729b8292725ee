"""JWTs and key documents that somebody made up: refused in psd's own words, whatever they hold.

What a stranger sends is either :class:`UnauthorizedError` or, of all tokens here, valid: one that
a key of the document has signed. No other exception gets out, which would be a 500.
"""

from __future__ import annotations

import base64
import itertools
import json
import time
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from psd.access.jwts import PUBLIC_KEY_ALGORITHMS, Key, jwt_rules, key_id, read_jwks, verified
from psd.config import AccessSettings
from psd.errors import KeysUnavailableError, UnauthorizedError
from tests.support.clients.access import AUDIENCE, ISSUER, jwks_of

RULES = jwt_rules(
    AccessSettings(
        jwks="keys.json",
        jwt_issuer=ISSUER,
        jwt_audience=AUDIENCE,
        jwt_algorithms=tuple(sorted(PUBLIC_KEY_ALGORITHMS)),
    )
)
CASES = settings(max_examples=200, deadline=None)

FITTING = {
    "rsa": {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"},
    "p256": {"ES256"},
    "p384": {"ES384"},
    "p521": {"ES512"},
    "ed25519": {"EdDSA"},
    "ed448": {"EdDSA"},
}
ALGORITHMS = sorted(PUBLIC_KEY_ALGORITHMS)
ALL = [*ALGORITHMS, "none", "None", "HS256", "HS384", "HS512", "ES256K", "RS1", ""]
LENGTHS = (0, 1, 63, 64, 65, 96, 114, 132, 256, 512)
"""Of signatures: those of each kind, and others."""


@cache
def private(kind: str) -> Any:
    made = {
        "rsa": lambda: rsa.generate_private_key(65_537, 2048),
        "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
        "k256": lambda: ec.generate_private_key(ec.SECP256K1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate,
        "ed448": ed448.Ed448PrivateKey.generate,
    }
    return made[kind]()


@cache
def jwk(kind: str) -> str:
    algorithm: Any = jwt.algorithms.ECAlgorithm
    if kind == "rsa":
        algorithm = jwt.algorithms.RSAAlgorithm
    if kind.startswith("ed"):
        algorithm = jwt.algorithms.OKPAlgorithm
    return str(algorithm.to_jwk(private(kind).public_key()))


@cache
def key_of(kind: str, **said: str) -> Key:
    if kind == "ed448":
        # PyJWT takes the curve for Ed25519's where nothing else is said.
        said = {"alg": "EdDSA"}
    document = jwks_of({**json.loads(jwk(kind)), "kid": kind, **said})
    key = read_jwks(document, RULES).find(kind)
    assert key is not None
    return key


def coded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def token_of(header: bytes, claims: bytes, signature: bytes) -> str:
    return ".".join(map(coded, (header, claims, signature)))


def refused(token: str, key: Key) -> None:
    try:
        key_id(token, RULES)
    except UnauthorizedError:
        return
    with pytest.raises(UnauthorizedError):
        verified(token, key, RULES)


@pytest.mark.parametrize("kind", FITTING)
def test_a_key_verifies_the_algorithms_of_its_kind_and_refuses_every_other(kind: str) -> None:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "7", "exp": int(time.time()) + 600}
    key = key_of(kind)
    assert key.algorithms == FITTING[kind]
    for algorithm, length in itertools.product(ALL, LENGTHS):
        header = json.dumps({"alg": algorithm, "kid": kind}).encode()
        refused(token_of(header, json.dumps(claims).encode(), bytes(length)), key)
    for algorithm in FITTING[kind]:
        token = jwt.encode(claims, private(kind), algorithm, headers={"kid": kind})
        assert key_id(token, RULES) == kind
        assert verified(token, key, RULES).owner == "7"


@pytest.mark.parametrize("kind", FITTING)
def test_the_text_of_a_public_key_signs_nothing(kind: str) -> None:
    public, key = private(kind).public_key(), key_of(kind)
    for coding, style in (("PEM", "SubjectPublicKeyInfo"), ("DER", "SubjectPublicKeyInfo")):
        secret = public.public_bytes(
            getattr(serialization.Encoding, coding), getattr(serialization.PublicFormat, style)
        )
        for name, bits in (("HS256", "SHA256"), ("HS384", "SHA384"), ("HS512", "SHA512")):
            signer = jwt.algorithms.HMACAlgorithm(getattr(jwt.algorithms.HMACAlgorithm, bits))
            for alg in (name, *ALGORITHMS):
                said = coded(json.dumps({"alg": alg, "kid": kind}).encode()) + "." + coded(b"{}")
                refused(f"{said}.{coded(signer.sign(said.encode(), secret))}", key)


@pytest.mark.parametrize("kind", [*FITTING, "k256"])
@pytest.mark.parametrize("named", ALGORITHMS)
def test_a_key_that_is_said_to_be_of_another_kind_is_no_key(kind: str, named: str) -> None:
    member = {**json.loads(jwk(kind)), "kid": kind, "alg": named}
    if named in FITTING.get(kind, ()):
        assert key_of(kind, alg=named).algorithms == {named}
    else:
        with pytest.raises(KeysUnavailableError):
            read_jwks(jwks_of(member), RULES)


NUMBERS = st.one_of(
    st.integers(), st.floats(), st.sampled_from([10**400, -(10**400), 2**63, 1e308, -0.0])
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=30), st.sampled_from(ALL)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["alg", "kid", "typ", "crit", "b64", "jwk", "jku", "x5u", "x5c", "x5t", "cty", "zip", "enc"]
)
PAIRS = st.lists(st.tuples(NAMES, VALUES), max_size=8)
ENDS = st.sampled_from(
    [b"", b"[" * 3000, b"{" * 3000, b'{"a":' * 1500, b"\xff\xfe", b"\x00", b" " * 100, b"9" * 5000]
)


def with_repeats(pairs: list[tuple[str, Any]], kind: str, algorithm: str) -> bytes:
    """An object as JSON, in which a name may stand twice: JSON libraries differ about that."""
    told = [("alg", algorithm), ("kid", kind), *pairs]
    return ("{" + ",".join(f"{json.dumps(k)}:{json.dumps(v)}" for k, v in told) + "}").encode()


@CASES
@given(st.sampled_from([*FITTING]), st.sampled_from(ALL), PAIRS, st.binary(max_size=300), ENDS)
def test_no_header_gets_anything_but_401(
    kind: str, algorithm: str, pairs: list[tuple[str, Any]], signature: bytes, end: bytes
) -> None:
    header = with_repeats(pairs, kind, algorithm)
    for told in (header, header + end, end, end + header):
        refused(token_of(told, b'{"sub":"7"}', signature), key_of(kind))


@CASES
@given(st.sampled_from([*FITTING]), st.text(alphabet="abcAZ019-_.=+/ \x00é", max_size=300))
def test_no_text_gets_anything_but_401(kind: str, text: str) -> None:
    good = token_of(with_repeats([], kind, min(FITTING[kind])), b"{}", bytes(64))
    for token in (text, f"{text}..", f"..{text}", good + text, text + good):
        refused(token, key_of(kind))


@CASES
@given(
    st.dictionaries(
        st.sampled_from(["iss", "aud", "sub", "exp", "nbf", "iat", "jti", "scope"]), VALUES
    ),
    ENDS,
)
def test_claims_that_were_signed_are_an_identity_or_401(claims: dict[str, Any], end: bytes) -> None:
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "7", "exp": int(time.time()) + 600, **claims}
    key, signer = key_of("ed25519"), jwt.PyJWS()
    for payload in (json.dumps(said).encode(), json.dumps(said).encode() + end, end):
        token = signer.encode(payload, private("ed25519"), "EdDSA")
        try:
            found = verified(token, key, RULES)
        except UnauthorizedError:
            continue
        assert not found.may("admin")


@CASES
@given(
    st.sampled_from([*FITTING, "k256"]),
    st.dictionaries(
        st.sampled_from(["kty", "crv", "alg", "use", "kid", "n", "e", "x", "y", "d", "k"]),
        st.one_of(VALUES, st.text(alphabet="AQB_-", max_size=90)),
        max_size=4,
    ),
)
def test_a_member_of_a_key_document_is_a_key_or_is_passed_over(
    kind: str, changes: dict[str, Any]
) -> None:
    member = {**json.loads(jwk(kind)), **changes}
    sound = {**json.loads(jwk("p256")), "kid": "sound"}
    try:
        keys = read_jwks(json.dumps({"keys": [member, sound]}).encode(), RULES)
    except KeysUnavailableError:
        return
    assert keys.find("sound") is not None
