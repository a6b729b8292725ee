"""``psd swaps verify`` and ``rebuild``, ``psd verify`` and ``psd replay`` of a ledger of swaps."""

from __future__ import annotations

import asyncio
import json
import random

import pytest
from click.testing import CliRunner, Result

from psd.cli.main import psd as psd_command
from psd.engine.events import Report
from psd.runtime import Runtime
from psd.swaps.keys import NETWORKS_KEY
from psd.swaps.part import SwapsPart
from psd.swaps.swap_bookings import owner_of
from tests.support.draws.random_swaps import random_history
from tests.support.plain.plain_swaps import days_with_swaps
from tests.support.stored.keyspace import keyspace
from tests.support.swaps.network import BEFORE_ALL_S, NOW_S, OFFSET, Network

pytestmark = pytest.mark.psd(now_s=NOW_S)

ROOT = "psd:swaps:{main}:"


@pytest.fixture
async def network(psd: Runtime) -> Network:
    rng = random.Random("audit")
    network = await Network.registered(psd, "main")
    for sent in random_history(rng, 25):
        await network.send(sent)
    return network


async def found(psd: Runtime, *, repair: bool = False) -> dict[str, list[str]]:
    """Outcomes and their differences, without what is clean."""
    told: dict[str, list[str]] = {}
    async for audited in psd.part(SwapsPart).auditing.every(repair=repair):
        if audited.outcome != "clean":
            told.setdefault(audited.outcome, []).extend(map(str, audited.differences))
    return told


async def test_what_psd_wrote_is_clean(psd: Runtime, network: Network) -> None:
    assert network.plain.history
    assert await found(psd) == {}


@pytest.mark.parametrize(
    "damage",
    [
        ("DEL", f"{ROOT}seen"),
        ("HSET", f"{ROOT}seen", "made up", "3"),
        ("DEL", f"{ROOT}tx:driver:1"),
        ("ZADD", f"{ROOT}tx:station:1", "7", "000000000007:000000000007"),
        ("HSET", f"{ROOT}object:battery:1", "version", "1"),
        ("HDEL", f"{ROOT}names:driver", "D1"),
        ("DEL", f"{ROOT}rejected"),
        ("SET", f"{ROOT}counts", "nothing"),
        ("ZADD", f"{ROOT}tx:driver:99", "7", "000000000007:000000000007"),
    ],
    ids=lambda damage: " ".join(damage[:2]),
)
async def test_a_spoiled_index_is_told_and_made_anew(
    psd: Runtime, network: Network, damage: tuple[str, ...]
) -> None:
    assert network.plain.history
    before = await keyspace(psd.store.client)
    if damage[0] == "SET":
        await psd.store.client.delete(damage[1])
    await psd.store.client.execute_command(*damage)
    told = await found(psd)
    assert [*told] == ["found"]
    assert all(each.startswith(damage[1]) for each in told["found"])
    assert await found(psd, repair=True) == {"repaired": told["found"]}
    assert await found(psd) == {}
    assert await keyspace(psd.store.client) == before


@pytest.mark.parametrize("is_foreign", [False, True])
async def test_a_network_that_is_not_listed_is_found_by_its_stream(
    psd: Runtime, network: Network, *, is_foreign: bool
) -> None:
    assert network.plain.history
    await Network.registered(psd, "other")
    before = await keyspace(psd.store.client)
    await psd.store.client.delete(NETWORKS_KEY)
    if is_foreign:
        await psd.store.client.set(NETWORKS_KEY, "nothing")
    told = await found(psd)
    assert len(told["found"]) == (1 if is_foreign else 2)
    assert all(each.startswith(NETWORKS_KEY) for each in told["found"])
    assert await found(psd, repair=True) == {"repaired": told["found"]}
    assert await found(psd) == {}
    assert await keyspace(psd.store.client) == before


async def test_bookings_that_are_gone_are_booked_again(psd: Runtime, network: Network) -> None:
    uid = owner_of("main", "driver", 1)
    root = (await psd.store.placed()).owner_root(uid)
    [*keys] = await psd.store.client.keys(f"{root}:4*")
    await psd.store.client.delete(*keys)
    told = await found(psd)
    assert told["found"]
    assert all(str(uid) in each for each in told["found"])
    assert [*await found(psd, repair=True)] == ["repaired"]
    assert await found(psd) == {}
    await network.check_books(random.Random("again"))


async def test_what_is_booked_too_much_is_told(psd: Runtime, network: Network) -> None:
    assert network.plain.history
    uid = owner_of("main", "driver", 1)
    thing = psd.settings.numbers["ride_distance"]
    await psd.engine.book([Report(thing, uid, 1, 10**6, 5, NOW_S, NOW_S)])
    told = await found(psd)
    assert len(told["found"]) == 1
    assert "ride_distance" in told["found"][0]


async def run(redis_url: str, *arguments: str) -> Result:
    """``psd swaps``, beside a running loop."""
    command = ["--set", f"redis.url={redis_url}", "swaps", *arguments]
    return await asyncio.to_thread(CliRunner().invoke, psd_command, command)


async def test_commands_tell_what_the_ledger_does(redis_url: str, network: Network) -> None:
    state = network.plain.state()
    told = await run(redis_url, "driver", "D1", "--json")
    rows = [json.loads(line) for line in told.output.splitlines()]
    assert [each["n"] - OFFSET for each in rows[::-1]] == state.order_of(
        network.plain.history, "driver", "D1"
    )
    days = await run(redis_url, "days", "D1", "--csv")
    listed = [line.split(",") for line in days.output.splitlines()[1:]]
    expected = days_with_swaps(network.plain.history, state, "D1")
    assert [each[0] for each in listed if each[8] != "0"] == [each.day for each in expected]
    [newest] = [each.n for each in await network.ledger.events(rows[0]["n"] - 1, 1)]
    chain = await run(redis_url, "show", str(newest), "--json")
    assert json.loads(chain.output.splitlines()[-1])["rejected_by"] is None
    for arguments in (("station", "S1"), ("battery", "B1"), ("events",)):
        assert (await run(redis_url, *arguments)).exit_code == 0
    assert (await run(redis_url, "driver", "nobody")).exit_code == 1


async def test_a_stocktake_that_disagrees_is_listed(redis_url: str, network: Network) -> None:
    said = {"id": "count", "network": "main", "station": "S1", "batteries": ["B1", "B2"]}
    said |= {"date": BEFORE_ALL_S + 60}
    await network.book(json.dumps({"command": "stocktake", "stocktake": said}).encode())
    agreed = await run(redis_url, "check", "--json")
    assert "stocktake" not in agreed.output
    assert agreed.exit_code == 0
    said |= {"id": "again", "batteries": ["B1", "B3"]}
    await network.book(json.dumps({"command": "stocktake", "stocktake": said}).encode())
    told = await run(redis_url, "check", "--json")
    assert told.exit_code == 1
    assert json.loads(told.output.splitlines()[0])["told"] == (
        "not counted: 2; counted, and elsewhere: 3"
    )


async def test_verify_and_rebuild_end_with_what_is_left(
    psd: Runtime, redis_url: str, network: Network
) -> None:
    assert network.plain.history
    await psd.store.client.delete(f"{ROOT}seen")
    assert (await run(redis_url, "verify")).exit_code == 1
    assert "1 repaired" in (await run(redis_url, "rebuild")).output
    assert (await run(redis_url, "verify")).exit_code == 0
