"""JWTs: whose signature counts, what they must say, and what never gets anybody in."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from psd.access.jwts import JwtRules, jwt_rules, key_id, read_jwks, verified
from psd.config import AccessSettings
from psd.errors import ConfigError, KeysUnavailableError, PsdError, UnauthorizedError
from psd.users import user_of
from tests.support.clients.access import AUDIENCE, ISSUER, Issuer, jwks_of

SETTINGS = AccessSettings(jwks="keys.json", jwt_issuer=ISSUER, jwt_audience=AUDIENCE)
RULES = jwt_rules(SETTINGS)
ISSUED_BY = Issuer()


def identity(token: str, document: bytes | None = None, rules: JwtRules = RULES) -> Any:
    keys = read_jwks(ISSUED_BY.jwks() if document is None else document, rules)
    key = keys.find(key_id(token, rules))
    if key is None:
        raise UnauthorizedError("no such key")
    return verified(token, key, rules)


def unsigned(header: Any, claims: Any, signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def test_the_owner_claim_names_the_owner_and_the_scope_claim_the_scopes() -> None:
    found = identity(ISSUED_BY.jwt(sub="7", scope="read write"))
    assert (found.owners, found.scopes) == (frozenset({7}), frozenset({"read", "write"}))
    assert identity(ISSUED_BY.jwt(sub="7")).scopes == {"read"}
    assert identity(ISSUED_BY.jwt(scope=["write", "mail"])).scopes == {"write"}


@pytest.mark.parametrize("subject", ["me", "0x" + "aB" * 20, "user:1", "é" * 64, "1.0"])
def test_a_subject_that_is_a_name_is_that_user_and_sees_no_number(subject: str) -> None:
    found = identity(ISSUED_BY.jwt(sub=subject))
    assert (found.subject, found.owner) == (subject, subject)
    assert found.owners == {user_of(subject)}
    assert not found.sees(1)


def test_a_subject_that_is_no_user_owns_what_is_kept_under_it_and_sees_nobody() -> None:
    found = identity(ISSUED_BY.jwt(sub="1 "))
    assert (found.owners, found.subject, found.owner) == (frozenset(), "1 ", "1 ")


def test_a_subject_that_is_a_uid_is_that_owner_as_text() -> None:
    found = identity(ISSUED_BY.jwt(sub="7"))
    assert (found.subject, found.owner) == ("7", "7")


@pytest.mark.parametrize("subject", [0, 7, 1503960366, 2**53 - 1])
def test_a_subject_may_be_a_number(subject: int) -> None:
    found = identity(ISSUED_BY.jwt(sub=subject))
    assert (found.owners, found.subject) == (frozenset({subject}), str(subject))
    assert found.sees(subject)
    assert not found.sees(subject + 1)


def test_another_claim_may_name_the_owner_whatever_the_subject_is() -> None:
    rules = jwt_rules(msgspec.structs.replace(SETTINGS, jwt_owner_claim="uid"))
    for subject in ("auth0|abc", 9, None, ["a"], True):
        found = identity(ISSUED_BY.jwt(sub=subject, uid=7), rules=rules)
        assert found.owners == {7}
    with pytest.raises(UnauthorizedError):
        identity(ISSUED_BY.jwt(sub="7"), rules=rules)


@pytest.mark.parametrize(
    "claims",
    [
        {"jti": 5},
        {"jti": "a"},
        {"jti": None},
        {"nbf": 1.5, "iat": 2},
        {"exp": 99_999_999_999.5},
        {"aud": ["another", AUDIENCE]},
        {"sub": "-7"},
        {"sub": str(2**63 - 1)},
    ],
)
def test_what_psd_does_not_read_or_the_standard_allows_is_taken(claims: dict[str, Any]) -> None:
    assert identity(ISSUED_BY.jwt(**claims)).scopes == {"read"}


def test_no_jwt_makes_an_admin() -> None:
    assert identity(ISSUED_BY.jwt(scope="admin read")).scopes == {"read"}
    assert identity(ISSUED_BY.jwt(scope="admin")).scopes == frozenset()


@pytest.mark.parametrize("claim", ["exp", "iss", "aud", "sub"])
def test_a_claim_that_is_required_must_be_there(claim: str) -> None:
    with pytest.raises(UnauthorizedError):
        identity(ISSUED_BY.jwt(without=(claim,)))


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://else.example"},
        {"aud": "another"},
        {"exp": 1},
        {"nbf": 2**33},
        {"sub": "01"},
        {"sub": "+1"},
        {"sub": str(2**63)},
        {"sub": "9" * 5000},
        {"sub": ""},
        {"sub": "a\nb"},
        {"sub": "\ud800"},
        {"sub": "x" * 129},
        {"sub": "\u00e9" * 65},
        {"sub": True},
        {"sub": False},
        {"sub": None},
        {"sub": 7.0},
        {"sub": 1e3},
        {"sub": -1},
        {"sub": -7},
        {"sub": 2**53},
        {"sub": 2**64},
        {"sub": 10**4000},
        {"sub": [7]},
        {"sub": ["7"]},
        {"sub": {"id": 7}},
        {"iat": 2**33},
        {"iat": "1"},
        {"iat": None},
        {"nbf": "1"},
        {"nbf": True},
        {"nbf": [1]},
        {"exp": "99999999999"},
        {"exp": 1.5},
        {"exp": True},
        {"exp": None},
        {"exp": float("nan")},
        {"exp": float("-inf")},
        {"exp": float("inf")},
        {"aud": []},
        {"aud": [["x"]]},
        {"aud": {AUDIENCE: 1}},
        {"aud": AUDIENCE + "x"},
        {"iss": [ISSUER]},
        {"iss": 5},
    ],
)
def test_a_claim_that_says_something_else_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(UnauthorizedError):
        identity(ISSUED_BY.jwt(**claims))


def test_another_issuers_signature_under_a_known_key_id_is_refused() -> None:
    with pytest.raises(UnauthorizedError):
        identity(Issuer().jwt())


def test_a_jwt_without_a_signature_is_refused() -> None:
    claims = jwt.decode(ISSUED_BY.jwt(), options={"verify_signature": False})
    for algorithm in ("none", "None", "NONE", ""):
        with pytest.raises(UnauthorizedError):
            identity(unsigned({"alg": algorithm, "kid": ISSUED_BY.kid}, claims))


def test_a_public_key_is_never_the_secret_of_an_hmac() -> None:
    public = ISSUED_BY.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    claims = jwt.decode(ISSUED_BY.jwt(), options={"verify_signature": False})
    header = {"alg": "HS256", "kid": ISSUED_BY.kid}
    unfinished = unsigned(header, claims).rpartition(".")[0]
    signer = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    forged = base64.urlsafe_b64encode(signer.sign(unfinished.encode(), public)).rstrip(b"=")
    with pytest.raises(UnauthorizedError, match="algorithm"):
        identity(f"{unfinished}.{forged.decode()}")


@pytest.mark.parametrize("algorithm", ["HS256", "none", "RS1"])
def test_settings_that_allow_another_algorithm_are_refused(algorithm: str) -> None:
    with pytest.raises(ConfigError, match="jwt_algorithms"):
        jwt_rules(
            AccessSettings(
                jwks="k", jwt_issuer="i", jwt_audience="a", jwt_algorithms=("RS256", algorithm)
            )
        )


@pytest.mark.parametrize("name", ["jwt_issuer", "jwt_audience", "jwt_owner_claim"])
def test_settings_without_what_must_be_checked_are_refused(name: str) -> None:
    whole = {"jwks": "k", "jwt_issuer": "i", "jwt_audience": "a", name: ""}
    with pytest.raises(ConfigError, match=name):
        jwt_rules(AccessSettings(**whole))


@pytest.mark.parametrize(
    "member",
    [
        {"kty": "oct", "k": "c2VjcmV0", "alg": "ES256", "kid": "first"},
        ISSUED_BY.jwk(use="enc"),
        ISSUED_BY.jwk(d="c2VjcmV0"),
        ISSUED_BY.jwk(alg="HS256"),
        ISSUED_BY.jwk(alg="none"),
        ISSUED_BY.jwk(alg=["ES256"]),
        ISSUED_BY.jwk(kty="EC2"),
        ISSUED_BY.jwk(x="!"),
        ISSUED_BY.jwk(x=5),
        {},
    ],
)
def test_a_member_that_is_no_public_signature_key_is_no_key(member: dict[str, Any]) -> None:
    with pytest.raises(KeysUnavailableError):
        read_jwks(jwks_of(member), RULES)
    assert len(read_jwks(jwks_of(member, Issuer("second").jwk()), RULES)) == 1


def test_a_short_rsa_key_is_no_key() -> None:
    for bits, usable in ((1024, False), (2048, True)):
        public = rsa.generate_private_key(65_537, bits).public_key()
        member = jwt.algorithms.RSAAlgorithm.to_jwk(public, as_dict=True)
        if usable:
            assert len(read_jwks(jwks_of(member), RULES)) == 1
        else:
            with pytest.raises(KeysUnavailableError):
                read_jwks(jwks_of(member), RULES)


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"keys":[]}', b'{"keys":[1]}', b"\xff"])
def test_what_is_no_jwks_holds_no_keys(document: bytes) -> None:
    with pytest.raises(KeysUnavailableError):
        read_jwks(document, RULES)


def test_a_jwt_without_key_id_means_the_only_key() -> None:
    token = jwt.encode(
        jwt.decode(ISSUED_BY.jwt(), options={"verify_signature": False}),
        ISSUED_BY.private,
        algorithm="ES256",
    )
    assert identity(token).owners == {1}
    with pytest.raises(UnauthorizedError):
        identity(token, jwks_of(ISSUED_BY.jwk(), Issuer("second").jwk()))


def test_hostile_headers_are_refused_and_nothing_else_happens() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 6000).decode().rstrip("=")
    hostile = [
        f"{deep}.e30.AA",
        unsigned({"alg": ["ES256"]}, {}),
        unsigned({"alg": "ES256", "kid": ["first"]}, {}),
        unsigned({"alg": "ES256", "kid": {"a": 1}}, {}),
        unsigned([], {}),
        unsigned({"alg": "ES256", "kid": "first", "crit": ["b64"], "b64": False}, {}),
        "..",
        "a" * 9000 + "..",
        "e30.e30.",
    ]
    for token in hostile:
        with pytest.raises(UnauthorizedError):
            identity(token)


@pytest.mark.slow("every byte of a JWT")
def test_no_change_of_a_jwt_gets_in() -> None:
    token = ISSUED_BY.jwt()
    signed = token.rpartition(".")[0]
    dice = random.Random(3)
    for _ in range(2000):
        letters = list(token)
        for _ in range(dice.randint(1, 4)):
            letters[dice.randrange(len(letters))] = dice.choice("abcXYZ019-_.=!\x00")
        changed = "".join(letters)
        try:
            identity(changed)
        except PsdError as error:
            assert isinstance(error, UnauthorizedError)  # noqa: PT017  (most tries must raise)
            continue
        assert changed.rpartition(".")[0] == signed, changed
