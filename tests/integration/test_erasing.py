"""Erasing a user: nothing is left of her, and nobody else loses anything."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from psd.archive.entries import Entry
from psd.archive.messages import metrics_entries
from psd.archive.reader import read_entries
from psd.client import AsyncClient
from psd.engine.event_fields import MetricFields
from psd.runtime import Runtime
from psd.store.keys import names_key, names_shard
from psd.users import user_of
from tests.support.clients.http import HttpClient, serving
from tests.support.engine import EVER, NOON_S, engine_on
from tests.support.stored.audits import verified
from tests.support.stored.held_columns import columns_of
from tests.support.stored.keyspace import contents
from tests.support.stored.placements import STORED

ALICE, BOB = "alice@example.com", "bob@example.com"
UID = user_of(ALICE)
WEEK = {"kind": "fixed", "start": "2016-04-11", "end": "2016-04-18"}


def metric(user: str | int, value: int, aid: int = 3, ts2: int = NOON_S) -> MetricFields:
    return MetricFields("steps", user, 2, aid, value, ts2, ts2)


async def accepted(psd: Runtime, *metrics: MetricFields) -> list[str]:
    now_ms = psd.clock.now_ms()
    reports = [psd.rules.report(each, now_ms // 1000) for each in metrics]
    outcomes = await psd.intake.accept(reports, lambda: metrics_entries(now_ms, metrics))
    return [each.status for each in outcomes]


async def total(psd: Runtime, user: str | int) -> int:
    [owner] = await psd.engine.sums([user_of(user)], [1], [EVER])
    return owner.sums[1]


async def whatever_tells_of(psd: Runtime, name: str) -> list[bytes]:
    """Keys whose name or content has the name or the number of a user, but the mark of erasures."""
    found = []
    client = psd.store.client
    number = user_of(name)
    sought = (name.encode(), str(number).encode(), number.to_bytes(8, "big", signed=True))
    for key in await client.keys("*"):
        content = await client.dump(key)
        kind = await client.type(key)
        if kind == b"hash":
            content = b"".join(b"".join(pair) for pair in (await client.hgetall(key)).items())
        elif kind == b"set":
            content = b" ".join(await client.smembers(key))
        elif kind == b"string":
            content = await client.get(key)
        if key != b"psd:erasures:{erasures}" and any(s in key or s in content for s in sought):
            found.append(key)
    return found


pytestmark = pytest.mark.psd(archives=True)


@pytest.fixture(autouse=True)
def others_of_an_erasure() -> None:
    """Processes that look at the store only so often: an erasure waits for them."""


async def test_all_of_a_user_goes_and_nothing_of_others(psd: Runtime, redis_url: str) -> None:
    days = [metric(ALICE, 10 + day, day, NOON_S + 86_400 * day) for day in range(40)]
    await accepted(psd, *days, metric(BOB, 20), metric(7, 30), metric(str(UID), 5, 99))
    await psd.engine.names.names([UID])
    before = await total(psd, BOB)
    done = await psd.erasing.erase(UID, "ops", "she asked", ALICE)
    assert done.keys > 4
    assert await whatever_tells_of(psd, ALICE) == []
    assert await total(psd, ALICE) == 0
    assert (await total(psd, BOB), await total(psd, 7)) == (before, 30)
    told = columns_of(await contents(psd.store.client))
    assert {uid for owners in told.values() for uid in owners} == {user_of(BOB), 7}
    assert await psd.engine.population(1) == sorted([7, user_of(BOB)])
    assert (await verified(redis_url)).exit_code == 0
    again = await psd.erasing.erase(UID, "ops", "", ALICE)
    assert (again.keys, again.boards) == (0, 0)


async def test_boards_forget_a_user_and_finals_keep_the_places_of_the_others(psd: Runtime) -> None:
    await accepted(psd, metric(ALICE, 30), metric(BOB, 20))
    async with serving(psd) as client, AsyncClient(client.url) as asking:
        window = {"start": "2016-04-12", "end": "2016-04-13"}
        body = {"thing": "steps", "window": WEEK, "members": [ALICE, BOB, 7]}
        rounds = {"windows": [window], "order": [BOB, ALICE]}
        for name, made in (
            ("april", body),
            ("cup", {**body, "members": [ALICE, BOB], "rounds": rounds}),
        ):
            content = msgspec.json.encode(made)
            path = f"/v3/boards/{name}"
            assert (await client.request("PUT", path, content, "application/json")).status == 201
            assert (await client.request("POST", f"{path}/final")).status == 201
        erased = await asking.erase_user(ALICE, "asked")
        assert (erased.uid, erased.status, erased.boards) == (ALICE, "erased", 2)
        members = (await client.get("/v3/boards/april/members")).json()["data"]
        assert {row["uid"] for row in members} == {BOB, "7"}
        final = (await client.get("/v3/boards/april/final")).json()["data"]
        assert [(row["rank"], row["value"]) for row in final] == [(1, 30), (2, 20), (3, 0)]
        assert final[1]["uid"] == BOB
        assert final[0]["uid"] not in (ALICE, str(UID))
        cup = (await client.get("/v3/boards/cup/final")).json()
        assert cup["champion"] == final[0]["uid"] or cup["champion"].isdecimal()
        assert (await client.get("/v3/boards/cup")).json()["rounds"]["order"] == [BOB]
    assert await whatever_tells_of(psd, ALICE) == []


async def test_what_comes_afterwards_begins_anew_also_in_another_process(
    psd: Runtime, redis_url: str
) -> None:
    async with engine_on(redis_url) as other:
        for process in (psd, other):
            await accepted(process, metric(ALICE, 30), metric(ALICE, 5, 4))
        await psd.erasing.erase(UID, "ops", "", ALICE)
        assert await accepted(other, metric(ALICE, 8)) == ["booked"]
        assert await total(psd, ALICE) == 8
        assert await other.engine.population(1) == [UID]
        held = await psd.store.client.hget(names_key(names_shard(UID), "user"), str(UID))
        assert held == ALICE.encode()
    assert (await verified(redis_url)).exit_code == 0


async def test_who_is_booked_for_while_she_is_erased_is_whole_afterwards(
    psd: Runtime, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await accepted(psd, *(metric(ALICE, 10, aid, NOON_S + 3600 * aid) for aid in range(300)))
    keys = psd.erasing._keys
    delete = keys.delete

    async def meanwhile(names: list[str]) -> None:
        half = len(names) // 2
        await delete(names[:half])
        await accepted(psd, metric(ALICE, 77, 1000), metric(ALICE, 1, 5, NOON_S + 5 * 3600))
        await delete(names[half:])

    monkeypatch.setattr(keys, "delete", meanwhile)
    await psd.erasing.erase(UID, "ops", "", ALICE)
    assert (await verified(redis_url)).exit_code == 0


async def test_a_user_by_number_keeps_what_is_of_a_vehicle_with_that_number(psd: Runtime) -> None:
    await accepted(psd, metric(7, 30))
    signals = psd.settings.things["signals"].id if "signals" in psd.settings.things else 6
    vehicle = {"vehicle": 7, "integration": "Tesla", "time": 1644210000}
    body = msgspec.json.encode({"command": "activity", "activity": vehicle})
    events = psd.rules.events(body, NOON_S + 10**9, "m")
    await psd.intake.accept(events, lambda: [Entry(psd.clock.now_ms(), "", body)])
    await psd.erasing.erase(7, "ops")
    left = await psd.store.client.keys(f"{STORED.owner_root(7)}:*")
    assert left
    assert all(key.decode().split(":")[3] == str(signals) for key in left)


def archived(folder: Path) -> bytes:
    """All that an archive holds, unpacked."""
    return b"\n".join(entry.body for entry in read_entries(folder, 0, 1 << 60))


async def test_nobody_may_erase_another(client: HttpClient) -> None:
    answer = await client.request("DELETE", "/v3/users/+5")
    assert answer.status == 400
