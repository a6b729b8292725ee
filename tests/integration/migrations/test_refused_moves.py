"""``psd migrate`` that moves nothing: what is rehearsed, and what is refused and left as it is."""

from __future__ import annotations

import json
import re

import pytest

from psd.store import migration
from psd.store.keys import MIGRATION_KEY, PARTITIONS_KEY, SCHEMA_VERSION
from tests.support.servers.redis_server import RedisServer
from tests.support.stored.migrating import migrate
from tests.support.stored.whole_stores import fill, held

pytestmark = pytest.mark.one_server(
    "tests/integration/cluster/test_migrating.py is about a cluster"
)


async def test_a_dry_run_counts_and_writes_nothing(old: RedisServer, new: RedisServer) -> None:
    await fill(old, "3")
    done = await migrate(old, new, "--dry-run", partitions=4)
    assert done.exit_code == 0
    assert "from version 3 to version 4 of 4: columns of boards are made anew" in done.output
    counts = re.findall(r"[\d,]+(?= keys would be moved)|[\d,]+(?= left out)", done.output)
    assert sum(map(int, counts)) == old.ask("DBSIZE")
    assert "of a partition (4)" in done.output
    assert new.ask("DBSIZE") == 0


async def test_a_dry_run_is_also_told_as_json(old: RedisServer, new: RedisServer) -> None:
    await fill(old, SCHEMA_VERSION)
    found = json.loads((await migrate(old, new, "--dry-run", "--json")).output)
    assert (found["version"], found["partitions"]) == (SCHEMA_VERSION, 1)
    assert (found["to_version"], found["to_partitions"]) == (SCHEMA_VERSION, 1)
    assert (found["tagged"], found["makes_columns"]) == (0, False)
    assert found["keys"] + found["left"] == old.ask("DBSIZE")
    assert (await migrate(old, new, "--json")).exit_code == 2


async def test_a_dry_run_says_whether_there_is_room(old: RedisServer, new: RedisServer) -> None:
    await fill(old, "3")
    new.ask("SET", "psd:{p0}:7:1:y", "x")
    done = await migrate(old, new, "--dry-run")
    assert done.exit_code == 78
    assert "the store is not empty: it has psd:{p0}:7:1:y" in done.output
    assert new.ask("DBSIZE") == 1


async def test_a_store_that_has_something_is_left_as_it_is(
    old: RedisServer, new: RedisServer
) -> None:
    await fill(old, "3")
    await fill(new, SCHEMA_VERSION)
    before = await held(new)
    done = await migrate(old, new)
    assert done.exit_code == 78
    assert "redis.url: the store is not empty: it has psd:" in done.output
    assert await held(new) == before


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("psd:schema", "5", "start a psd that is as new"),
        (PARTITIONS_KEY, "x", "does not hold its partitions"),
        (MIGRATION_KEY, "redis://10.0.0.7:6379/0", "is being filled from redis://10.0.0.7"),
    ],
)
async def test_what_cannot_be_moved_is_refused(
    key: str, value: str, said: str, old: RedisServer, new: RedisServer
) -> None:
    await fill(old, SCHEMA_VERSION)
    old.ask("SET", key, value)
    done = await migrate(old, new)
    assert done.exit_code == 78
    assert said in done.output
    assert new.ask("DBSIZE") == 0


async def test_a_store_is_not_moved_into_itself(old: RedisServer) -> None:
    done = await migrate(old, old)
    assert done.exit_code == 78
    assert "is redis.url" in done.output


async def test_a_store_that_is_written_to_meanwhile_is_not_taken_for_whole(
    old: RedisServer, new: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(old, "3")
    monkeypatch.setattr(migration, "reach", lambda _: old.ask("SADD", "psd:owners:{o1}:1", "1"))
    done = await migrate(old, new)
    assert done.exit_code == 75
    assert "stop every psd on it" in done.output
    assert new.ask("EXISTS", MIGRATION_KEY) == 1
