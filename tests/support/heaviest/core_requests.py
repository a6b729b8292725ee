"""The heaviest about reports, sums and users: all of owner 1, or of as many as one may name."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from server.routes.v3_events import EVENTS_MAX
from tests.support.engine import DAY_S, NOON_S
from tests.support.heaviest.request import BATCH_MAX, IDS, IDS_MAX, UIDS, WIDE, Request, form, gets


def _metric(n: int) -> dict[str, Any]:
    """Late, of owner 1, each of another month: a leaf to be read and written."""
    at = NOON_S - n % 190 * 30 * DAY_S - n
    return {
        "thing": "steps",
        "uid": 1,
        "atid": n % 7,
        "aid": 2 * 10**12 + n,
        "value": 1 << n % 40,
        "ts1": at,
        "ts2": at,
    }


def writes() -> dict[str, Request]:
    """As many events as a body may have, all late."""
    metrics = [_metric(n) for n in range(EVENTS_MAX)]
    queued = [{"command": "metrics", "metrics": metrics[:BATCH_MAX]}]
    return {
        "POST /v1/write": Request("/v1/write", metrics[-1]),
        "POST /v1/write_many": Request("/v1/write_many", metrics[:BATCH_MAX]),
        "POST /v1/enqueue": Request("/v1/enqueue", queued[0]),
        "POST /v3/events": Request("/v3/events", metrics),
    }


def asked() -> dict[str, Request]:
    """What is asked of sums, series and users, and an activity that is withdrawn."""
    return _sums() | _questions() | _users()


def _sums() -> dict[str, Request]:
    windows = [_metric(n) for n in range(BATCH_MAX)]
    offsets = ",".join(str(n * 60) for n in range(IDS_MAX))
    things = "steps,calories,points"
    return {
        "GET /v1/query/{uid}/{thing}/{atid}/{start}/{end}": Request(
            f"/v1/query/1/steps/all/{WIDE}"
        ),
        "POST /v1/query_ids/{thing}/{atid}/{start}/{end}": form(
            f"/v1/query_ids/steps/all/{WIDE}", ids=IDS
        ),
        "POST /v1/mu_query/{thing}/{atid}/{start}/{end}": form(
            f"/v1/mu_query/steps/all/{WIDE}", ids=IDS
        ),
        "POST /v1/mumt_query/{atid}/{start}/{end}": form(
            f"/v1/mumt_query/all/{WIDE}", ids=IDS, things=things
        ),
        "POST /v2/mumt_query/{atid}/{start}/{end}": form(
            f"/v2/mumt_query/all/{WIDE}", ids=IDS, things=things, offsets=offsets
        ),
        "GET /v1/readcount/{thing}/{start}/{end}": Request(f"/v1/readcount/hifive_1/{WIDE}"),
        "POST /v1/readcount_with_ids/{prefix}/{start}/{end}": form(
            f"/v1/readcount_with_ids/hifive/{WIDE}", ids=IDS
        ),
        "POST /v3/reports": Request("/v3/reports", windows),
    }


def _questions() -> dict[str, Request]:
    span = {"start": NOON_S - 600 * DAY_S, "end": NOON_S + 300 * DAY_S}
    short = {"start": NOON_S - 40 * DAY_S, "end": NOON_S + 40 * DAY_S}
    every = ["sum", "count", "min", "max", "avg", "first", "last"]
    asked = {
        "sum": {**short, "thing": ["steps", "calories"], "aggregates": every, "uid": UIDS},
        "series": {**span, "thing": "steps", "every": "year", "by": "atid", "uid": UIDS},
        "leaderboard": {**span, "thing": "steps", "ties": "first_to_reach", "uid": UIDS},
    }
    found = {}
    for name, query in asked.items():
        text = urlencode(query, doseq=True)[:7_000].rpartition("&")[0]
        found[f"GET /v3/{name}"] = Request(f"/v3/{name}?{text}")
        found[f"POST /v3/{name}"] = Request(f"/v3/{name}", query)
        if name != "series":
            found[f"GET /v3/{name}/watch"] = Request(f"/v3/{name}/watch?{text}&wait=0")
    return found


def _users() -> dict[str, Request]:
    one = "/v3/users/1/activities"
    return {
        "GET /v3/users/{uid}/activities": Request(f"{one}?limit=1000"),
        "GET /v3/users/{uid}/audit": Request("/v3/users/1/audit?limit=100"),
        "DELETE /v3/users/{uid}/activities/{aid}": Request(f"{one}/{5 * 10**12}"),
    }


def of_the_server() -> dict[str, Request]:
    """What tells of psd itself."""
    own = ("/metrics", "/health/ping", "/healthz", "/readyz", "/version", "/openapi.json", "/docs")
    return gets({f"GET {path}": path for path in own})
