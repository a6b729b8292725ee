"""Who may do what, written down: what each route answers each identity.

>>> expected(MATRIX["POST /v1/write"], "reader")
403

Each domain has a module of its own beside this one.
"""

from __future__ import annotations

from typing import Any

from tests.support.access.cases import WHO, Case
from tests.support.access.charging_access import charging
from tests.support.access.core_access import core
from tests.support.access.energy_access import energy
from tests.support.access.prometheus_access import prometheus
from tests.support.access.rewards_access import rewards
from tests.support.access.swaps_access import swaps
from tests.support.swaps.page_routes import PAGE_ROUTES


def pages() -> dict[str, Case]:
    """Pages, where a session counts and no token does."""
    found = {}
    for name, (path, status) in PAGE_ROUTES.items():
        statuses: dict[str, Any] = dict.fromkeys((*WHO, "nobody"), status)
        found[name] = Case(path, b"", **statuses)
    return found


MATRIX: dict[str, Case] = {
    **core(),
    **prometheus(),
    **rewards(),
    **swaps(),
    **energy(),
    **charging(),
    **pages(),
}
