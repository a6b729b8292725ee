"""Who may do what about vehicles, their weeks, and what these came to."""

from __future__ import annotations

from tests.support.access.cases import (
    Case,
    booking_of_vehicles,
    for_all_owners,
    reading_of_vehicles,
)

ACTIVITY = b'[{"vehicle":1,"integration":"Smartcar","time":1644210000}]'
EARNINGS = b'[{"vehicle":1,"thing":"promotions","points":5,"time":1644210000,"id":"p-1"}]'


def rewards() -> dict[str, Case]:
    """Vehicles, of which there is none that anybody owns."""
    return {
        "POST /v3/activity": booking_of_vehicles("/v3/activity", ACTIVITY),
        "POST /v3/earnings": booking_of_vehicles("/v3/earnings", EARNINGS),
        "POST /v3/vehicles": booking_of_vehicles("/v3/vehicles", b'[{"vehicle":1,"owner":1}]'),
        "GET /v3/vehicles/{id}/statement": reading_of_vehicles("/v3/vehicles/1/statement", 404),
        "GET /v3/streaks": for_all_owners("/v3/streaks", status=404),
        "GET /v3/streaks/at-risk": reading_of_vehicles("/v3/streaks/at-risk?owner=1", 200),
        "GET /v3/rewards/weeks": for_all_owners("/v3/rewards/weeks"),
        "GET /v3/rewards/what-if": for_all_owners("/v3/rewards/what-if?tables=", status=404),
        "GET /v3/rewards/vehicles": reading_of_vehicles("/v3/rewards/vehicles?owner=1", 200),
        "GET /v3/rewards/history": reading_of_vehicles("/v3/rewards/history?owner=1", 200),
        "GET /v3/vehicles/{id}/weeks": reading_of_vehicles("/v3/vehicles/1/weeks", 200),
        "GET /v1/user": reading_of_vehicles("/v1/user?owner=3", 404),
        "GET /v1/user/history": reading_of_vehicles("/v1/user/history?owner=1", 200),
        "GET /v1/rewards/convert": reading_of_vehicles("/v1/rewards/convert?points=1", 404),
        "GET /v1/aftermarket/device/{tokenID}": reading_of_vehicles(
            "/v1/aftermarket/device/1", 200
        ),
    }
