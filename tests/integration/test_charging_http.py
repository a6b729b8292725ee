"""/v3/charging where it is enabled, and what workers and a replay do with messages of plugs."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from psd.charging.accounts.ledger_entries import LedgerEntry
from psd.charging.charging_changes import Announcement, PlugRequest, PlugTaken, Telemetry
from psd.charging.part import ChargingPart
from psd.charging.plugs.plug_keeper import PlugKeeper
from psd.charging.plugs.plug_readings import PlugReading
from psd.charging.plugs.replayed_readings import ReplayedReadings
from psd.charging.plugs.states import PlugState
from psd.clock import ManualClock
from psd.engine.outcomes import UNCHANGED
from psd.runtime import Runtime
from tests.support.clients.http import Answer, HttpClient, serving
from tests.support.engine import engine_on

NOON_S = 1_723_939_200
ENABLED = {"charging.enabled": True, "queue.kind": "stream"}


@contextlib.asynccontextmanager
async def site_on(url: str) -> AsyncIterator[tuple[Runtime, ManualClock, HttpClient]]:
    """A site with a plug of nobody behind a fuse of 32 A, and a server."""
    clock = ManualClock(NOON_S)
    async with engine_on(url, ENABLED, clock) as psd, serving(psd) as client:
        services = psd.part(ChargingPart).services
        await services.sites.announce(Announcement(NOON_S, "s1", ("p1",), ("f1",)))
        await services.store.set("s1", "fuse:f1", {"limit_ma": 32_000, "name": "left"})
        await services.store.set("s1", "plug:p1", {"limit_ma": 16_000})
        reading = PlugTaken("p1", PlugReading(NOON_S * 1000, 500, 240_000), 2, 0.9, "f1")
        await services.sites.take(Telemetry(NOON_S, "s1", (reading,)))
        await tick(psd, clock)
        yield psd, clock, client


async def tick(psd: Runtime, clock: ManualClock, seconds: int = 1) -> None:
    services = psd.part(ChargingPart).services
    for _ in range(seconds):
        clock.advance(1)
        due = await services.store.due(["s1"], clock.now_ms())
        await services.clock.look(due, clock.now_ms())


async def ask(client: HttpClient, path: str) -> Any:
    answer = await client.get(f"/v3/charging{path}")
    assert answer.status == 200, answer.text
    return answer.json()


async def wished(client: HttpClient, wish: dict[str, Any]) -> Answer:
    body = json.dumps(wish).encode()
    return await client.request("POST", "/v3/charging/plugs/p1/requests", body, "application/json")


async def test_a_plug_and_its_site_have_the_original_s_names_for_their_fields(
    redis_url: str,
) -> None:
    async with site_on(redis_url) as (_, clock, client):
        assert await ask(client, "/sites") == {"data": ["s1"]}
        plug = await ask(client, "/plugs/p1")
        assert (plug["id"], plug["site_id"], plug["state"]["state"]) == ("p1", "s1", 7)
        assert plug["possible_next_states"] == [8]
        assert plug["possible_next_states_labels"] == ["Enable Socket"]
        assert plug["latest_reading"] == {
            "state": 2,
            "current": 0.5,
            "voltage": 240.0,
            "power_factor": 0.9,
            "timestamp_ms": NOON_S * 1000,
            "plug_id": "p1",
            "fuze_id": "f1",
        }
        clock.advance(30)
        assert (await ask(client, "/plugs/p1"))["latest_reading"]["state"] == 3, "MIA"
        site = await ask(client, "/sites/s1")
        assert [each["id"] for each in site["plugs"]] == ["p1"]
        [own, fuse] = site["fuses"]
        assert (own["id"], fuse["id"], fuse["name"]) == ("", "f1", "left")
        assert (fuse["current_limit"], fuse["state"], fuse["queue"]) == (32.0, 1, [])


async def test_a_plug_past_its_own_limit_is_overcurrent_and_a_fuse_past_its_is_limiting(
    redis_url: str,
) -> None:
    async with site_on(redis_url) as (psd, clock, client):
        services = psd.part(ChargingPart).services

        async def shown(ma: int) -> tuple[int, int]:
            """The states of the plug's newest reading and of its fuse."""
            clock.advance(2)
            reading = PlugTaken("p1", PlugReading(clock.now_ms(), ma, 240_000), 1, 1.0, "f1")
            await services.sites.take(Telemetry(clock.now_s(), "s1", (reading,)))
            plug, site = await ask(client, "/plugs/p1"), await ask(client, "/sites/s1")
            return plug["latest_reading"]["state"], site["fuses"][1]["state"]

        assert await shown(16_000) == (1, 1)
        assert await shown(16_001) == (4, 1)
        assert await shown(32_001) == (4, 2)
        assert await shown(0) == (1, 1)


