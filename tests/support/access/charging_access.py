"""Who may do what about accounts of customers, and about sites and their plugs."""

from __future__ import annotations

from tests.support.access.cases import Case, reading_of_vehicles


def accounts() -> dict[str, Case]:
    """Accounts, of which there is none: whoever is somebody else is told so in the same words."""
    root, pattern = "/v3/charging/customers/1", "/v3/charging/customers/{customer}"
    return {
        f"GET {pattern}{more}": reading_of_vehicles(f"{root}{more}", 404)
        for more in ("", "/ledger")
    }
