"""Who may do what about accounts of customers, and about sites and their plugs.

Here nobody has an account and no site has a plug: whoever is somebody else is told so in the same
words. What each is told of what there is: tests/integration/test_charging_access.py.
"""

from __future__ import annotations

from tests.support.access.cases import (
    Case,
    allowed,
    booking_of_vehicles,
    for_all_owners,
    reading_of_vehicles,
)
from tests.support.charging.charging_routes import CHARGING_ROUTES

STATUSES = {
    "GET /v3/charging/sites": 200,
    "GET /v3/charging/sessions": 200,
}
"""What there is nothing of is listed, and is not found."""

ALL_WRITERS = "admin writer writer_of_1 writer_of_2"


def charging() -> dict[str, Case]:
    """Every route, about customer 1."""
    found = {}
    for name, route in CHARGING_ROUTES.items():
        path = route.path.replace("/u1", "/1")
        if not name.startswith("GET"):
            # An empty body is refused to whoever may send one.
            is_for_all = route.who == "customer"
            found[name] = (
                allowed(ALL_WRITERS, path, b"", 400)
                if is_for_all
                else booking_of_vehicles(path, b"", 400)
            )
        elif route.who == "operator":
            found[name] = for_all_owners(path, status=STATUSES.get(name, 404))
        else:
            found[name] = reading_of_vehicles(path, STATUSES.get(name, 404))
    return found
