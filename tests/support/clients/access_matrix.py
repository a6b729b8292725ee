"""Who may do what, written down: each identity of the tests, and what each route answers it.

>>> expected(MATRIX["POST /v1/write"], "reader")
403
"""

from __future__ import annotations

import time
from typing import Any

import msgspec

from tests.support.clients.access import Issuer, token_for
from tests.support.swaps.page_routes import PAGE_ROUTES

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
ACTIVITY = b'[{"vehicle":1,"integration":"Smartcar","time":1644210000}]'
EARNINGS = b'[{"vehicle":1,"thing":"promotions","points":5,"time":1644210000,"id":"p-1"}]'


ACTIVITY_OF_1 = (
    '{"aid":"3","atid":"2","sums":{"steps":10},"bookings":1,"first":"2017-06-04T01:29:07Z",'
    '"last":"2017-06-04T01:29:07Z"}'
)


def activities(row: str, newest: str) -> str:
    """What is told of the range of REPORT."""
    range_ = '{"start":"2017-06-04T01:29:06Z","end":"2017-06-04T01:29:08Z"}'
    fresh = f'{{"newest":{newest},"queue_depth":0}}'
    return f'{{"data":[{row}],"next":null,"exact":true,"range":{range_},"watermark":{fresh}}}'


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


WHO = (
    *("admin", "reader", "writer"),
    *("reader_of_1", "reader_of_2", "writer_of_1", "writer_of_2"),
)
"""The identities that somebody vouches for, as Case has them."""


def allowed(who: str, path: str, body: bytes = b"", status: int = 200) -> Case:
    """Those named get ``status``, others that somebody vouches for 403, and strangers 401."""
    names = who.split()
    statuses: dict[str, Any] = {each: status if each in names else 403 for each in WHO}
    return Case(path, body, **statuses, nobody=401)


def query(path: str, body: bytes, full: str, empty: str) -> Case:
    """A sum: another owner's reader gets what a user without data gets."""
    asked = allowed("admin reader reader_of_1 reader_of_2", path, body)
    return msgspec.structs.replace(asked, full=full, empty=empty)


def booking(path: str, body: bytes, status: int) -> Case:
    """A write for owner 1."""
    return allowed("admin writer writer_of_1", path, body, status)


def erasing(path: str) -> Case:
    """The erasure of owner 1: his own token's, or an admin's."""
    return allowed("admin writer_of_1", path)


def booking_of_vehicles(path: str, body: bytes, status: int = 200) -> Case:
    """A write that is about vehicles of anybody, or about boards."""
    return allowed("admin writer", path, body, status)


def reading_of_vehicles(path: str, status: int) -> Case:
    """A page of rewards: nobody has a vehicle here, so it says the same to all who may read."""
    return allowed("admin reader reader_of_1 reader_of_2", path, status=status)


def for_all_owners(path: str, body: bytes = b"", status: int = 200) -> Case:
    """Something that is about no single owner."""
    return allowed("admin reader", path, body, status)


def open_to_all(path: str) -> Case:
    """Something that asks nobody who they are."""
    return Case(path, b"", 200, 200, 200, 200, 200, 200, 200, 200)


def pages() -> dict[str, Case]:
    """Pages, where a session counts and no token does."""
    found = {}
    for name, (path, status) in PAGE_ROUTES.items():
        statuses: dict[str, Any] = dict.fromkeys((*WHO, "nobody"), status)
        found[name] = Case(path, b"", **statuses)
    return found


