"""Stores of every version there was: read right or refused, and brought to today's shape.

tests/golden/stores has what each wrote; tests/support/stored/stored_shapes.py says which they are.
"""

from __future__ import annotations

import asyncio

import pytest
from click.testing import CliRunner

from psd.cli.main import psd as command
from psd.errors import ConfigError, UnfitStoreError
from psd.runtime import Runtime
from psd.store.keys import (
    MIGRATION_KEY,
    MODES_KEY,
    PARTITIONS_KEY,
    SCHEMA_VERSION,
    SCHEMAS_BEFORE,
)
from tests.support.engine import EVER, engine_on
from tests.support.servers.redis_server import RedisServer
from tests.support.stored.stored_history import (
    WRITTEN_AT_S,
    book,
    more,
    write_history,
)
from tests.support.stored.stored_shapes import (
    FOLDER,
    SHAPES,
    Shape,
    Stored,
    change_between,
    held_by,
    restore,
    stored,
)

NAMES = [shape.name for shape in SHAPES]
BEFORE = SHAPES[:-1]


pytestmark = pytest.mark.psd(now_s=WRITTEN_AT_S)


async def fill(server: RedisServer, name: str) -> None:
    """Make the store one of that shape."""
    server.flush()
    async with server.client() as client:
        await restore(client, name)


def differing(held: Stored, wanted: Stored) -> list[str]:
    """Keys that hold something else."""
    return [key for keys in change_between(held, wanted).values() for key in keys]


async def test_what_is_written_is_what_its_version_says(psd: Runtime) -> None:
    await write_history(psd)
    wanted, held = stored(SCHEMA_VERSION), await held_by(psd.store.client)
    # Domains bring things without a change of shape; those of before are kept as they were.
    known, modes = wanted["hash"][MODES_KEY], held["hash"][MODES_KEY]
    assert isinstance(known, dict)
    assert isinstance(modes, dict)
    held["hash"][MODES_KEY] = {thing: modes[thing] for thing in known if thing in modes}
    differ = differing(wanted, held)
    assert not differ, (
        f"{len(differ)} keys are written otherwise than psd:schema {SCHEMA_VERSION} says, as "
        f"{differ[:3]}: raise SCHEMA_VERSION (tests/support/stored/write_stored_shapes.py says "
        "how), or keep the bytes"
    )


def test_every_version_has_a_fixture_and_the_newest_is_todays() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(NAMES)
    assert SHAPES[-1].says == SCHEMA_VERSION
    assert {shape.says for shape in SHAPES} == {*SCHEMAS_BEFORE, SCHEMA_VERSION}


@pytest.mark.parametrize("shape", BEFORE, ids=lambda shape: shape.name)
async def test_a_store_of_a_version_before_is_refused_with_the_command_that_moves_it(
    shape: Shape, engine_server: RedisServer
) -> None:
    await fill(engine_server, shape.name)
    with pytest.raises(ConfigError) as refusal:
        async with engine_on(engine_server.url):
            pass
    said = str(refusal.value)
    assert f"psd:schema: the store holds version {shape.says}, this psd reads version 4" in said
    assert "`psd migrate --from URL`" in said
    assert engine_server.ask("GET", "psd:schema") == shape.says.encode()


@pytest.mark.parametrize(
    ("shape", "said"), [("3", "`psd migrate --from URL`"), ("4", "set it to that")]
)
async def test_a_store_whose_version_was_taken_away_is_refused(
    shape: str, said: str, engine_server: RedisServer
) -> None:
    await fill(engine_server, shape)
    engine_server.ask("DEL", "psd:schema")
    with pytest.raises(ConfigError, match=r"the store holds no version, and .*psd:.*") as refusal:
        async with engine_on(engine_server.url):
            pass
    assert said in str(refusal.value)
    assert engine_server.ask("GET", "psd:schema") is None


async def test_a_store_that_nobody_has_booked_in_is_begun(engine_server: RedisServer) -> None:
    engine_server.flush()
    engine_server.ask("SET", "psd:stream:psd", "of the queue")
    engine_server.ask("SET", "somebody else's", "1")
    async with engine_on(engine_server.url, {"redis.partitions": 4}) as psd:
        assert psd.store.partitions.count == 4
    assert engine_server.ask("MGET", "psd:schema", PARTITIONS_KEY) == [b"4", b"4"]


async def test_a_store_keeps_the_partitions_with_which_it_was_begun(
    engine_server: RedisServer,
) -> None:
    engine_server.flush()
    async with engine_on(engine_server.url, {"redis.partitions": 4}) as psd:
        await book(psd, more())
    async with engine_on(engine_server.url) as psd:
        assert psd.store.partitions.count == 4
        assert psd.store.partitions.owner_root(7) == "psd:{p1az}:7"
    with pytest.raises(ConfigError, match=r"4 partitions, and redis.partitions is 8.*psd migrate"):
        async with engine_on(engine_server.url, {"redis.partitions": 8}):
            pass


async def test_a_store_that_does_not_say_its_partitions_is_refused(
    engine_server: RedisServer, psd: Runtime
) -> None:
    await book(psd, more())
    engine_server.ask("DEL", PARTITIONS_KEY)
    with pytest.raises(ConfigError, match="no number of partitions; set it"):
        async with engine_on(engine_server.url):
            pass


async def test_a_store_that_is_being_filled_is_refused(
    engine_server: RedisServer, psd: Runtime
) -> None:
    engine_server.ask("SET", MIGRATION_KEY, "redis://10.0.0.7:6379/0")
    psd.store.standing.doubt()
    assert "from redis://10.0.0.7:6379/0" in (await psd.store.readiness())["migration"]
    with pytest.raises(ConfigError, match=r"the store is being filled from redis://10.0.0.7"):
        async with engine_on(engine_server.url):
            pass
    engine_server.ask("DEL", MIGRATION_KEY)
    assert (await psd.store.readiness())["schema"] == "ok"


async def test_a_running_process_tells_why_it_does_not_work_with_the_store_that_it_meets(
    engine_server: RedisServer, psd: Runtime
) -> None:
    """It may have been started before the server was."""
    await fill(engine_server, "1.7")
    psd.store.standing.doubt()
    with pytest.raises(UnfitStoreError, match="version 1, this psd reads version 4"):
        await psd.engine.sums([2], [1], [EVER])
    assert "version 1" in (await psd.store.readiness())["schema"]


async def test_the_doctor_says_what_to_do(engine_server: RedisServer, redis_url: str) -> None:
    await fill(engine_server, "1.7")
    arguments = ["--set", f"redis.url={redis_url}", "doctor"]
    done = await asyncio.to_thread(CliRunner().invoke, command, arguments)
    assert "UNFIT" in done.output
    assert "`psd migrate --from URL`" in done.output
