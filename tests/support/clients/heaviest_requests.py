"""The heaviest that one authorised request may hold, route by route, against one heavy owner.

Limits are the documented ones (docs/http.md, limits). What a route costs follows from what it
names and from what owner 1 has, so the requests name as much as is allowed and owner 1 has all
that is dear::

    HEAVIEST["POST /v3/events"].body       # 5,000 events of owner 1, all late
    await book(psd, heavy_owner(20_000))   # a crowded second, many types, a long activity
    await heavy_weeks(psd, 8)              # vehicles of HEAVY_OWNER, each with a row in each week
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import msgspec

from psd.engine.events import Event, Report
from psd.rewards.accounts import OWNER_VEHICLES_MAX
from psd.rewards.weeks import bounds
from psd.runtime import Runtime
from server.routes.v3_events import EVENTS_MAX
from tests.support.charging.charging_routes import CHARGING_ROUTES
from tests.support.clients.http import FORM
from tests.support.engine import DAY_S, NOON_S
from tests.support.rewards.reward_job import Fleet
from tests.support.swaps.page_routes import PAGE_ROUTES

FIRST_VEHICLE = 10**6
HEAVY_OWNER = "fleet"
IDS_MAX, BATCH_MAX = 1_000, 1_000
WEEK_S = 1_700_000_000
WIDE = f"{NOON_S - 400 * DAY_S}/{NOON_S + 400 * DAY_S}"
IDS = ",".join(str(uid) for uid in range(1, IDS_MAX + 1))
UIDS = [str(uid) for uid in range(1, IDS_MAX + 1)]
MEMBERS_MANY = [str(uid) for uid in range(1, 10_001)]


class Request(msgspec.Struct, frozen=True):
    """One request."""

    path: str
    body: Any = b""
    content_type: str = "application/json"

    @property
    def content(self) -> bytes:
        """The body as it is sent."""
        return self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)


def heavy_owner(bookings: int) -> Iterator[Event]:
    """Of owner 1: a third in one second, a third of a type each, a third of one activity."""
    third = bookings // 3
    for n in range(third):
        yield Report(1, 1, 2, n * 7919 % 65_536, 1 + n % 7, NOON_S, NOON_S)
        yield Report(1, 1, n, 10**9 + n, 1 << n % 36, NOON_S - n * 600, NOON_S - n * 600)
        at = NOON_S - DAY_S + n * 2_000
        yield Report(1, 1, 2, 5 * 10**12, n + 1, NOON_S - DAY_S, at)


async def heavy_weeks(psd: Runtime, weeks: int) -> None:
    """Computed weeks of as many vehicles as an owner may be told of, all of HEAVY_OWNER."""
    fleet = Fleet(psd)
    vehicles = range(FIRST_VEHICLE, FIRST_VEHICLE + OWNER_VEHICLES_MAX)
    before_s = bounds(0).start
    said = [
        {
            "vehicle": each,
            "owner": HEAVY_OWNER,
            "integrations": ["Tesla", "AutoPi"],
            "time": before_s,
        }
        for each in vehicles
    ]
    await fleet.send_all("vehicles", said)
    for week in range(weeks):
        at_s = bounds(week).start + 3600
        driven = [{"vehicle": each, "integration": "Tesla", "time": at_s} for each in vehicles]
        await fleet.send_all("activities", driven)
    await fleet.calculate(weeks - 1, 0)


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


def _form(path: str, **fields: str) -> Request:
    return Request(path, urlencode(fields).encode(), FORM)


def _writes() -> dict[str, Request]:
    metrics = [_metric(n) for n in range(EVENTS_MAX)]
    vehicles = [{"vehicle": n, "integration": "Smartcar", "time": WEEK_S} for n in range(BATCH_MAX)]
    points = [
        {"vehicle": n, "thing": "promotions", "points": 5, "time": WEEK_S, "id": f"p-{n}"}
        for n in range(BATCH_MAX)
    ]
    owned = [
        {"vehicle": n, "owner": n, "vin": f"V{n:016d}", "time": WEEK_S} for n in range(BATCH_MAX)
    ]
    energy = {"meter": "m-1", "every_s": 1800, "start": NOON_S - 9_000_000, "values": [1] * 5000}
    power = {"meter": "m-2", "points": [[NOON_S - 9_000_000 + n * 60, 1] for n in range(5000)]}
    energies = [{"command": "intervals", "intervals": energy}, {"command": "power", "power": power}]
    rows = [f"{NOON_S - 9_000_000 + n * 60},1\n" for n in range(20_000)]
    file = "".join(("start,value\n", *rows)).encode()
    queued = [{"command": "metrics", "metrics": metrics[:BATCH_MAX]}]
    return {
        "POST /v1/write": Request("/v1/write", metrics[-1]),
        "POST /v1/write_many": Request("/v1/write_many", metrics[:BATCH_MAX]),
        "POST /v1/enqueue": Request("/v1/enqueue", queued[0]),
        "POST /v3/events": Request("/v3/events", metrics),
        "POST /v3/activity": Request("/v3/activity", vehicles),
        "POST /v3/earnings": Request("/v3/earnings", points),
        "POST /v3/vehicles": Request("/v3/vehicles", owned),
        "POST /v3/energy/readings": Request("/v3/energy/readings", energies),
        "POST /v3/energy/imports": Request(
            "/v3/energy/imports?format=csv&meter=m-3&every=1m", file, "text/csv"
        ),
        "PUT /v3/energy/meters/{meter}": Request("/v3/energy/meters/m-2", {"gap_max_s": 900}),
        **_money(),
    }


def _money() -> dict[str, Request]:
    """A plan whose price changes each half-hour, and as many prices as come at once."""
    half_hours = [
        {"name": str(n), "rate": "0.2", "from": _clock(n), "to": _clock(n + 1)} for n in range(48)
    ]
    rates = [*half_hours[:31], {"name": "base", "rate": "0.3"}]
    prices = {"start": NOON_S - 9_000_000, "every_s": 1800, "values": [0.2] * 5000}
    return {
        "PUT /v3/energy/plans/{plan}": Request("/v3/energy/plans/eco", {"rates": rates}),
        "PUT /v3/energy/prices/{series}": Request("/v3/energy/prices/agile", prices),
        "PUT /v3/energy/carbon/{region}": Request("/v3/energy/carbon/GB", prices),
        "DELETE /v3/energy/plans/{plan}": Request("/v3/energy/plans/none"),
    }


def _clock(half_hours: int) -> str:
    return f"{half_hours // 2:02}:{half_hours % 2 * 30:02}"


def _sums() -> dict[str, Request]:
    windows = [_metric(n) for n in range(BATCH_MAX)]
    offsets = ",".join(str(n * 60) for n in range(IDS_MAX))
    things = "steps,calories,points"
    return {
        "GET /v1/query/{uid}/{thing}/{atid}/{start}/{end}": Request(
            f"/v1/query/1/steps/all/{WIDE}"
        ),
        "POST /v1/query_ids/{thing}/{atid}/{start}/{end}": _form(
            f"/v1/query_ids/steps/all/{WIDE}", ids=IDS
        ),
        "POST /v1/mu_query/{thing}/{atid}/{start}/{end}": _form(
            f"/v1/mu_query/steps/all/{WIDE}", ids=IDS
        ),
        "POST /v1/mumt_query/{atid}/{start}/{end}": _form(
            f"/v1/mumt_query/all/{WIDE}", ids=IDS, things=things
        ),
        "POST /v2/mumt_query/{atid}/{start}/{end}": _form(
            f"/v2/mumt_query/all/{WIDE}", ids=IDS, things=things, offsets=offsets
        ),
        "GET /v1/readcount/{thing}/{start}/{end}": Request(f"/v1/readcount/hifive_1/{WIDE}"),
        "POST /v1/readcount_with_ids/{prefix}/{start}/{end}": _form(
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


def _boards() -> dict[str, Request]:
    """Of a board of 10,000 members, in the order in which it lives."""
    one = "/v3/boards/cup"
    window = {"kind": "fixed", "start": "2016-04-12T00:00:00Z", "end": "2016-04-19T00:00:00Z"}
    made = {"thing": "steps", "window": window, "members": MEMBERS_MANY}
    read = {name: f"{one}/{name}" for name in ("members", "standing", "bracket")}
    read["standing/watch"] = f"{one}/standing/watch?wait=0"
    return {
        "PUT /v3/boards/{name}": Request(one, made),
        "GET /v3/boards": Request("/v3/boards?limit=100"),
        "GET /v3/boards/{name}": Request(one),
        **{f"GET /v3/boards/{{name}}/{name}": Request(path) for name, path in read.items()},
        "POST /v3/boards/{name}/members": Request(f"{one}/members", {"add": MEMBERS_MANY}),
        "PATCH /v3/boards/{name}": Request(one, {"note": "a bicycle"}),
        "POST /v3/boards/{name}/final": Request(f"{one}/final", {"replace": True}),
        "GET /v3/boards/{name}/final": Request(f"{one}/final"),
        "DELETE /v3/boards/{name}/members": Request(f"{one}/members?all=true"),
        "DELETE /v3/boards/{name}": Request(one),
    }


def _prometheus() -> dict[str, Request]:
    at = f"start={NOON_S - 10 * DAY_S}&end={NOON_S}&step=3600"
    selected = "query=topk(10%2C%20steps)"
    match = "match%5B%5D=steps%7Buid=%221%22%7D"
    asked = {
        "query": f"{selected}&time={NOON_S}",
        "query_range": f"{selected}&{at}",
        "series": match,
        "labels": match,
    }
    found = {}
    for name, text in asked.items():
        path = f"/api/v1/{name}"
        found[f"GET {path}"] = Request(f"{path}?{text}")
        found[f"POST {path}"] = Request(path, text.encode(), FORM)
    label = "/api/v1/label/{name}/values"
    found[f"GET {label}"] = Request(f"/api/v1/label/atid/values?{match}")
    for name in ("metadata", "status/buildinfo"):
        found[f"GET /api/v1/{name}"] = Request(f"/api/v1/{name}")
    return found


SPAN = f"start={NOON_S - 9_000_000}&end={NOON_S}"
HALVES = f"{SPAN}&every=30m"
"""5,000 half-hours."""


def _others() -> dict[str, Request]:
    """What names one vehicle or owner, a page of a board of 1,000, or nothing."""
    rewards = {
        "GET /v3/vehicles/{id}/statement": f"/v3/vehicles/{FIRST_VEHICLE}/statement",
        "GET /v3/streaks": "/v3/streaks?limit=1000",
        "GET /v3/vehicles/{id}/weeks": f"/v3/vehicles/{FIRST_VEHICLE}/weeks",
        "GET /v3/rewards/weeks": "/v3/rewards/weeks?limit=1000",
        "GET /v3/rewards/vehicles": f"/v3/rewards/vehicles?owner={HEAVY_OWNER}",
        "GET /v3/rewards/history": f"/v3/rewards/history?owner={HEAVY_OWNER}",
        "GET /v3/rewards/what-if": "/v3/rewards/what-if?tables=weeks_off_to_drop%3D1",
        "GET /v3/energy/meters": "/v3/energy/meters?limit=1000",
        "GET /v3/energy/meters/{meter}": "/v3/energy/meters/m-1",
        "GET /v3/energy/meters/{meter}/readings": "/v3/energy/meters/m-2/readings?limit=5000",
        "GET /v3/energy/meters/{meter}/cost": f"/v3/energy/meters/m-1/cost?plan=eco&{SPAN}",
        "GET /v3/energy/meters/{meter}/compare": f"/v3/energy/meters/m-1/compare?{SPAN}",
        "GET /v3/energy/meters/{meter}/recommend": f"/v3/energy/meters/m-1/recommend?{SPAN}",
        "GET /v3/energy/plans": "/v3/energy/plans",
        "GET /v3/energy/plans/{plan}": "/v3/energy/plans/eco",
        "GET /v3/energy/prices": "/v3/energy/prices",
        "GET /v3/energy/prices/{series}": f"/v3/energy/prices/agile?{SPAN}",
        "GET /v3/energy/carbon/{region}": f"/v3/energy/carbon/GB?{SPAN}",
        "GET /v3/energy/meters/{meter}/watch": "/v3/energy/meters/m-1/watch?wait=0",
        "GET /v3/energy/meters/{meter}/usage": f"/v3/energy/meters/m-1/usage?{HALVES}",
        "GET /v3/streaks/at-risk": f"/v3/streaks/at-risk?owner={HEAVY_OWNER}",
        "GET /v1/user": f"/v1/user?owner={HEAVY_OWNER}",
        "GET /v1/user/history": f"/v1/user/history?owner={HEAVY_OWNER}",
        "GET /v1/rewards/convert": "/v1/rewards/convert?points=1",
        "GET /v1/aftermarket/device/{tokenID}": f"/v1/aftermarket/device/{FIRST_VEHICLE}",
    }
    own = ("/metrics", "/health/ping", "/healthz", "/readyz", "/version", "/openapi.json", "/docs")
    plain = rewards | {f"GET {path}": path for path in own}
    return {name: Request(path) for name, path in plain.items()}


def _swaps() -> dict[str, Request]:
    """A page of each listing, and one of each thing that is added, in the order in which it is."""
    root, pattern = "/v3/swaps/main", "/v3/swaps/{network}"
    objects: dict[str, dict[str, object]] = {
        "stations": {"name": "S1"},
        "batteries": {"serial": "B1", "capacity": 200, "station": "S1"},
        "vehicles": {"vin": "V1"},
        "drivers": {"phone": "D1", "vehicle": "V1", "started": NOON_S},
    }
    found: dict[str, Request] = {}
    for kind, said in objects.items():
        found[f"POST {pattern}/{kind}"] = Request(f"{root}/{kind}", said)
        found[f"PUT {pattern}/{kind}/{{id}}"] = Request(f"{root}/{kind}/1", said)
    swap = {"id": "a", "driver": "D1", "station": "S1", "battery_out": "B1", "odometer": 1}
    swap |= {"battery_in_energy": 0, "battery_out_energy": 9, "date": NOON_S}
    found[f"POST {pattern}/transactions"] = Request(f"{root}/transactions", swap)
    fix = swap | {"id": "b", "odometer": 2}
    path = f"{root}/transactions/5/corrections"
    found[f"POST {pattern}/transactions/{{n}}/corrections"] = Request(path, fix)
    for path in ("drivers", "stations", "batteries", "events"):
        found[f"GET {pattern}/{path}"] = Request(f"{root}/{path}?limit=1000")
    for path in ("drivers", "stations", "batteries"):
        found[f"GET {pattern}/{path}/{{id}}"] = Request(f"{root}/{path}/1")
        listed = f"{root}/{path}/1/transactions?limit=1000"
        found[f"GET {pattern}/{path}/{{id}}/transactions"] = Request(listed)
    found[f"GET {pattern}"] = Request(f"{root}?limit=1000")
    found[f"GET {pattern}/watch"] = Request(f"{root}/watch?limit=1000&wait=0")
    found[f"GET {pattern}/drivers/{{id}}/days"] = Request(f"{root}/drivers/1/days")
    found[f"GET {pattern}/vehicles/{{id}}"] = Request(f"{root}/vehicles/1")
    found[f"GET {pattern}/transactions/{{n}}"] = Request(f"{root}/transactions/5")
    return found


def _charging() -> dict[str, Request]:
    """What is written comes first, so that there is something to read."""
    routes = sorted(CHARGING_ROUTES.items(), key=lambda each: each[0].startswith("GET"))
    return {
        name: Request(route.path, b"" if route.body is None else route.body)
        for name, route in routes
    }


def _operations() -> dict[str, Request]:
    """What operators ask; this store has no letters, no imports and no file of tokens."""
    root, many = "/v3/ops", [f"{n:016x}" for n in range(1_000)]
    asked = {
        "log": "log?limit=1000",
        "settings": "settings",
        "slow-scripts": "slow-scripts",
        "tokens": "tokens",
        "audits": "audits",
        "audits/{audit}": "audits/20160412-120000-7f3a",
        "dead-letters": "dead-letters?limit=1000",
        "dead-letters/{letter}": f"dead-letters/{many[0]}",
        "imports": "imports",
        "imports/{import}": "imports/7f3a6c3b1d4e",
    }
    ordered = {
        "audits": ("audits", {}),
        "dead-letters/drop": ("dead-letters/drop", {"ids": many}),
        "dead-letters/replay": ("dead-letters/replay", {"ids": many}),
        "imports/{import}/undo": ("imports/7f3a6c3b1d4e/undo", {}),
        "tokens": ("tokens", {"name": "amp", "scopes": ["read"], "owners": UIDS}),
        "tokens/{mark}/revoke": ("tokens/3b1d4e5f/revoke", {}),
    }
    return {
        **{f"GET {root}/{name}": Request(f"{root}/{path}") for name, path in asked.items()},
        **{
            f"POST {root}/{name}": Request(f"{root}/{path}", body)
            for name, (path, body) in ordered.items()
        },
    }


HEAVIEST: dict[str, Request] = {
    **_writes(),
    **_sums(),
    **_questions(),
    **_users(),
    **_boards(),
    **_prometheus(),
    **_swaps(),
    **_charging(),
    **_operations(),
    **_others(),
    **{name: Request(path) for name, (path, _) in PAGE_ROUTES.items()},
    # Last: nothing is left of the owner with the most keys.
    "DELETE /v3/users/{uid}": Request("/v3/users/1"),
}
"""Every route, by its method and pattern."""
