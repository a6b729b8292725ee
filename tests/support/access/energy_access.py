"""Who may do what about meters, plans and prices."""

from __future__ import annotations

from tests.support.access.cases import Case, booking_of_vehicles, for_all_owners

READINGS = b'[{"command":"power","power":{"meter":"m-1","points":[[1606636800,1]]}}]'


def energy() -> dict[str, Case]:
    """Meters and plans, of which there is none."""
    return {
        "POST /v3/energy/readings": booking_of_vehicles("/v3/energy/readings", READINGS),
        "POST /v3/energy/imports": booking_of_vehicles(
            "/v3/energy/imports?format=csv&meter=m-9", b"start,value\n", 200
        ),
        "GET /v3/energy/meters": for_all_owners("/v3/energy/meters"),
        "GET /v3/energy/meters/{meter}": for_all_owners("/v3/energy/meters/nobody", status=404),
        "PUT /v3/energy/meters/{meter}": booking_of_vehicles("/v3/energy/meters/nobody", b"", 400),
        "GET /v3/energy/meters/{meter}/readings": for_all_owners(
            "/v3/energy/meters/nobody/readings", status=404
        ),
        "GET /v3/energy/meters/{meter}/watch": for_all_owners(
            "/v3/energy/meters/nobody/watch?wait=0", status=404
        ),
        **{
            f"GET /v3/energy/meters/{{meter}}/{asked}": for_all_owners(
                f"/v3/energy/meters/nobody/{asked}?start=0", status=404
            )
            for asked in ("cost", "compare", "recommend")
        },
        "GET /v3/energy/plans": for_all_owners("/v3/energy/plans"),
        "GET /v3/energy/plans/{plan}": for_all_owners("/v3/energy/plans/none", status=404),
        "PUT /v3/energy/plans/{plan}": booking_of_vehicles("/v3/energy/plans/none", b"", 400),
        "DELETE /v3/energy/plans/{plan}": booking_of_vehicles("/v3/energy/plans/none", b"", 404),
        "GET /v3/energy/prices": for_all_owners("/v3/energy/prices"),
        "GET /v3/energy/prices/{series}": for_all_owners(
            "/v3/energy/prices/none?start=0&end=9", status=404
        ),
        "PUT /v3/energy/prices/{series}": booking_of_vehicles("/v3/energy/prices/none", b"", 400),
        "GET /v3/energy/carbon/{region}": for_all_owners(
            "/v3/energy/carbon/none?start=0&end=9", status=404
        ),
        "PUT /v3/energy/carbon/{region}": booking_of_vehicles("/v3/energy/carbon/none", b"", 400),
        "GET /v3/energy/meters/{meter}/usage": for_all_owners(
            "/v3/energy/meters/nobody/usage?start=0", status=404
        ),
    }
