"""``psd replay`` onto an empty store brings its columns back, and so every board of everybody."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest

from psd.columns.column_keys import unit_start
from psd.engine.plan import Range
from psd.runtime import open_runtime
from tests.support.processes.archiving import archived, work_off
from tests.support.processes.worker_process import psd
from tests.support.processes.worker_stack import NOON_S, WorkerStack, steps
from tests.support.stored.held_columns import Told, columns_of
from tests.support.stored.keyspace import contents

DAY_S = 86_400
USERS, REPORTS, CORRECTED, WITHDRAWN = 25, 1_700, 120, 20
APRIL_S = unit_start("201604")
BEGIN_S, END_S = NOON_S - 2 * DAY_S, NOON_S + 60 * DAY_S


@pytest.fixture
def stack(stack: WorkerStack, tmp_path: Path) -> WorkerStack:
    return archived(stack, tmp_path)


def history() -> list[list[bytes]]:
    """Reports, most within an hour so that logs of all levels are full; then what changes them."""
    rng = random.Random("columns")
    places = {
        (1 + n % USERS, n): NOON_S + rng.randrange(3_600 if n % 8 else 60 * DAY_S)
        for n in range(REPORTS)
    }
    some = rng.sample(sorted(places), CORRECTED + WITHDRAWN)
    reports = [steps(*at, rng.randrange(1, 900), ts2=second) for at, second in places.items()]
    corrections = [steps(*at, rng.choice((0, 5, -40)), ts2=places[at]) for at in some[:CORRECTED]]
    withdrawals = [
        msgspec.json.encode({"command": "withdraw", "withdraw": {"uid": uid, "aid": aid}})
        for uid, aid in some[CORRECTED:]
    ]
    return [reports, [*corrections, *withdrawals]]


def ranges() -> list[tuple[int, int]]:
    """Everything, whole units, parts of them."""
    rng = random.Random("ranges")
    cuts = [sorted(rng.sample(range(BEGIN_S, END_S), 2)) for _ in range(12)]
    within = (NOON_S + 600, NOON_S + 1_777)
    return [(BEGIN_S, END_S), (APRIL_S, APRIL_S + 30 * DAY_S), within, *map(tuple, cuts)]


async def columns(stack: WorkerStack) -> dict[str, dict[int, Told]]:
    """What columns and logs say of each user."""
    client = stack.redis.client()
    try:
        return columns_of(await contents(client))
    finally:
        await client.aclose()


async def boards(stack: WorkerStack) -> list[dict[int, int]]:
    """Everybody's sums."""
    found = []
    runtime = await open_runtime(stack.settings)
    try:
        for start, end in ranges():
            vector = await runtime.engine.everybody(1, Range(start, end), lambda _: None)
            assert vector is not None
            found.append(dict(zip(vector.uids.tolist(), vector.values.tolist(), strict=True)))
    finally:
        await runtime.close()
    return found


async def test_columns_and_boards_are_what_they_were(stack: WorkerStack, tmp_path: Path) -> None:
    reports, changes = history()
    await work_off(stack, reports)
    assert (await psd(stack, tmp_path, "seal"))[0] == 0
    await work_off(stack, changes)
    told, asked = await columns(stack), await boards(stack)
    assert sum(len(held) for root, held in told.items() if root.endswith(":1")) == USERS
    stack.redis.flush()
    assert await columns(stack) == {}
    code, out, err = await psd(stack, tmp_path, "replay", "--from", "1", "--to", "2100-01-01")
    assert (code, err) == (0, ""), out
    assert await columns(stack) == told
    assert await boards(stack) == asked
    code, out, _ = await psd(stack, tmp_path, "verify")
    assert code == 0, out
