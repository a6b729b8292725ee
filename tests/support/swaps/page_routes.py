"""Every route of pages on the main port, and what a program gets there that has no session.

>>> PAGE_ROUTES["GET /swaps/driver/{id}/"]
('/swaps/driver/1/', 302)
"""

from __future__ import annotations

_SHOWN = (
    "/",
    "/index",
    "/drivers/",
    "/driver/{id}/",
    "/charging_stations/",
    "/charging_station/{id}/",
    "/battery/{id}/",
    "/transactions/new/{id}/",
    "/transactions/edit/{id}/",
)
_SENT = ("/", "/index", "/transactions/new/{id}/", "/transactions/edit/{id}/")

SIGN_IN = {
    "GET /swaps/auth/login": ("/swaps/auth/login", 200),
    "POST /swaps/auth/login": ("/swaps/auth/login", 400),
    "GET /swaps/auth/logout": ("/swaps/auth/logout", 302),
    "GET /swaps/static/style.css": ("/swaps/static/style.css", 200),
    "GET /swaps/static/icon.svg": ("/swaps/static/icon.svg", 200),
}
"""A form without the token of its session is refused."""


def _led_to_sign_in(method: str, path: str) -> tuple[str, tuple[str, int]]:
    return f"{method} /swaps{path}", (f"/swaps{path.replace('{id}', '1')}", 302)


PAGE_ROUTES: dict[str, tuple[str, int]] = {
    **SIGN_IN,
    **dict(_led_to_sign_in("GET", path) for path in _SHOWN),
    **dict(_led_to_sign_in("POST", path) for path in _SENT),
}
"""By method and pattern: a path, and the status whatever token is shown."""
