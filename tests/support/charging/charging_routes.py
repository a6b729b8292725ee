"""Every route of /v3/charging, and a request of it that something can be answered to.

>>> CHARGING_ROUTES["PUT /v3/charging/sites/{site}/fuses/{fuse}"].path
'/v3/charging/sites/s1/fuses/f1'
"""

from __future__ import annotations

from typing import Any

import msgspec

ROOT = "/v3/charging"

GOOD_PARTS = {
    "site": "s1",
    "plug": "p1",
    "fuse": "f1",
    "session": "id-2",
    "customer": "u1",
}


class ChargingRoute(msgspec.Struct, frozen=True):
    """A request; ``who`` may ask it: ``operator``, or ``customer`` too."""

    path: str
    who: str
    body: dict[str, Any] | None = None


def _all() -> dict[str, ChargingRoute]:
    found: dict[str, ChargingRoute] = {}

    def add(
        method: str, pattern: str, who: str, body: dict[str, Any] | None = None, query: str = ""
    ) -> None:
        path = pattern
        for name, value in GOOD_PARTS.items():
            path = path.replace(f"{{{name}}}", value)
        found[f"{method} {ROOT}{pattern}"] = ChargingRoute(ROOT + path + query, who, body)

    add("GET", "/sites", "operator")
    for pattern in ("/sites/{site}", "/sites/{site}/watch"):
        add("GET", pattern, "operator", query="?wait=0" if pattern.endswith("watch") else "")
    for pattern in ("/plugs/{plug}", "/plugs/{plug}/watch"):
        add("GET", pattern, "customer", query="?wait=0" if pattern.endswith("watch") else "")
    add("GET", "/plugs/{plug}/readings", "operator", query="?limit=5000")
    add("GET", "/plugs/{plug}/transitions", "operator", query="?limit=1000")
    add("GET", "/plugs/{plug}/sessions", "customer", query="?limit=1000")
    add("GET", "/sessions", "customer", query="?limit=1000")
    add("GET", "/sessions/{session}", "customer")
    for more in ("", "/watch", "/ledger", "/sessions"):
        query = {"/watch": "?wait=0", "": ""}.get(more, "?limit=1000")
        add("GET", f"/customers/{{customer}}{more}", "customer", query=query)
    documents = {
        "plug_status": ("p1", "customer"),
        "plug_settings": ("p1", "operator"),
        "site_settings": ("s1", "operator"),
        "user_requests": ("r1", "operator"),
        "sessions": ("id-2", "customer"),
        "customer_balances": ("u1", "customer"),
        "autotopup_preferences": ("u1", "customer"),
        "stripe_customers": ("u1", "customer"),
    }
    for collection, (id_, who) in documents.items():
        path = f"{ROOT}/documents/{collection}"
        found[f"GET {path}/{{id}}"] = ChargingRoute(f"{path}/{id_}", who)
    wish = {"user_id": "u1", "requested_state": "enable", "id": "r1"}
    add("POST", "/plugs/{plug}/requests", "customer", wish)
    add("PUT", "/plugs/{plug}", "operator", {"name": "left", "current_limit": 16})
    add("PUT", "/sites/{site}/fuses/{fuse}", "operator", {"current_limit_a": 32, "parent": "main"})
    add("PUT", "/sites/{site}", "operator", {"name": "Yard", "current_limit": 63})
    add("POST", "/sites/{site}/commission", "operator", {"active_plug": "p3"})
    add("POST", "/customers", "customer", {"customer": "u1", "email": "a@example.com"})
    topup = {"enabled": True, "threshold_cents": 1000, "recharge_value_cents_aud": 2000}
    add("PUT", "/customers/{customer}/autotopup", "customer", topup)
    return found


CHARGING_ROUTES = _all()
