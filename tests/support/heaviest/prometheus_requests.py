"""The heaviest by Prometheus's read API."""

from __future__ import annotations

from tests.support.clients.http import FORM
from tests.support.engine import DAY_S, NOON_S
from tests.support.heaviest.request import Request


def asked() -> dict[str, Request]:
    """Each route by a link, and by a form where it takes one."""
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
