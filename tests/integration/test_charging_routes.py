"""/v3/charging with what there is to see: who is told what, sessions and OCPI, and the commands."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from psd.charging.sessions.session_store import EarlierBill
from psd.clock import ManualClock
from psd.runtime import Runtime
from psd.users import user_of
from tests.support.charging.charging_routes import CHARGING_ROUTES
from tests.support.charging.yard import CENTS, FINISH_MS, NJ, ended, keep, yard
from tests.support.clients.access import asked_of, bearer, token_for
from tests.support.clients.http import Answer, HttpClient, serving
from tests.support.clients.watching import Watcher
from tests.support.engine import engine_on

NOON_S = FINISH_MS // 1000 + 86_400
OPERATOR = token_for("operator", "admin")
OF_U1 = token_for("of-u1", "read write", frozenset({user_of("u1")}), names=("u1",))
OF_U2 = token_for("of-u2", "read write", frozenset({user_of("u2")}), names=("u2",))
WHO = {"operator": OPERATOR, "u1": OF_U1, "u2": OF_U2}
SETTINGS = {"charging.enabled": True, "queue.kind": "stream", **asked_of(*WHO.values())}
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|\+00:00)?")
SECRETS_OF_U1 = ("u1", "id-1", "id-2", "4988")


class Yard:
    """Requests of the yard's server, each by one who asks."""

    def __init__(self, psd: Runtime, client: HttpClient) -> None:
        self.psd = psd
        self.client = client

    async def ask(
        self, who: str, method: str, path: str, body: dict[str, Any] | None = None
    ) -> Answer:
        sent = b"" if body is None else json.dumps(body).encode()
        headers = bearer(WHO[who].secret)
        kind = "application/json" if sent else ""
        return await self.client.request(method, path, sent, kind, headers)

    async def told(self, path: str, who: str = "operator") -> Any:
        answer = await self.ask(who, "GET", f"/v3/charging{path}")
        assert answer.status == 200, answer.text
        return answer.json()


@pytest.fixture
async def there(redis_url: str) -> AsyncIterator[Yard]:
    """P1 is u1's, who has an account and two sessions; u2 has an account and a session."""
    async with engine_on(redis_url, SETTINGS, ManualClock(NOON_S)) as psd, serving(psd) as client:
        await yard(psd, "u2")
        found = Yard(psd, client)
        for customer in ("u1", "u2"):
            begun = await found.ask(
                "operator", "POST", "/v3/charging/customers", {"customer": customer}
            )
            assert begun.status == 201, begun.text
        wish = CHARGING_ROUTES["POST /v3/charging/plugs/{plug}/requests"]
        assert (await found.ask("u1", "POST", wish.path, wish.body)).status == 201
        yield found


@pytest.mark.parametrize("who", WHO)
async def test_each_route_tells_operators_all_and_customers_what_is_theirs(
    there: Yard, who: str
) -> None:
    for name, route in CHARGING_ROUTES.items():
        answer = await there.ask(who, name.partition(" ")[0], route.path, route.body)
        if who == "operator":
            assert answer.status in (200, 201), f"{name}: {answer.text}"
        elif route.who == "operator":
            assert answer.status == 403, f"{name}: {answer.text}"
        elif who == "u1":
            assert answer.status in (200, 201), f"{name}: {answer.text}"
        else:
            assert answer.status in (200, 403, 404), f"{name}: {answer.text}"
            told = answer.json() if answer.status == 200 else {}
            for secret in SECRETS_OF_U1:
                assert f'"{secret}"' not in json.dumps(told), name


async def test_a_customer_may_ask_for_nobody_else(there: Yard) -> None:
    path = "/v3/charging/plugs/p2/requests"
    refused = await there.ask("u2", "POST", path, {"user_id": "u1", "requested_state": "enable"})
    assert refused.status == 403
    own = await there.ask("u2", "POST", path, {"requested_state": "enable"})
    assert own.json()["status"] == 2
    assert (await there.told("/plugs/p2", "u2"))["state"]["owner_id"] == "u2"
    nobody = await there.ask("operator", "POST", path, {"requested_state": "disable"})
    assert nobody.status == 422
    assert "user_id" in nobody.text


async def test_sessions_are_read_page_by_page_and_by_whose_they_are(there: Yard) -> None:
    found, before = [], ""
    while True:
        page = await there.told(f"/sessions?limit=1{before}")
        found += [row["session_id"] for row in page["data"]]
        if page["next"] is None:
            break
        before = f"&before={page['next']}"
    assert found == ["of-u2", "id-2", "id-1"]
    for query, ids in (
        ("customer=u1", ["id-2", "id-1"]),
        ("plug=p1&site=s1&customer=u2", ["of-u2"]),
        (f"after={FINISH_MS // 1000 - 1}", ["of-u2", "id-2"]),
        (f"after={FINISH_MS // 1000}", ["of-u2"]),
        ("plug=p2", []),
        ("site=s9", []),
    ):
        rows = (await there.told(f"/sessions?{query}"))["data"]
        assert [row["session_id"] for row in rows] == ids, query
    [own] = (await there.told("/plugs/p1/sessions", "u2"))["data"]
    assert (own["session_id"], own["cents"], own["owner_id"]) == ("of-u2", CENTS, "u2")
    wrong = await there.ask("operator", "GET", "/v3/charging/sessions?before=x")
    assert wrong.status == 400
    assert "before" in wrong.text


