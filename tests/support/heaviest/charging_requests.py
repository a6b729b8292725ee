"""The heaviest about sites and accounts: each route of charging as its tests ask it."""

from __future__ import annotations

from tests.support.charging.charging_routes import CHARGING_ROUTES
from tests.support.heaviest.request import Request


def asked() -> dict[str, Request]:
    """What is written comes first, so that there is something to read."""
    routes = sorted(CHARGING_ROUTES.items(), key=lambda each: each[0].startswith("GET"))
    return {
        name: Request(route.path, b"" if route.body is None else route.body)
        for name, route in routes
    }