def questions() -> dict[str, Case]:
    """The queries of v3 about user 1, by GET and by POST."""
    parameters = "thing=steps&uid=1&start=1496539746&end=1496539748"
    body = b'{"thing":"steps","uid":"1","start":1496539746,"end":1496539748%s}'
    ends = '"start":"2017-06-04T01:29:06Z","end":"2017-06-04T01:29:08Z"'
    rest = '"exact":true,"range":{' + ends + '},"watermark":{"newest":%s,"queue_depth":0}}'
    second = '"2017-06-04T01:29:07Z"'
    rows = {
        "sum": ('{"uid":"1","thing":"steps","sum":%d}', (10,), (0,), ""),
        "series": ("{" + ends + ',"thing":"steps","sum":%d,"partial":true}', (10,), (0,), ""),
        "leaderboard": (
            '{"rank":1,"uid":"1","value":%d,"reached_at":%s,"percentile":0.0}',
            (10, second),
            (0, "null"),
            '"next":null,"total":1,',
        ),
    }
    found = {}
    for name, (row, seen, unseen, page) in rows.items():
        told = ('{"data":[' + row + "]," + page + rest).__mod__
        full, empty = told((*seen, second)), told((*unseen, "null"))
        every = ("&every=year", b',"every":"year"') if name == "series" else ("", b"")
        asked = f"/v3/{name}?{parameters}{every[0]}"
        found[f"GET /v3/{name}"] = query(asked, b"", full, empty)
        found[f"POST /v3/{name}"] = query(f"/v3/{name}", body % every[1], full, empty)
    return found


def boards() -> dict[str, Case]:
    """Named boards, which are nobody's own; there is none here."""
    one = "/v3/boards/cup"
    read = {name: f"{one}/{name}" for name in ("members", "standing", "bracket", "final")}
    return {
        "GET /v3/boards": for_all_owners("/v3/boards"),
        "GET /v3/boards/{name}": for_all_owners(one, status=404),
        **{
            f"GET /v3/boards/{{name}}/{name}": for_all_owners(path, status=404)
            for name, path in read.items()
        },
        "PUT /v3/boards/{name}": booking_of_vehicles(one, b"", 400),
        "PATCH /v3/boards/{name}": booking_of_vehicles(one, b"{}", 404),
        "DELETE /v3/boards/{name}": booking_of_vehicles(one, b"", 404),
        "POST /v3/boards/{name}/members": booking_of_vehicles(
            f"{one}/members", b'{"add":[1]}', 404
        ),
        "DELETE /v3/boards/{name}/members": booking_of_vehicles(f"{one}/members?uid=1", b"", 404),
        "POST /v3/boards/{name}/final": booking_of_vehicles(f"{one}/final", b"", 404),
    }


def prometheus() -> dict[str, Case]:
    """Prometheus's read API about user 1, by GET and, where Grafana posts, by a form."""
    selector = "steps%7Buid=%221%22%7D"
    vector = (
        '{"status":"success","data":{"resultType":"vector","result":'
        '[{"metric":{"__name__":"steps","uid":"1"},"value":[1496539748,"%d"]}]}}'
    )
    matrix = (
        '{"status":"success","data":{"resultType":"matrix","result":'
        '[{"metric":{"__name__":"steps","uid":"1"},"values":[[1496539748,"%d"]]}]}}'
    )
    series = '{"status":"success","data":[{"__name__":"steps","uid":"1"}]}'
    names = '{"status":"success","data":["__name__","atid","board","uid"]}'
    at = "start=1496539748&end=1496539748&step=1"
    both = {
        "query": (f"query={selector}&time=1496539748", vector % 10, vector % 0),
        "query_range": (f"query={selector}&{at}", matrix % 10, matrix % 0),
        "series": (f"match%5B%5D={selector}", series, series),
        "labels": ("match%5B%5D=steps", names, names),
    }
    found = {}
    for name, (asked, full, empty) in both.items():
        path = f"/api/v1/{name}"
        found[f"GET {path}"] = query(f"{path}?{asked}", b"", full, empty)
        found[f"POST {path}"] = query(path, asked.encode(), full, empty)
    atids = '{"status":"success","data":%s}'
    path = "/api/v1/label/{name}/values"
    found[f"GET {path}"] = query(
        f"/api/v1/label/atid/values?match%5B%5D={selector}", b"", atids % '["2"]', atids % "[]"
    )
    found["GET /api/v1/metadata"] = reading_of_vehicles("/api/v1/metadata", 200)
    found["GET /api/v1/status/buildinfo"] = reading_of_vehicles("/api/v1/status/buildinfo", 200)
    return found