async def test_sessions_that_end_in_one_millisecond_are_told_once_each(there: Yard) -> None:
    ids = [f"same-{number}" for number in range(7)]
    for id_ in ids:
        await keep(there.psd, ended(id_, "u1", FINISH_MS + 1))
    found, query = [], ""
    while True:
        page = await there.told(f"/customers/u1/sessions?limit=2{query}")
        found += [row["session_id"] for row in page["data"]]
        if page["next"] is None:
            break
        query = f"&before={page['next']}"
    assert found == [*reversed(ids), "id-2", "id-1"]


async def test_a_session_is_a_cdr_and_a_corrected_one_is_credited(there: Yard) -> None:
    id_ = "5f2c8a10-0000-4000-8000-000000000001"
    earlier = (EarlierBill(NJ, CENTS, FINISH_MS),)
    await keep(there.psd, ended(id_, "u1", FINISH_MS + 5000, cents=13, earlier=earlier))
    where = {"address": "1 Dock St", "latitude": "-33.86785", "longitude": "151.20732"}
    put = await there.ask("operator", "PUT", "/v3/charging/sites/s1", where)
    assert put.json()["address"] == "1 Dock St"
    cdr = await there.told(f"/sessions/{id_}?format=ocpi")
    assert cdr["id"] == "5f2c8a10000040008000000000000001-1"
    assert (cdr["session_id"], cdr["currency"], cdr["auth_method"]) == (id_, "AUD", "COMMAND")
    assert (cdr["total_cost"], cdr["total_energy"]) == ({"excl_vat": 0.13}, 0.4335)
    assert cdr["total_time"] == 0.2236
    assert cdr["cdr_token"]["uid"] == cdr["cdr_token"]["contract_id"] == "u1"
    assert cdr["cdr_location"]["coordinates"]["longitude"] == "151.20732"
    [period] = cdr["charging_periods"]
    assert period["dimensions"] == [{"type": "ENERGY", "volume": 0.4335}]
    records = (await there.told("/sessions?format=ocpi&limit=2"))["data"]
    told = [(each["id"], each["total_cost"]["excl_vat"], each.get("credit")) for each in records]
    assert told == [
        ("of-u2", 0.12, None),
        (id_, 0.12, None),
        (f"{id_}-C", -0.12, True),
        (f"{id_.replace('-', '')}-1", 0.13, None),
    ]
    assert records[2]["credit_reference_id"] == id_
    unknown = await there.ask("operator", "GET", "/v3/charging/sites?format=ocpi")
    assert unknown.status == 400


CDR_FIELDS = {
    "country_code": str,
    "party_id": str,
    "id": str,
    "start_date_time": str,
    "end_date_time": str,
    "cdr_token": {
        "country_code": str,
        "party_id": str,
        "uid": str,
        "type": str,
        "contract_id": str,
    },
    "auth_method": str,
    "cdr_location": {
        "id": str,
        "address": str,
        "city": str,
        "country": str,
        "coordinates": {"latitude": str, "longitude": str},
        "evse_uid": str,
        "evse_id": str,
        "connector_id": str,
        "connector_standard": str,
        "connector_format": str,
        "connector_power_type": str,
    },
    "currency": str,
    "charging_periods": [{"start_date_time": str, "dimensions": [{"type": str, "volume": float}]}],
    "total_cost": {"excl_vat": float},
    "total_energy": float,
    "total_time": float,
    "last_updated": str,
}
"""What OCPI 2.2.1 asks for of a CDR, with all that it asks for below."""


def has_all(told: Any, wanted: Any, where: str) -> None:
    if isinstance(wanted, dict):
        for field, each in wanted.items():
            assert field in told, f"{where}.{field}"
            has_all(told[field], each, f"{where}.{field}")
    elif isinstance(wanted, list):
        assert told, where
        for at, each in enumerate(told):
            has_all(each, wanted[0], f"{where}[{at}]")
    else:
        assert isinstance(told, wanted), where
        assert told != "", where


