"""What ``psd verify --repair`` takes from the archive, and what it leaves lost."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from psd.archive.entries import Entry
from psd.archive.writer import open_archive
from psd.config import ArchiveSettings
from psd.engine.event_fields import encode_metric
from psd.engine.events import Report
from psd.observe.metrics import Metrics
from psd.runtime import Runtime
from psd.store.keys import ROOT
from tests.support.draws.random_reports import random_reports
from tests.support.engine import (
    NOON_S,
    book,
    count,
    dense_day,
    forget,
    increment,
    sum_of,
)
from tests.support.stored.audits import few, verified
from tests.support.stored.keyspace import keyspace
from tests.support.stored.placements import owner_key

DAY_KEY = owner_key(1, "1:d:201604")
LEAF_KEY = owner_key(1, "1:l:201604")


@pytest.mark.parametrize("reports", [few(), dense_day()], ids=["few", "dense"])
async def test_bookings_that_are_gone_everywhere_are_told_and_no_total_is_lowered(
    psd: Runtime, redis_url: str, reports: list[Report]
) -> None:
    await book(psd, reports)
    whole = await sum_of(psd)
    client = psd.store.client
    await forget(client, "activity")
    leaves = [key async for key in client.scan_iter(owner_key(1, "1:l:*"))]
    await client.delete(*leaves)
    result = await verified(redis_url, "--repair")
    assert result.exit_code == 1
    assert f"{DAY_KEY} 12: " in result.output
    assert ", but only nothing by reports and leaves: lost" in result.output
    assert await sum_of(psd) == whole
    assert "lost" in (await verified(redis_url)).output


async def archive_of(folder: Path, reports: Sequence[Report], counts: int = 0) -> None:
    """An archive that has these reports, and counts of hifive_1, as the queue carried them."""
    archive = open_archive(ArchiveSettings(folder=str(folder)), Metrics())
    names = {1: "steps", 2: "calories"}
    bodies = []
    for each in reports:
        fields: dict[str, Any] = msgspec.structs.asdict(each)
        event_id = fields.pop("event_id")
        fields["thing"] = names[each.thing]
        if event_id is not None:
            fields |= {"mode": "increment", "id": event_id}
        bodies.append(encode_metric(fields))
    for number in range(counts):
        fields = {"thing": "hifive_1", "value": 1, "ts": NOON_S, "id": str(number)}
        bodies.append(msgspec.json.encode({"command": "count", "count": fields}))
    bodies.append(b"not a message of psd")
    accepted_ms = 4_200_000_000_000
    await archive.append(Entry(accepted_ms + at, str(at), body) for at, body in enumerate(bodies))
    await archive.close()


@pytest.mark.parametrize("seed", range(6))
async def test_what_is_gone_everywhere_comes_back_from_the_archive_to_the_byte(
    psd: Runtime, redis_url: str, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(f"archive {seed}")
    reports = [*random_reports(rng), increment("x", 7, uid=1), increment("x", 7, uid=1)]
    await psd.engine.book([*reports, *(count(str(n)) for n in range(5))])
    client = psd.store.client
    before = await keyspace(client)
    await archive_of(tmp_path / "archive", reports, counts=5)
    keys = [key for key in before if re.match(rf"{ROOT}:\d+:[lar]:", key)]
    assert any(key.startswith("psd:{") for key in keys)
    await client.delete(*keys)
    result = await verified(redis_url, "--repair", "--archive", str(tmp_path / "archive"))
    assert result.exit_code == 0, result.output
    assert await keyspace(client) == before
    assert "lost" not in result.output


async def test_the_archive_is_asked_for_lost_reports_before_they_are_made_up(
    psd: Runtime, redis_url: str, tmp_path: Path
) -> None:
    """Without it, an activity whose field is gone gets fixed bookings instead of its windows."""
    await book(psd, few())
    before = await keyspace(psd.store.client)
    await archive_of(tmp_path / "archive", few())
    await psd.store.client.delete(owner_key(1, "1:a:0"))
    result = await verified(redis_url, "--repair", "--archive", str(tmp_path / "archive"))
    assert (result.exit_code, await keyspace(psd.store.client)) == (0, before)


async def test_an_archive_that_has_only_a_part_lowers_nothing_either(
    psd: Runtime, redis_url: str, tmp_path: Path
) -> None:
    await book(psd, few())
    await archive_of(tmp_path / "archive", few()[:1])
    await forget(psd.store.client, "activity")
    await psd.store.client.delete(LEAF_KEY)
    result = await verified(redis_url, "--repair", "--archive", str(tmp_path / "archive"))
    assert result.exit_code == 1
    assert f"{DAY_KEY} 12: 30:3, but only 10 by reports and leaves: lost" in result.output
    assert await sum_of(psd) == 30


async def test_an_archive_of_another_store_is_not_believed(
    psd: Runtime, redis_url: str, tmp_path: Path
) -> None:
    """It has as many bookings at the same times, and other sums."""
    others = [msgspec.structs.replace(each, value=each.value + 1) for each in few()]
    await book(psd, few())
    await archive_of(tmp_path / "archive", others)
    await forget(psd.store.client, "activity")
    await psd.store.client.delete(LEAF_KEY)
    result = await verified(redis_url, "--repair", "--archive", str(tmp_path / "archive"))
    assert result.exit_code == 1
    assert ", but only nothing by reports and leaves: lost" in result.output
    assert await sum_of(psd) == 30


async def test_an_accepted_increment_that_is_not_booked_yet_is_left_to_its_worker(
    psd: Runtime, redis_url: str, tmp_path: Path
) -> None:
    await book(psd, few())
    late = increment("late", 3, NOON_S + 30, aid=9)
    await archive_of(tmp_path / "archive", [*few(), late])
    await psd.store.client.delete(owner_key(1, "1:a:0"))
    await verified(redis_url, "--repair", "--archive", str(tmp_path / "archive"))
    assert await sum_of(psd) == 30
    assert await book(psd, [late]) == ["booked"]
    assert await sum_of(psd) == 33
