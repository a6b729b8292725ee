"""The heaviest about the ledger of swaps."""

from __future__ import annotations

from tests.support.engine import NOON_S
from tests.support.heaviest.request import Request


def asked() -> dict[str, Request]:
    """A page of each listing, and one of each thing that is added, in the order in which it is."""
    root, pattern = "/v3/swaps/main", "/v3/swaps/{network}"
    objects: dict[str, dict[str, object]] = {
        "stations": {"name": "S1"},
        "batteries": {"serial": "B1", "capacity": 200, "station": "S1"},
        "vehicles": {"vin": "V1"},
        "drivers": {"phone": "D1", "vehicle": "V1", "started": NOON_S},
    }
    found: dict[str, Request] = {}
    for kind, said in objects.items():
        found[f"POST {pattern}/{kind}"] = Request(f"{root}/{kind}", said)
        found[f"PUT {pattern}/{kind}/{{id}}"] = Request(f"{root}/{kind}/1", said)
    swap = {"id": "a", "driver": "D1", "station": "S1", "battery_out": "B1", "odometer": 1}
    swap |= {"battery_in_energy": 0, "battery_out_energy": 9, "date": NOON_S}
    found[f"POST {pattern}/transactions"] = Request(f"{root}/transactions", swap)
    fix = swap | {"id": "b", "odometer": 2}
    path = f"{root}/transactions/5/corrections"
    found[f"POST {pattern}/transactions/{{n}}/corrections"] = Request(path, fix)
    for path in ("drivers", "stations", "batteries", "events"):
        found[f"GET {pattern}/{path}"] = Request(f"{root}/{path}?limit=1000")
    for path in ("drivers", "stations", "batteries"):
        found[f"GET {pattern}/{path}/{{id}}"] = Request(f"{root}/{path}/1")
        listed = f"{root}/{path}/1/transactions?limit=1000"
        found[f"GET {pattern}/{path}/{{id}}/transactions"] = Request(listed)
    found[f"GET {pattern}"] = Request(f"{root}?limit=1000")
    found[f"GET {pattern}/watch"] = Request(f"{root}/watch?limit=1000&wait=0")
    found[f"GET {pattern}/drivers/{{id}}/days"] = Request(f"{root}/drivers/1/days")
    found[f"GET {pattern}/vehicles/{{id}}"] = Request(f"{root}/vehicles/1")
    found[f"GET {pattern}/transactions/{{n}}"] = Request(f"{root}/transactions/5")
    return found