def swaps() -> dict[str, Case]:
    """The ledger of swaps, in which there is nothing; drivers are owners, all else is nobody's."""
    root, pattern = "/v3/swaps/main", "/v3/swaps/{network}"
    found = {
        f"GET {pattern}": for_all_owners(root),
        f"GET {pattern}/watch": for_all_owners(f"{root}/watch?wait=0"),
        f"GET {pattern}/drivers": reading_of_vehicles(f"{root}/drivers", 200),
        f"GET {pattern}/transactions/{{n}}": reading_of_vehicles(f"{root}/transactions/1", 404),
        f"GET {pattern}/stations": for_all_owners(f"{root}/stations"),
        f"GET {pattern}/batteries": for_all_owners(f"{root}/batteries"),
        f"GET {pattern}/events": for_all_owners(f"{root}/events"),
        f"GET {pattern}/vehicles/{{id}}": for_all_owners(f"{root}/vehicles/1", status=404),
        f"POST {pattern}/transactions": booking_of_vehicles(f"{root}/transactions", b"", 400),
        f"POST {pattern}/transactions/{{n}}/corrections": booking_of_vehicles(
            f"{root}/transactions/1/corrections", b"", 400
        ),
    }
    for more in ("", "/days", "/transactions"):
        path = f"{root}/drivers/1{more}"
        found[f"GET {pattern}/drivers/{{id}}{more}"] = reading_of_vehicles(path, 404)
    for kind in ("stations", "batteries"):
        for more in ("", "/transactions"):
            path = f"{root}/{kind}/1{more}"
            found[f"GET {pattern}/{kind}/{{id}}{more}"] = for_all_owners(path, status=404)
    for kind in ("drivers", "stations", "batteries", "vehicles"):
        path = f"{root}/{kind}"
        found[f"POST {pattern}/{kind}"] = booking_of_vehicles(path, b"", 400)
        found[f"PUT {pattern}/{kind}/{{id}}"] = booking_of_vehicles(f"{path}/1", b"", 400)
    return found


def accounts() -> dict[str, Case]:
    """Accounts, of which there is none: whoever is somebody else is told so in the same words."""
    root, pattern = "/v3/charging/customers/1", "/v3/charging/customers/{customer}"
    return {
        f"GET {pattern}{more}": reading_of_vehicles(f"{root}{more}", 404)
        for more in ("", "/ledger")
    }


READINGS = b'[{"command":"power","power":{"meter":"m-1","points":[[1606636800,1]]}}]'

