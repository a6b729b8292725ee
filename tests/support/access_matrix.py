"""Who may do what, written down: each identity of the tests, and what each route answers it.

>>> expected(MATRIX["POST /v1/write"], "reader")
403
"""

from __future__ import annotations

import time

import msgspec

from tests.support.access import Issuer, token_for

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

REPORT = b'{"thing":"steps","uid":1,"atid":2,"aid":3,"value":10,"ts1":1496539746,"ts2":1496539747}'
METRIC = b'{"command":"metric","metric":%s}' % REPORT
TIMES = "1496539746/1496539747"


class Case(msgspec.Struct, frozen=True):
    """One request about owner 1, and the status that each kind of identity gets.

    A sum also tells ``full`` to those who may see owner 1 and ``empty`` to the others.
    """

    path: str
    body: bytes
    admin: int
    reader: int
    writer: int
    reader_of_1: int
    reader_of_2: int
    writer_of_1: int
    writer_of_2: int
    nobody: int
    full: str | None = None
    empty: str | None = None


def query(path: str, body: bytes, full: str, empty: str) -> Case:
    """A sum: another owner's reader gets what a user without data gets."""
    return Case(
        path,
        body,
        admin=200,
        reader=200,
        writer=403,
        reader_of_1=200,
        reader_of_2=200,
        writer_of_1=403,
        writer_of_2=403,
        nobody=401,
        full=full,
        empty=empty,
    )


def booking(path: str, body: bytes, status: int) -> Case:
    """A write for owner 1."""
    return Case(
        path,
        body,
        admin=status,
        reader=403,
        writer=status,
        reader_of_1=403,
        reader_of_2=403,
        writer_of_1=status,
        writer_of_2=403,
        nobody=401,
    )


def for_all_owners(path: str, body: bytes = b"") -> Case:
    """Something that is about no single owner."""
    return Case(
        path,
        body,
        admin=200,
        reader=200,
        writer=403,
        reader_of_1=403,
        reader_of_2=403,
        writer_of_1=403,
        writer_of_2=403,
        nobody=401,
    )


def open_to_all(path: str) -> Case:
    """Something that asks nobody who they are."""
    return Case(path, b"", 200, 200, 200, 200, 200, 200, 200, 200)


MATRIX: dict[str, Case] = {
    "POST /v1/write": booking("/v1/write", REPORT, 200),
    "POST /v1/write_many": booking("/v1/write_many", REPORT, 200),
    "POST /v1/enqueue": booking("/v1/enqueue", METRIC, 202),
    "GET /v1/query/{uid}/{thing}/{atid}/{start}/{end}": query(
        f"/v1/query/1/steps/all/{TIMES}", b"", "10", "0"
    ),
    "POST /v1/query_ids/{thing}/{atid}/{start}/{end}": query(
        f"/v1/query_ids/steps/all/{TIMES}", b"ids=1", '{"1":10}', '{"1":0}'
    ),
    "POST /v1/mu_query/{thing}/{atid}/{start}/{end}": query(
        f"/v1/mu_query/steps/all/{TIMES}",
        b"ids=1",
        '{"values":{"1":10},"atids":{"1":[2]}}',
        '{"values":{"1":0},"atids":{"1":[]}}',
    ),
    "POST /v1/mumt_query/{atid}/{start}/{end}": query(
        f"/v1/mumt_query/all/{TIMES}",
        b"ids=1&things=steps",
        '{"data":{"1":{"_atids":[2],"steps":10}}}',
        '{"data":{}}',
    ),
    "POST /v2/mumt_query/{atid}/{start}/{end}": query(
        f"/v2/mumt_query/all/{TIMES}",
        b"ids=1&things=steps&offsets=0",
        '{"data":{"1":{"_atids":[2],"steps":10}}}',
        '{"data":{}}',
    ),
    "GET /v1/readcount/{thing}/{start}/{end}": for_all_owners(f"/v1/readcount/hifive_1/{TIMES}"),
    "POST /v1/readcount_with_ids/{prefix}/{start}/{end}": for_all_owners(
        f"/v1/readcount_with_ids/hifive/{TIMES}", b"ids=1"
    ),
    "GET /metrics": for_all_owners("/metrics"),
    "GET /health/ping": open_to_all("/health/ping"),
    "GET /healthz": open_to_all("/healthz"),
    "GET /readyz": open_to_all("/readyz"),
    "GET /version": open_to_all("/version"),
}

COLUMN = {
    "admin": "admin",
    "reader": "reader",
    "writer": "writer",
    "reader_of_1": "reader_of_1",
    "reader_of_2": "reader_of_2",
    "writer_of_1": "writer_of_1",
    "writer_of_2": "writer_of_2",
    "jwt_of_1": "reader_of_1",
    "jwt_of_2": "reader_of_2",
    "jwt_writer_of_2": "writer_of_2",
}
"""Which field of a case tells what an identity gets; those that are not here are below."""


def expected(case: Case, identity: str) -> int:
    """The status that the table gives an identity."""
    if identity in COLUMN:
        return int(getattr(case, COLUMN[identity]))
    if identity == "jwt_writer_of_1":
        # It may read and write, so it gets the better of the two.
        return min(case.reader_of_1, case.writer_of_1)
    if identity == "jwt_without_scope":
        return 403 if case.nobody == 401 else 200
    return case.nobody
