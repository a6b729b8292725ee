"""Calls of every script that writes, each with the store in which it was made.

>>> calls = await recorded_calls(server)
>>> {call.script for call in calls}
{'boards.change', 'boards.members', 'engine.book', 'engine.withdraw', 'rewards.add_vin', ...}
>>> with server.sync_client() as client:
...     restore(client, calls[0].before)
...     client.execute_command(*calls[0].command)
"""

from __future__ import annotations

import itertools
import random
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
import redis

from psd.clock import ManualClock
from psd.columns import sealing
from psd.columns.sealing import Sealer
from psd.energy.part import EnergyPart
from psd.energy.plan_records import plan_sent
from psd.engine.events import Withdrawal
from psd.queries.boards.board_windows import RollingWindow
from psd.queries.boards.definitions import Definition
from psd.queries.boards.staging import StagedChange
from psd.rewards.lock import JobLock
from psd.rewards.part import RewardsPart
from psd.rewards.vehicle_events import VehicleChange
from psd.runtime import Runtime
from psd.store.callers import Caller
from psd.store.fair_queue import Parcel
from psd.store.lane import Command, Lane
from psd.store.scripts import load_script, script_names
from tests.support.draws.random_reports import random_reports
from tests.support.engine import DAY_S, NOON_S, dense_day, engine_on, increment, report
from tests.support.rewards.reward_job import Fleet
from tests.support.scripts.payment_scene import payments
from tests.support.scripts.plug_scene import plugs
from tests.support.servers.redis_server import RedisServer

Dumps = dict[bytes, bytes]
"""What each key of a store holds, as DUMP gives it."""

HISTORIES = 6
NOW_S = NOON_S + 3650 * DAY_S
KEPT_S = 400 * DAY_S


class ScriptCall(msgspec.Struct, frozen=True):
    """One call of a script, and what the store held then."""

    script: str
    command: Command
    before: Dumps


def dumps(client: redis.Redis) -> Dumps:
    """All that a store holds."""
    keys = sorted(client.scan_iter(count=1000))
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.dump(key)
    return dict(zip(keys, pipe.execute(), strict=True))


def restore(client: redis.Redis, held: Dumps) -> None:
    """Make a store hold this and nothing else; its scripts stay."""
    pipe = client.pipeline(transaction=False)
    pipe.flushall()
    for key, dumped in held.items():
        pipe.restore(key, 0, dumped)
    pipe.execute()


_DUMP = """
local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  found[#found + 1] = key
  found[#found + 1] = redis.call('DUMP', key)
end
return found
"""

_RESTORE = """
redis.call('FLUSHALL')
for at = 1, #ARGV, 2 do redis.call('RESTORE', ARGV[at], 0, ARGV[at + 1]) end
"""


def dumps_of_one(client: redis.Redis) -> Dumps:
    """All that one server holds, in one call: who asks thousands of times waits a third as long."""
    told = client.eval(_DUMP, 0)
    return dict(zip(told[::2], told[1::2], strict=True))


def restore_one(client: redis.Redis, held: Dumps) -> None:
    """The same for :func:`restore`."""
    client.eval(_RESTORE, 0, *itertools.chain.from_iterable(held.items()))