async def test_a_fuse_is_limiting_while_somebody_waits(redis_url: str) -> None:
    async with site_on(redis_url) as (psd, clock, client):
        services = psd.part(ChargingPart).services
        await services.store.set("s1", "fuse:f1", {"limit_ma": 16_000})
        drawing = PlugTaken("p1", PlugReading(clock.now_ms(), 1_000, 240_000), 1, 1.0, "f1")
        await services.sites.take(Telemetry(clock.now_s(), "s1", (drawing,)))
        await psd.part(ChargingPart).desk.begin("u1")
        entry = LedgerEntry(id="opening/1", kind="opening", cents=100, at_ms=clock.now_ms())
        await psd.part(ChargingPart).desk.post("u1", entry)
        assert (await wished(client, {"user_id": "u1", "requested_state": "enable"})).status == 201
        await tick(psd, clock, 4)
        [_, fuse] = (await ask(client, "/sites/s1"))["fuses"]
        assert (fuse["state"], fuse["queue"], fuse["current"]) == (2, ["p1"], 1.0)
        assert (await ask(client, "/plugs/p1"))["state_machine_details"]["queue_position"] == 1


async def test_a_plug_that_is_silent_for_30_s_is_shown_so_and_stays_what_it_was(
    redis_url: str,
) -> None:
    async with site_on(redis_url) as (psd, clock, client):
        before = (await psd.part(ChargingPart).services.store.view("s1")).plugs
        await tick(psd, clock, NOON_S + 30 - clock.now_s())
        assert (await ask(client, "/plugs/p1"))["latest_reading"]["state"] == 2
        await tick(psd, clock)
        silent = await ask(client, "/plugs/p1")
        assert (silent["latest_reading"]["state"], silent["state"]["state"]) == (3, 7)
        assert (await psd.part(ChargingPart).services.store.view("s1")).plugs == before


async def test_a_request_is_answered_at_once_and_done_once(redis_url: str) -> None:
    async with site_on(redis_url) as (psd, clock, client):
        wish = {"id": "r1", "user_id": "u1", "requested_state": "enable"}
        answers = [await wished(client, wish) for _ in range(2)]
        assert [answer.json()["status"] for answer in answers] == [2, 2]
        assert answers[0].json() == answers[1].json()
        refused = await wished(client, {"user_id": "u2", "requested_state": 17})
        assert refused.json()["status"] == 3
        assert refused.json()["reason"] == "User u2 does not control the plug"
        details = (await ask(client, "/plugs/p1"))["state_machine_details"]
        assert details["current_owner"] == "u1"
        await tick(psd, clock, 2)
        assert (await ask(client, "/plugs/p1"))["state"]["state"] == 23, "nobody has an account"


@pytest.mark.parametrize("path", ["/plugs/p9", "/sites/s9"])
async def test_what_is_not_there_is_404(redis_url: str, path: str) -> None:
    async with site_on(redis_url) as (_, _clock, client):
        assert (await client.get(f"/v3/charging{path}")).status == 404


async def test_a_replay_steps_no_plug(redis_url: str) -> None:
    async with site_on(redis_url) as (psd, _, _client):
        services = psd.part(ChargingPart).services
        replayed = ReplayedReadings(services, psd.clock, late_max_s=86_400)
        keeper = PlugKeeper(services.sites, services.store, frozenset(), replayed=replayed)
        request = PlugRequest(NOON_S, "r1", "p1", "u1", "enable", NOON_S * 1000)
        assert await keeper.keep([request]) == [UNCHANGED]
        assert (await services.store.view("s1")).plugs["p1"].place is PlugState.ACCOUNT_NULL