async def test_every_record_has_all_fields_that_ocpi_asks_for(there: Yard) -> None:
    id_ = "5f2c8a10-0000-4000-8000-000000000001"
    earlier = (EarlierBill(NJ, CENTS, FINISH_MS),)
    await keep(there.psd, ended(id_, "u1", FINISH_MS + 5000, cents=13, earlier=earlier))
    records = (await there.told("/sessions?format=ocpi"))["data"]
    assert len(records) == 6
    for record in [*records, await there.told(f"/sessions/{id_}?format=ocpi")]:
        has_all(record, CDR_FIELDS, "cdr")
        assert DATE_TIME.fullmatch(record["start_date_time"])
        assert DATE_TIME.fullmatch(record["end_date_time"])
        assert DATE_TIME.fullmatch(record["last_updated"])


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/sites/s1", {"latitude": "north"}, "latitude"),
        ("/sites/s1/fuses/f1", {"current_limit_a": -1}, "current_limit"),
        ("/sites/s1/fuses/f1", {"parent": "f1"}, "parent"),
        ("/plugs/p1", {"current_limit": "much"}, "current_limit"),
        ("/customers/u1/autotopup", {"threshold_cents": -1}, "threshold_cents"),
        ("/customers/u1/autotopup", {"recharge_value_cents_aud": 0}, "recharge_value_cents_aud"),
    ],
)
async def test_what_is_wrong_with_a_field_is_told_by_its_name(
    there: Yard, path: str, body: dict[str, Any], field: str
) -> None:
    answer = await there.ask("operator", "PUT", f"/v3/charging{path}", body)
    assert answer.status == 422
    assert field in answer.text


async def test_what_is_left_out_of_auto_topup_stays(there: Yard) -> None:
    path = "/v3/charging/customers/u1/autotopup"
    assert (await there.ask("u1", "PUT", path, {"enabled": True})).status == 200
    await there.ask("u1", "PUT", path, {"recharge_value_cents_aud": 3000})
    account = await there.told("/customers/u1", "u1")
    assert account["auto_topup"] == {
        "enabled": True,
        "threshold_cents": 1000,
        "recharge_value_cents_aud": 3000,
    }


async def test_a_plug_that_somebody_has_is_not_commissioned(there: Yard) -> None:
    path = "/v3/charging/sites/s1/commission"
    taken = await there.ask("operator", "POST", path, {"active_plug": "p1"})
    assert taken.json()["status"] == 3
    free = await there.ask("operator", "POST", path, {"active_plug": "p3"})
    assert free.json()["status"] == 2
    assert (await there.told("/plugs/p3"))["state"]["state"] == 20
    elsewhere = await there.ask("operator", "POST", path, {"active_plug": "p9"})
    assert elsewhere.status == 404


async def test_transitions_are_told_the_newest_first(there: Yard) -> None:
    page = await there.told("/plugs/p1/transitions?limit=1")
    [newest] = page["data"]
    assert (newest["state"], newest["from_state"], newest["owner_id"]) == (8, 7, "u1")
    rest = await there.told(f"/plugs/p1/transitions?before={page['next']}")
    assert [(row["from_state"], row["state"]) for row in rest["data"]] == [(0, 7)]
    assert rest["next"] is None


async def test_a_watcher_that_waits_is_told_of_the_next_version(there: Yard) -> None:
    first = await there.ask("u1", "GET", "/v3/charging/plugs/p1/watch?wait=0")
    version = first.headers["Psd-Version"]
    wish = {"requested_state": "disable"}
    await there.ask("u1", "POST", "/v3/charging/plugs/p1/requests", wish)
    path = f"/v3/charging/plugs/p1/watch?wait=30&version={version}"
    changed = await there.ask("u1", "GET", path)
    assert changed.status == 200
    assert changed.json()["state"]["state"] == 17


WATCHED = [name.removeprefix("GET ") for name in CHARGING_ROUTES if name.endswith("/watch")]


@pytest.mark.parametrize("pattern", WATCHED)
async def test_what_is_watched_is_told_as_an_event_at_first_and_with_each_change(
    there: Yard, pattern: str
) -> None:
    path = CHARGING_ROUTES[f"GET {pattern}"].path.partition("?")[0]
    whole = path.removesuffix("/watch")
    operator = bearer(WHO["operator"].secret)
    async with Watcher.of(there.client, path, operator) as watcher:
        first = await watcher.event()
        assert first is not None
        assert first.name == pattern.split("/")[3].removesuffix("s")
        assert first.data == (await there.ask("operator", "GET", whole)).json()
        wish, topup = {"requested_state": "disable"}, "/v3/charging/customers/u1/autotopup"
        asked = await there.ask("u1", "POST", "/v3/charging/plugs/p1/requests", wish)
        assert asked.status == 201, asked.text
        assert (await there.ask("u1", "PUT", topup, {"enabled": True})).status == 200
        changed = await watcher.event()
        assert changed is not None
        assert changed.id != first.id
        assert changed.data != first.data
    assert watcher.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"


async def test_a_customer_who_watches_another_s_plug_is_told_what_he_may_see(there: Yard) -> None:
    path = "/v3/charging/plugs/p1"
    async with Watcher.of(there.client, f"{path}/watch", bearer(WHO["u2"].secret)) as watcher:
        event = await watcher.event()
        assert event is not None
        assert event.data == (await there.ask("u2", "GET", path)).json()
        for secret in SECRETS_OF_U1:
            assert f'"{secret}"' not in json.dumps(event.data)
