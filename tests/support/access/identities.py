"""Who asks in the tests of access: each identity by its name, and the secret that it shows.

>>> IDENTITIES[:3]
('none', 'expired', 'reader')
"""

from __future__ import annotations

import time

from tests.support.clients.access import Issuer, token_for

ISSUED_BY = Issuer()
LONG_AGO_S = 1_460_419_200
ONE, TWO = frozenset({1}), frozenset({2})

TOKENS = {
    "expired": token_for("expired", "read write", expires_at_s=LONG_AGO_S),
    "reader": token_for("reader", "read"),
    "reader_of_1": token_for("reader-of-1", "read", ONE),
    "reader_of_2": token_for("reader-of-2", "read", TWO),
    "writer": token_for("writer", "write"),
    "writer_of_1": token_for("writer-of-1", "write", ONE, int(time.time()) + 3600),
    "writer_of_2": token_for("writer-of-2", "write", TWO),
    "admin": token_for("admin", "admin"),
}
JWTS = {
    "jwt_expired": ISSUED_BY.jwt(exp=LONG_AGO_S, scope="read write"),
    "jwt_forged": Issuer().jwt(scope="read write"),
    "jwt_of_1": ISSUED_BY.jwt(sub="1"),
    "jwt_of_2": ISSUED_BY.jwt(sub="2"),
    "jwt_writer_of_1": ISSUED_BY.jwt(sub="1", scope="read write"),
    "jwt_writer_of_2": ISSUED_BY.jwt(sub="2", scope="write"),
    "jwt_without_scope": ISSUED_BY.jwt(sub="1", scope="mail"),
}
UNKNOWN = token_for("unknown", "admin").secret
SECRETS = {
    **{name: token.secret for name, token in TOKENS.items()},
    **JWTS,
    "wrong": UNKNOWN,
}
IDENTITIES = ("none", *SECRETS)
