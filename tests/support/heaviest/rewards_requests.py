"""The heaviest about vehicles and their weeks: one vehicle, one owner, or a page of 1,000."""

from __future__ import annotations

from tests.support.heaviest.heavy_owners import FIRST_VEHICLE, HEAVY_OWNER
from tests.support.heaviest.request import BATCH_MAX, Request, gets

WEEK_S = 1_700_000_000


def writes() -> dict[str, Request]:
    """As many vehicles as a body may name."""
    vehicles = [{"vehicle": n, "integration": "Smartcar", "time": WEEK_S} for n in range(BATCH_MAX)]
    points = [
        {"vehicle": n, "thing": "promotions", "points": 5, "time": WEEK_S, "id": f"p-{n}"}
        for n in range(BATCH_MAX)
    ]
    owned = [
        {"vehicle": n, "owner": n, "vin": f"V{n:016d}", "time": WEEK_S} for n in range(BATCH_MAX)
    ]
    return {
        "POST /v3/activity": Request("/v3/activity", vehicles),
        "POST /v3/earnings": Request("/v3/earnings", points),
        "POST /v3/vehicles": Request("/v3/vehicles", owned),
    }


def asked() -> dict[str, Request]:
    """What names one vehicle or owner, or a page of a board."""
    return gets(
        {
            "GET /v3/vehicles/{id}/statement": f"/v3/vehicles/{FIRST_VEHICLE}/statement",
            "GET /v3/streaks": "/v3/streaks?limit=1000",
            "GET /v3/vehicles/{id}/weeks": f"/v3/vehicles/{FIRST_VEHICLE}/weeks",
            "GET /v3/rewards/weeks": "/v3/rewards/weeks?limit=1000",
            "GET /v3/rewards/vehicles": f"/v3/rewards/vehicles?owner={HEAVY_OWNER}",
            "GET /v3/rewards/history": f"/v3/rewards/history?owner={HEAVY_OWNER}",
            "GET /v3/rewards/what-if": "/v3/rewards/what-if?tables=weeks_off_to_drop%3D1",
            "GET /v3/streaks/at-risk": f"/v3/streaks/at-risk?owner={HEAVY_OWNER}",
            "GET /v1/user": f"/v1/user?owner={HEAVY_OWNER}",
            "GET /v1/user/history": f"/v1/user/history?owner={HEAVY_OWNER}",
            "GET /v1/rewards/convert": "/v1/rewards/convert?points=1",
            "GET /v1/aftermarket/device/{tokenID}": f"/v1/aftermarket/device/{FIRST_VEHICLE}",
        }
    )
