"""Every route of pages on the main port, and what a program gets there that has no session.

psd's own are shown to anybody where no token is needed, and what runs to browsers alone.

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

_ACTIVITY = "/users/{uid}/activities/{aid}"
_OWN_SHOWN = ("/", "/boards/", "/boards/{name}", "/board")
_USERS_SHOWN = ("/users/", "/users/{uid}", "/users/{uid}/chart", _ACTIVITY)
_OPS_SENT = tuple(
    f"/ops/{path}"
    for path in (
        *("dead-letters/", "dead-letters/{letter}", "audits/", "imports/{import}"),
        *("tokens/", "tokens/{mark}"),
    )
)
_OPS_SHOWN = (
    *("/ops/", "/ops/audits/{audit}", "/ops/imports/", "/ops/settings/", "/ops/slow-scripts/"),
    *_OPS_SENT,
)
_USERS_FILES = ("user.js", "uPlot.iife.min.js", "uPlot.min.css")

_ENERGY_SHOWN = ("/", "/meters/{meter}/", "/meters/{meter}/plans", "/upload")

_REWARDS_SHOWN = (
    *("/", "/find", "/streaks", "/at-risk", "/what-if"),
    *("/vehicles/{vehicle}/", "/owners/{owner}/"),
)


def _signing_in(site: str) -> dict[str, tuple[str, int]]:
    """A form without the token of its session is refused."""
    return {
        f"GET {site}/auth/login": (f"{site}/auth/login", 200),
        f"POST {site}/auth/login": (f"{site}/auth/login", 400),
        f"GET {site}/auth/logout": (f"{site}/auth/logout", 302),
        f"GET {site}/static/style.css": (f"{site}/static/style.css", 200),
        f"GET {site}/static/icon.svg": (f"{site}/static/icon.svg", 200),
        f"GET {site}/static/live.js": (f"{site}/static/live.js", 200),
    }


def _led_to_sign_in(site: str, method: str, path: str) -> tuple[str, tuple[str, int]]:
    parts = {"id": "1", "meter": "m-1", "name": "june", "uid": "7", "aid": "41"}
    parts |= {"vehicle": "7", "owner": "42"}
    parts |= {"letter": "1", "audit": "1", "import": "1", "mark": "9f86"}
    somewhere = path.format_map(parts)
    return f"{method} {site}{path}", (f"{site}{somewhere}", 302)


_WATCHED = {
    "GET /watch": ("/watch?wait=0", 401),
    "GET /boards/{name}/watch": ("/boards/june/watch?wait=0", 401),
    "GET /board/watch": ("/board/watch?wait=0", 401),
    "GET /users/{uid}/watch": ("/users/7/watch?wait=0", 401),
}

PAGE_ROUTES: dict[str, tuple[str, int]] = {
    **_signing_in(""),
    **dict(_led_to_sign_in("", "GET", path) for path in _OWN_SHOWN),
    "GET /": ("/", 404),
    "GET /static/copy.js": ("/static/copy.js", 200),
    "GET /static/time_machine.js": ("/static/time_machine.js", 200),
    **dict(_led_to_sign_in("", "GET", path) for path in _USERS_SHOWN),
    **dict([_led_to_sign_in("", "POST", _ACTIVITY)]),
    **{f"GET /static/{name}": (f"/static/{name}", 200) for name in _USERS_FILES},
    **dict(_led_to_sign_in("", "GET", path) for path in _OPS_SHOWN),
    **dict(_led_to_sign_in("", "POST", path) for path in _OPS_SENT),
    **_WATCHED,
    **_signing_in("/swaps"),
    **dict(_led_to_sign_in("/swaps", "GET", path) for path in _SHOWN),
    **dict(_led_to_sign_in("/swaps", "POST", path) for path in _SENT),
    **_signing_in("/rewards"),
    **dict(_led_to_sign_in("/rewards", "GET", path) for path in _REWARDS_SHOWN),
    **_signing_in("/energy"),
    **dict(_led_to_sign_in("/energy", "GET", path) for path in _ENERGY_SHOWN),
    **dict([_led_to_sign_in("/energy", "POST", "/upload")]),
    "GET /energy/meters/{meter}/watch": ("/energy/meters/m-1/watch", 401),
}
"""By method and pattern: a path, and the status whatever token is shown."""

OPEN_PAGES = frozenset(
    {
        *_WATCHED,
        *(f"GET {path}" for path in (*_OWN_SHOWN, *_USERS_SHOWN, *_OPS_SHOWN)),
        *(f"GET /rewards{path}" for path in _REWARDS_SHOWN if path != "/find"),
    }
)
"""Those that anybody may look at where no token is needed."""
