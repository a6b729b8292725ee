"""The heaviest of faces, each on a port of its own: by face, then by method and pattern."""

from __future__ import annotations

from collections.abc import Mapping

from psd.charging.payments.webhook_taking import BODY_BYTES_MAX
from psd.energy.joi.joi_bodies import READINGS_MAX
from tests.support.engine import NOON_S
from tests.support.heaviest.page_requests import PAGES
from tests.support.heaviest.request import Request, gets


def _pages_of(site: str) -> dict[str, Request]:
    """The pages of a site, at the root of its face."""
    found = {}
    for name, each in PAGES.items():
        method, _, pattern = name.partition(" ")
        if pattern.startswith(f"{site}/"):
            path = each.path.removeprefix(site)
            found[f"{method} {pattern.removeprefix(site)}"] = Request(
                path, each.body, each.content_type
            )
    return found


def _joi() -> dict[str, Request]:
    readings = [{"time": NOON_S + n, "reading": n % 7 / 10} for n in range(READINGS_MAX)]
    stored = {"smartMeterId": "smart-meter-0", "electricityReadings": readings}
    meter = "smart-meter-0"
    return {
        "POST /readings/store": Request("/readings/store", stored),
        **gets(
            {
                "GET /": "/",
                "GET /health": "/health",
                "GET /readings/read/{meter}": f"/readings/read/{meter}",
                "GET /price-plans/compare-all/{meter}": f"/price-plans/compare-all/{meter}",
                "GET /price-plans/recommend/{meter}": f"/price-plans/recommend/{meter}?limit=2",
                "GET /openapi.json": "/openapi.json",
                "GET /docs": "/docs",
                "GET /redoc": "/redoc",
            }
        ),
    }


_WAYS = {"GET /topup/{customer}": "/topup/u1", "GET /manage/{customer}": "/manage/u1"}


def _payments() -> dict[str, Request]:
    return {
        **_pages_of("/charging"),
        "POST /hook": Request("/hook", b"x" * BODY_BYTES_MAX),
        **gets(_WAYS),
    }


FACES: Mapping[str, Mapping[str, Request]] = {
    "joi": _joi(),
    "swaps": _pages_of("/swaps"),
    "charging": _payments(),
}
"""Every route of every face."""

NO_PAGES = frozenset(
    {
        *(f"joi: {name}" for name in FACES["joi"]),
        *(f"charging: {name}" for name in ("POST /hook", *_WAYS)),
    }
)
"""What of faces is asked without a session."""
