"""What the bench writes in the place of bookings is what booking leaves."""

from __future__ import annotations

import numpy as np
import pytest

from bench.columns import ColumnWriter
from psd.columns.column_keys import CELL_BYTES
from psd.engine.plan import Range
from psd.runtime import Runtime
from psd.store.keys import columns_root
from tests.support.engine import DAY_S, engine_on, report, second
from tests.support.servers.redis_server import RedisServer

BEGIN_S = second("2016-03-20")
THING, OWNERS, BOOKINGS = 1, 50, 4_000


def by_owner(server: RedisServer, runtime: Runtime) -> dict[str, dict[int, int]]:
    """The cells of each column of years, months, numbers and newest seconds, by uid."""
    found: dict[str, dict[int, int]] = {}
    client, partitions = server.sync_client(), runtime.store.partitions
    for number in range(partitions.count):
        root = columns_root(partitions.tag(number), THING)
        uids = np.frombuffer(client.get(f"{root}:owners") or b"", ">i8").tolist()
        for kind in ("count", "newest", "y:2016", "m:201603", "m:201604"):
            packed = client.get(f"{root}:{kind}") or b""
            cells = np.frombuffer(packed.ljust(len(uids) * CELL_BYTES, b"\0"), ">i8").tolist()
            found.setdefault(kind, {}).update(zip(uids, cells, strict=True))
    client.close()
    return found


async def boards(runtime: Runtime) -> list[dict[int, int]]:
    """Sums of everybody over some ranges."""
    found = []
    for start, end in ((5, 20), (0, 12 * DAY_S), (DAY_S, 2 * DAY_S), (77_777, 11 * DAY_S + 5)):
        range_ = Range(BEGIN_S + start, BEGIN_S + end)
        vector = await runtime.engine.everybody(THING, range_, lambda _: None)
        assert vector is not None
        found.append(dict(zip(vector.uids.tolist(), vector.values.tolist(), strict=True)))
    return found


@pytest.mark.parametrize("partitions", [1, 4])
async def test_columns_and_boards_are_those_of_bookings(
    redis_server: RedisServer, partitions: int
) -> None:
    rng = np.random.default_rng(3)
    seconds = np.sort(rng.integers(BEGIN_S, BEGIN_S + 12 * DAY_S, BOOKINGS))
    uids, values = rng.integers(1, OWNERS, BOOKINGS), rng.integers(1, 1000, BOOKINGS)
    flags = {"redis.partitions": partitions}
    redis_server.flush()
    async with engine_on(redis_server.url, flags) as runtime:
        rows = zip(seconds.tolist(), uids.tolist(), values.tolist(), strict=True)
        events = [report(value, at, uid=uid, aid=aid) for aid, (at, uid, value) in enumerate(rows)]
        for first in range(0, BOOKINGS, 200):
            await runtime.engine.book(events[first : first + 200])
        booked, asked = by_owner(redis_server, runtime), await boards(runtime)
    redis_server.flush()
    async with engine_on(redis_server.url, flags) as runtime:
        client = redis_server.sync_client()
        ColumnWriter(client, runtime.store.partitions, THING).write(seconds, uids, values)
        client.close()
        assert by_owner(redis_server, runtime) == booked
        assert await boards(runtime) == asked
