"""The heaviest about the ledger of swaps."""

from __future__ import annotations

from tests.support.engine import NOON_S
from tests.support.heaviest.heavy_domains import FIRST_SWAP, heavy_swap
from tests.support.heaviest.request import Request


def asked() -> dict[str, Request]:
    """A page of each listing, one of each thing that is added, and the oldest swap corrected."""
    root, pattern = "/v3/swaps/main", "/v3/swaps/{network}"
    objects: dict[str, tuple[dict[str, object], dict[str, object]]] = {
        "stations": ({"name": "S1"}, {"name": "HS0, by the church"}),
        "batteries": ({"serial": "B1", "capacity": 200, "station": "S1"}, {"capacity": 300}),
        "vehicles": ({"vin": "V1"}, {"vin": "HV0, blue"}),
        "drivers": (
            {"phone": "D1", "vehicle": "V1", "started": NOON_S},
            {"phone": "HD0, Ann"},
        ),
    }
    found: dict[str, Request] = {}
    for kind, (said, _) in objects.items():
        found[f"POST {pattern}/{kind}"] = Request(f"{root}/{kind}", said)
    swap = {"id": "a", "driver": "D1", "station": "S1", "battery_out": "B1", "odometer": 1}
    swap |= {"battery_in_energy": 0, "battery_out_energy": 9, "date": NOON_S}
    found[f"POST {pattern}/transactions"] = Request(f"{root}/transactions", swap)
    for kind, (_, changed) in objects.items():
        found[f"PUT {pattern}/{kind}/{{id}}"] = Request(f"{root}/{kind}/1", changed)
    wrong = f"{root}/transactions/{FIRST_SWAP}"
    names = {"driver": 1, "station": 1, "battery_out": 1}
    fix = heavy_swap(0) | {"id": "b", "odometer": 41} | names
    found[f"POST {pattern}/transactions/{{n}}/corrections"] = Request(f"{wrong}/corrections", fix)
    for path in ("drivers", "stations", "batteries", "events"):
        found[f"GET {pattern}/{path}"] = Request(f"{root}/{path}?limit=1000")
    for path in ("drivers", "stations", "batteries"):
        found[f"GET {pattern}/{path}/{{id}}"] = Request(f"{root}/{path}/1")
        listed = f"{root}/{path}/1/transactions?limit=1000"
        found[f"GET {pattern}/{path}/{{id}}/transactions"] = Request(listed)
    found[f"GET {pattern}"] = Request(f"{root}?limit=1000")
    found[f"GET {pattern}/watch"] = Request(f"{root}/watch?limit=1000&wait=0")
    days = f"{root}/drivers/1/days?start=2010-01-01&end=2020-01-01"
    found[f"GET {pattern}/drivers/{{id}}/days"] = Request(days)
    found[f"GET {pattern}/vehicles/{{id}}"] = Request(f"{root}/vehicles/1")
    found[f"GET {pattern}/transactions/{{n}}"] = Request(wrong)
    return found