async def recorded_calls(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> list[ScriptCall]:
    """The calls of all scenes, the same each time. The scripts stay loaded."""
    writing: dict[bytes | str | int, str] = {
        load_script(name).sha: name for name in script_names() if not load_script(name).reads_only
    }
    calls: list[ScriptCall] = []
    submit = Lane._submit

    def recording(
        lane: Lane, commands: tuple[Command, ...], cost: float, caller: Caller | None
    ) -> Parcel:
        for command in commands:
            name = writing.get(command[1]) if command[0] == "EVALSHA" else None
            if name is not None:
                with server.sync_client() as client:
                    calls.append(ScriptCall(name, command, dumps_of_one(client)))
        return submit(lane, commands, cost, caller)

    drawn = random.Random("names")
    for scene, flags in SCENES:
        server.flush()
        async with engine_on(server.url, flags, ManualClock(NOW_S)) as psd:
            with monkeypatch.context() as patched:
                patched.setattr(Lane, "_submit", recording)
                patched.setattr(sealing, "QUIET_S", 0)
                patched.setattr(secrets, "token_hex", lambda size: drawn.randbytes(size).hex())
                await scene(psd)
    return calls


async def histories(psd: Runtime) -> None:
    """Reports in any order, late ones and increments, and activities that are withdrawn."""
    for seed in range(HISTORIES):
        rng = random.Random(f"calls {seed}")
        sent = random_reports(rng, uid=seed)
        rng.shuffle(sent)
        for start in range(0, len(sent), 25):
            await psd.engine.book(sent[start : start + 25])
        for gone in rng.sample(sent, 2):
            await psd.engine.book([Withdrawal(seed, gone.aid, (1, 2), "", "ops", NOON_S)])


async def growth(psd: Runtime) -> None:
    """A leaf that splits, an activity that becomes long and grows, and both taken back."""
    dense = dense_day()
    long = [report(n, NOON_S + n * 60, NOON_S, aid=1000) for n in range(1, 9)]
    marked = [increment("a", 5, NOON_S + 9, aid=1000), increment("b", 5, NOON_S + DAY_S)]
    for part in (dense[:500], dense[500:], long[:4], long[4:6], long[6:], marked, dense[:100]):
        await psd.engine.book(part)
    await psd.engine.book([report(0, each.ts2, aid=each.aid) for each in dense[:80]])
    for aid in (1000, 1000, 300, 77_777):
        await psd.engine.book([Withdrawal(1, aid, (1, 2), "", "ops", NOON_S)])


async def fenced(psd: Runtime) -> None:
    """Two owners that are booked for by newer facts, by older ones, and by newer ones again."""
    for number, value in ((5, 7), (4, 8), (6, 9), (6, 9)):
        fences = dict.fromkeys((1, 2), ("rides", number))
        sent = [report(value, NOON_S + uid, uid=uid, aid=uid) for uid in (1, 2, 3)]
        await psd.engine.book(sent, fences=fences)


async def named_boards(psd: Runtime) -> None:
    """Boards that are made, changed, filled, emptied and taken away."""
    window = RollingWindow(seconds=DAY_S)
    for name in ("april", "may"):
        await psd.boards.put(name, Definition(thing="steps", window=window), "ops", members=[1, 2])
    await psd.boards.change_members("april", [3, 4], [1])
    await psd.boards.put(
        "april", Definition(thing="calories", window=window), "ops", members=range(2000)
    )
    await psd.boards.make_change("april", StagedChange(range(1000, 3001)))
    await psd.boards.clear_members("april")
    await psd.boards.drop("april")


async def vehicles(psd: Runtime) -> None:
    """Vehicles about which this and that is said, and one VIN of two."""
    said: list[VehicleChange] = [
        VehicleChange(NOON_S, 7, {"owner": "42", "vin": "A", "minted": True}),
        VehicleChange(NOON_S + 1, 7, {"owner": "43", "integrations": (1, 3)}),
        VehicleChange(NOON_S, 8, {"vin": "A", "owner": None}),
    ]
    for change in said:
        await psd.part(RewardsPart).registry.change([change])


async def sealings(psd: Runtime) -> None:
    """Logs of two months that are sealed, and again with what came late, and to nothing."""
    sealer = Sealer(psd.store.writes, NOON_S + 100 * DAY_S)
    for value in (5, 7, 0):
        sent = [report(value + n * bool(value), NOON_S + n * DAY_S, aid=n) for n in range(30)]
        await psd.engine.book(sent)
        async for _ in sealer.run(await sealer.listed()):
            pass


async def weeks(psd: Runtime) -> None:
    """Weeks that are computed, and computed again after something came late."""
    fleet = Fleet(psd)
    for week in (1, 2, 3):
        await fleet.drive(week, 7, "Tesla")
    await fleet.calculate(3, start=1)
    await fleet.drive(2, 8, "Smartcar")
    await fleet.calculate(3, start=1)
    async with JobLock(psd.store).held() as mark:
        held = ("EVALSHA", load_script("rewards.hold_lock").sha, 1, LOCK, mark, 30_000)
        assert await psd.store.writes.call(held) == 1


LOCK = "psd:rewards:{rewards}:lock"

LIFETIMES = {
    f"retention.{level}_s": KEPT_S
    for level in ("year", "month", "week", "day", "second", "activity")
}


async def ledger_of_swaps(psd: Runtime) -> None:
    """Objects, a renamed one, swaps, one at another time, corrections and a stocktake."""
    sent = [
        {"station": {"name": "S1", "date": NOON_S}},
        *({"battery": {"serial": f"B{n}", "station": "S1", "date": NOON_S}} for n in (1, 2)),
        {"vehicle": {"vin": "V1", "date": NOON_S}},
        {"driver": {"phone": "D1", "vehicle": "V1", "date": NOON_S}},
        {"driver": {"number": 1, "phone": "D2", "name1": "Ann", "date": NOON_S + 1}},
        {"swap": {**A_SWAP, "id": "1", "battery_out": "B1"}},
        {"swap": {**A_SWAP, "id": "w", "odometer": 4, "battery_out": "B1"}},
        {"swap": {**A_SWAP, "id": "2", "battery_out": "B2", "date": NOON_S + 60}},
        {"correction": {**A_SWAP, "id": "3", "battery_out": "B2", "corrects": 7}},
        {"stocktake": {"id": "4", "station": "S1", "batteries": ["B1"], "date": NOON_S}},
    ]
    for each in sent:
        [command] = each
        body = msgspec.json.encode({"command": command, **each})
        for outcome in await psd.books.book(psd.rules.events(body, NOON_S + 90, "m")):
            assert outcome.status == "booked", outcome


async def meters(psd: Runtime) -> None:
    """Readings in order, late, corrected and far apart, and intervals that meet in one run."""
    for second, kw in ((0, 1), (7_200, 2), (3_600, 3), (3_600, 4), (10**6, 5)):
        await _measured(psd, "power", points=[[NOON_S + second, kw]])
    for second, kwh in ((0, 100), (900, 101), (86_400 * 3, 150), (86_400, 120)):
        await _measured(psd, "register", register=1, points=[[NOON_S + second, kwh]])
    for start in (0, 3_600, 1_800):
        row = [NOON_S + start, NOON_S + start + 1_800, 1]
        await _measured(psd, "intervals", register=2, rows=[row])
    await _measured(psd, "meter", time=NOON_S, max_kw=14, digits=5)
    await _measured(psd, "meter", time=NOON_S, gap_max_s=1_800)
    await _measured(psd, "power", register=4, signed=True, points=[[NOON_S, -1], [NOON_S + 60, 1]])


async def joi_batch(psd: Runtime) -> None:
    """What the JOI face takes."""
    await _measured(psd, "joi_batch", id="a1", at_ms=NOON_S * 1000, readings=[[NOON_S, 0.5]])


async def _measured(psd: Runtime, command: str, **fields: Any) -> None:
    body = msgspec.json.encode({"command": command, command: {"meter": "m-1", **fields}})
    for outcome in await psd.books.book(psd.rules.events(body, NOON_S + 10**7, "m")):
        assert outcome.status == "booked", outcome


async def money(psd: Runtime) -> None:
    """Plans that are made, changed and taken away; prices and carbon, twice and corrected."""
    plans, rate = psd.part(EnergyPart).plans, {"name": "base", "rate": "0.21"}
    for name, document in (
        ("eco", {"rates": [rate]}),
        ("eco", {"rates": [{**rate, "rate": "0.22"}], "valid_from": "2026-01-01"}),
        ("a}:{b", {"series": "agile"}),
    ):
        await plans.put(name, plan_sent(name, document), "ops")
    await plans.drop("a}:{b")
    for now_s, values in ((1, [1, 2, 3]), (2, [1, "0.25"]), (2, [7])):
        for command, of in (("prices", "series"), ("carbon", "region")):
            said = {of: "a}:{b", "start": DAY_S * 400, "every_s": 3_600, "values": values}
            body = msgspec.json.encode({"command": command, command: said})
            await psd.books.book(psd.rules.events(body, NOON_S + now_s, "m"))


A_SWAP = {
    "driver": "D2",
    "station": "S1",
    "battery_in_energy": 0,
    "battery_out_energy": 9,
    "odometer": 5,
    "date": NOON_S,
}

Scene = Callable[[Runtime], Awaitable[None]]

SCENES: tuple[tuple[Scene, dict[str, int]], ...] = (
    (histories, {}),
    (growth, {}),
    (growth, LIFETIMES),
    (fenced, {}),
    (fenced, LIFETIMES),
    (named_boards, {}),
    (sealings, {}),
    (vehicles, {}),
    (weeks, {}),
    (ledger_of_swaps, {}),
    (meters, {}),
    (money, {}),
    (payments, {}),
    (plugs, {}),
)
