"""Who may do what to the ledger of swaps."""

from __future__ import annotations

from tests.support.access.cases import (
    Case,
    booking_of_vehicles,
    for_all_owners,
    reading_of_vehicles,
)


def swaps() -> dict[str, Case]:
    """The ledger of swaps, in which there is nothing; drivers are owners, all else is nobody's."""
    root, pattern = "/v3/swaps/main", "/v3/swaps/{network}"
    found = {
        f"GET {pattern}": for_all_owners(root),
        f"GET {pattern}/watch": for_all_owners(f"{root}/watch?wait=0"),
        f"GET {pattern}/drivers": reading_of_vehicles(f"{root}/drivers", 200),
        f"GET {pattern}/transactions/{{n}}": reading_of_vehicles(f"{root}/transactions/1", 404),
        f"GET {pattern}/stations": for_all_owners(f"{root}/stations"),
        f"GET {pattern}/batteries": for_all_owners(f"{root}/batteries"),
        f"GET {pattern}/events": for_all_owners(f"{root}/events"),
        f"GET {pattern}/vehicles/{{id}}": for_all_owners(f"{root}/vehicles/1", status=404),
        f"POST {pattern}/transactions": booking_of_vehicles(f"{root}/transactions", b"", 400),
        f"POST {pattern}/transactions/{{n}}/corrections": booking_of_vehicles(
            f"{root}/transactions/1/corrections", b"", 400
        ),
    }
    for more in ("", "/days", "/transactions"):
        path = f"{root}/drivers/1{more}"
        found[f"GET {pattern}/drivers/{{id}}{more}"] = reading_of_vehicles(path, 404)
    for kind in ("stations", "batteries"):
        for more in ("", "/transactions"):
            path = f"{root}/{kind}/1{more}"
            found[f"GET {pattern}/{kind}/{{id}}{more}"] = for_all_owners(path, status=404)
    for kind in ("drivers", "stations", "batteries", "vehicles"):
        path = f"{root}/{kind}"
        found[f"POST {pattern}/{kind}"] = booking_of_vehicles(path, b"", 400)
        found[f"PUT {pattern}/{kind}/{{id}}"] = booking_of_vehicles(f"{path}/1", b"", 400)
    return found
