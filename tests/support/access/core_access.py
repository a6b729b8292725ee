"""Who may do what where no domain answers: reports, sums, users, boards, and what tells of psd."""

from __future__ import annotations

from tests.support.access.cases import (
    Case,
    allowed,
    booking,
    booking_of_vehicles,
    erasing,
    for_all_owners,
    open_to_all,
    query,
)

REPORT = b'{"thing":"steps","uid":1,"atid":2,"aid":3,"value":10,"ts1":1496539746,"ts2":1496539747}'
METRIC = b'{"command":"metric","metric":%s}' % REPORT
TIMES = "1496539746/1496539747"


ACTIVITY_OF_1 = (
    '{"aid":"3","atid":"2","sums":{"steps":10},"bookings":1,"first":"2017-06-04T01:29:07Z",'
    '"last":"2017-06-04T01:29:07Z"}'
)


def activities(row: str, newest: str) -> str:
    """What is told of the range of REPORT."""
    range_ = '{"start":"2017-06-04T01:29:06Z","end":"2017-06-04T01:29:08Z"}'
    fresh = f'{{"newest":{newest},"queue_depth":0}}'
    return f'{{"data":[{row}],"next":null,"exact":true,"range":{range_},"watermark":{fresh}}}'


def original() -> dict[str, Case]:
    """The original's routes."""
    return {
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
        "GET /v1/readcount/{thing}/{start}/{end}": for_all_owners(
            f"/v1/readcount/hifive_1/{TIMES}"
        ),
        "POST /v1/readcount_with_ids/{prefix}/{start}/{end}": for_all_owners(
            f"/v1/readcount_with_ids/hifive/{TIMES}", b"ids=1"
        ),
    }


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
        if name != "series":
            found[f"GET /v3/{name}/watch"] = query(
                f"/v3/{name}/watch?{parameters}&wait=0", b"", full, empty
            )
    return found


def users() -> dict[str, Case]:
    """Reports and activities of user 1."""
    return {
        "POST /v3/events": booking("/v3/events", REPORT, 200),
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
    }


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
        "GET /v3/boards/{name}/standing/watch": for_all_owners(
            f"{one}/standing/watch?wait=0", status=404
        ),
        "PUT /v3/boards/{name}": booking_of_vehicles(one, b"", 400),
        "PATCH /v3/boards/{name}": booking_of_vehicles(one, b"{}", 404),
        "DELETE /v3/boards/{name}": booking_of_vehicles(one, b"", 404),
        "POST /v3/boards/{name}/members": booking_of_vehicles(
            f"{one}/members", b'{"add":[1]}', 404
        ),
        "DELETE /v3/boards/{name}/members": booking_of_vehicles(f"{one}/members?uid=1", b"", 404),
        "POST /v3/boards/{name}/final": booking_of_vehicles(f"{one}/final", b"", 404),
    }


def operations() -> dict[str, Case]:
    """What tells of the process."""
    return {
        "GET /metrics": for_all_owners("/metrics"),
        "GET /health/ping": open_to_all("/health/ping"),
        "GET /healthz": open_to_all("/healthz"),
        "GET /readyz": open_to_all("/readyz"),
        "GET /version": open_to_all("/version"),
        "GET /openapi.json": open_to_all("/openapi.json"),
        "GET /docs": open_to_all("/docs"),
    }


def operators() -> dict[str, Case]:
    """What operators do; there is nothing here to do it to."""
    root = "/v3/ops"
    read = {"audits": 200, "audits/{audit}": 404, "imports": 200, "imports/{import}": 404}
    read |= {"tokens": 200, "settings": 200, "slow-scripts": 200, "log": 200}
    read |= {"dead-letters": 200, "dead-letters/{letter}": 404}
    sent = {"dead-letters/replay", "dead-letters/drop", "imports/{import}/undo", "tokens", "audits"}
    found = {
        f"GET {root}/{path}": allowed(
            "admin", f"{root}/{path}".replace("{", "").replace("}", ""), status=status
        )
        for path, status in read.items()
    }
    # An empty body is refused to whoever may send one.
    for path in (*sorted(sent), "tokens/{mark}/revoke"):
        asked = f"{root}/{path}".replace("{", "").replace("}", "")
        found[f"POST {root}/{path}"] = allowed("admin", asked, b"", 400)
    return found


def core() -> dict[str, Case]:
    """All of these."""
    return {**original(), **questions(), **users(), **boards(), **operations(), **operators()}