MATRIX: dict[str, Case] = {
    **boards(),
    **prometheus(),
    **swaps(),
    **accounts(),
    **pages(),
    "POST /v1/write": booking("/v1/write", REPORT, 200),
    "POST /v1/write_many": booking("/v1/write_many", REPORT, 200),
    "POST /v1/enqueue": booking("/v1/enqueue", METRIC, 202),
    "POST /v3/activity": booking_of_vehicles("/v3/activity", ACTIVITY),
    "POST /v3/earnings": booking_of_vehicles("/v3/earnings", EARNINGS),
    "POST /v3/vehicles": booking_of_vehicles("/v3/vehicles", b'[{"vehicle":1,"owner":1}]'),
    "POST /v3/events": booking("/v3/events", REPORT, 200),
    "POST /v3/energy/readings": booking_of_vehicles("/v3/energy/readings", READINGS),
    "POST /v3/energy/imports": booking_of_vehicles(
        "/v3/energy/imports?format=csv&meter=m-9", b"start,value\n", 200
    ),
    "GET /v3/energy/meters": for_all_owners("/v3/energy/meters"),
    "GET /v3/energy/meters/{meter}": for_all_owners("/v3/energy/meters/nobody", status=404),
    "PUT /v3/energy/meters/{meter}": booking_of_vehicles("/v3/energy/meters/nobody", b"", 400),
    "GET /v3/energy/meters/{meter}/readings": for_all_owners(
        "/v3/energy/meters/nobody/readings", status=404
    ),
    "GET /v3/energy/meters/{meter}/watch": for_all_owners(
        "/v3/energy/meters/nobody/watch?wait=0", status=404
    ),
    **{
        f"GET /v3/energy/meters/{{meter}}/{asked}": for_all_owners(
            f"/v3/energy/meters/nobody/{asked}?start=0", status=404
        )
        for asked in ("cost", "compare", "recommend")
    },
    "GET /v3/energy/plans": for_all_owners("/v3/energy/plans"),
    "GET /v3/energy/plans/{plan}": for_all_owners("/v3/energy/plans/none", status=404),
    "PUT /v3/energy/plans/{plan}": booking_of_vehicles("/v3/energy/plans/none", b"", 400),
    "DELETE /v3/energy/plans/{plan}": booking_of_vehicles("/v3/energy/plans/none", b"", 404),
    "GET /v3/energy/prices": for_all_owners("/v3/energy/prices"),
    "GET /v3/energy/prices/{series}": for_all_owners(
        "/v3/energy/prices/none?start=0&end=9", status=404
    ),
    "PUT /v3/energy/prices/{series}": booking_of_vehicles("/v3/energy/prices/none", b"", 400),
    "GET /v3/energy/carbon/{region}": for_all_owners(
        "/v3/energy/carbon/none?start=0&end=9", status=404
    ),
    "PUT /v3/energy/carbon/{region}": booking_of_vehicles("/v3/energy/carbon/none", b"", 400),
    "GET /v3/energy/meters/{meter}/usage": for_all_owners(
        "/v3/energy/meters/nobody/usage?start=0", status=404
    ),
    "POST /v3/reports": query(
        "/v3/reports",
        REPORT,
        '{"data":[{"status":"booked","atid":"2","value":10}]}',
        '{"data":[{"status":"absent"}]}',
    ),
    "DELETE /v3/users/{uid}/activities/{aid}": booking("/v3/users/1/activities/3", b"", 200),
    "DELETE /v3/users/{uid}": erasing("/v3/users/1"),
    "GET /v3/users/{uid}/activities": query(
        "/v3/users/1/activities?start=1496539746&end=1496539748",
        b"",
        activities(ACTIVITY_OF_1, '"2017-06-04T01:29:07Z"'),
        activities("", "null"),
    ),
    "GET /v3/users/{uid}/audit": query(
        "/v3/users/1/audit", b"", '{"data":[],"next":null}', '{"data":[],"next":null}'
    ),
    **questions(),
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
    "GET /v3/vehicles/{id}/statement": reading_of_vehicles("/v3/vehicles/1/statement", 404),
    "GET /v3/streaks": for_all_owners("/v3/streaks", status=404),
    "GET /v3/streaks/at-risk": reading_of_vehicles("/v3/streaks/at-risk?owner=1", 200),
    "GET /v1/user": reading_of_vehicles("/v1/user?owner=3", 404),
    "GET /v1/user/history": reading_of_vehicles("/v1/user/history?owner=1", 200),
    "GET /v1/rewards/convert": reading_of_vehicles("/v1/rewards/convert?points=1", 404),
    "GET /v1/aftermarket/device/{tokenID}": reading_of_vehicles("/v1/aftermarket/device/1", 200),
    "GET /metrics": for_all_owners("/metrics"),
    "GET /health/ping": open_to_all("/health/ping"),
    "GET /healthz": open_to_all("/healthz"),
    "GET /readyz": open_to_all("/readyz"),
    "GET /version": open_to_all("/version"),
    "GET /openapi.json": open_to_all("/openapi.json"),
    "GET /docs": open_to_all("/docs"),
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
        # It may read and write, so it is refused only where both are.
        return case.writer_of_1 if case.reader_of_1 == 403 else case.reader_of_1
    if identity == "jwt_without_scope":
        # What asks for a session refuses every token alike.
        return 403 if case.nobody == 401 != case.admin else case.nobody
    return case.nobody
