"""The heaviest that one authorised request may hold, route by route, against one heavy owner.

What a route costs follows from what it names and from what owner 1 has, so the requests name as
much as is allowed and owner 1 has all that is dear::

    HEAVIEST["POST /v3/events"].body       # 5,000 events of owner 1, all late
    await book(psd, heavy_owner(20_000))   # heavy_owners.py
"""

from __future__ import annotations

from tests.support.heaviest import (
    board_requests,
    charging_requests,
    core_requests,
    energy_requests,
    operations_requests,
    page_requests,
    prometheus_requests,
    rewards_requests,
    swaps_requests,
)
from tests.support.heaviest.request import Request

HEAVIEST: dict[str, Request] = {
    **core_requests.writes(),
    **rewards_requests.writes(),
    **energy_requests.writes(),
    **core_requests.asked(),
    **board_requests.asked(),
    **prometheus_requests.asked(),
    **swaps_requests.asked(),
    **charging_requests.asked(),
    **operations_requests.asked(),
    **rewards_requests.asked(),
    **energy_requests.asked(),
    **core_requests.of_the_server(),
    **page_requests.PAGES,
    # Last: nothing is left of a board, and of the owner with the most keys.
    **board_requests.taken_away(),
    "DELETE /v3/users/{uid}": Request("/v3/users/1"),
}
"""Every route, by its method and pattern."""
