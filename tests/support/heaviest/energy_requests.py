"""The heaviest about meters: 5,000 values at once, and a range of as many half-hours."""

from __future__ import annotations

from tests.support.engine import NOON_S
from tests.support.heaviest.request import Request, gets

HALVES = f"start={NOON_S - 9_000_000}&end={NOON_S}&every=30m"
"""5,000 half-hours."""

DAYS = 400
"""Of half-hours that meter h-1, prices and carbon have."""

SPAN = f"start={NOON_S - DAYS * 86_400}&end={NOON_S}"
COST = f"{SPAN}&plan=heavy&carbon=GB"
YEAR = f"start={NOON_S - 366 * 86_400}&end={NOON_S}"


def writes() -> dict[str, Request]:
    """Readings, intervals and a file, as long as each may be."""
    energy = {"meter": "m-1", "every_s": 1800, "start": NOON_S - 9_000_000, "values": [1] * 5000}
    power = {"meter": "m-2", "points": [[NOON_S - 9_000_000 + n * 60, 1] for n in range(5000)]}
    energies = [{"command": "intervals", "intervals": energy}, {"command": "power", "power": power}]
    rows = [f"{NOON_S - 9_000_000 + n * 60},1\n" for n in range(20_000)]
    file = "".join(("start,value\n", *rows)).encode()
    return {
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
        # One by a series is there already, of all prices (heavy_domains.py).
        "PUT /v3/energy/plans/{plan}": Request("/v3/energy/plans/eco", {"rates": rates}),
        "PUT /v3/energy/prices/{series}": Request("/v3/energy/prices/agile", prices),
        "PUT /v3/energy/carbon/{region}": Request("/v3/energy/carbon/GB", prices),
        "DELETE /v3/energy/plans/{plan}": Request("/v3/energy/plans/none"),
    }


def _clock(half_hours: int) -> str:
    return f"{half_hours // 2:02}:{half_hours % 2 * 30:02}"


def asked() -> dict[str, Request]:
    """What is asked of one meter, or of all."""
    return gets(
        {
            "GET /v3/energy/meters": "/v3/energy/meters?limit=1000",
            "GET /v3/energy/meters/{meter}": "/v3/energy/meters/m-1",
            "GET /v3/energy/meters/{meter}/readings": "/v3/energy/meters/m-2/readings?limit=5000",
            "GET /v3/energy/meters/{meter}/cost": f"/v3/energy/meters/h-1/cost?{COST}",
            "GET /v3/energy/meters/{meter}/compare": f"/v3/energy/meters/h-1/compare?{COST}",
            "GET /v3/energy/meters/{meter}/recommend": f"/v3/energy/meters/h-1/recommend?{COST}",
            "GET /v3/energy/plans": "/v3/energy/plans",
            "GET /v3/energy/plans/{plan}": "/v3/energy/plans/eco",
            "GET /v3/energy/prices": "/v3/energy/prices",
            "GET /v3/energy/prices/{series}": f"/v3/energy/prices/heavy?{YEAR}",
            "GET /v3/energy/carbon/{region}": f"/v3/energy/carbon/GB?{YEAR}",
            "GET /v3/energy/meters/{meter}/watch": "/v3/energy/meters/h-1/watch?wait=0",
            "GET /v3/energy/meters/{meter}/usage": f"/v3/energy/meters/h-1/usage?{HALVES}",
        }
    )
