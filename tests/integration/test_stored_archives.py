"""Archives as the psd of each version wrote them are replayed; those of a newer psd are refused.

tests/golden/archive/1.psda is of fb34f31: two reports and a count. 2.psda has a report, then what
people decided in the history of tests/support/stored/stored_history.py, about boards and rewards.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from psd.archive.entries import MAGIC, VERSION, Entry
from psd.archive.reader import Damage, read_entries
from psd.cli.main import psd as command
from psd.clock import ManualClock
from psd.engine.plan import Range
from psd.rewards.part import RewardsPart
from psd.rewards.weeks import week_of
from psd.runtime import Runtime
from tests.support.engine import engine_on, sum_of
from tests.support.stored.stored_history import (
    NOON_S,
    WEEK_S,
    WRITTEN_AT_S,
    counted_words,
    write_boards,
    write_rewards,
)

FOLDER = Path(__file__).parents[1] / "golden" / "archive"
NOON_MS = NOON_S * 1000
END_MS = 1 << 60
DAYS = {1: "20160412", 2: "20231114"}
"""The folder in which each file lay."""


def laid(into: Path, version: int, content: bytes | None = None) -> Path:
    """An archive with the file of a version, or with other bytes in its place."""
    day = into / DAYS[version]
    day.mkdir(parents=True)
    stored = (FOLDER / f"{version}.psda").read_bytes()
    (day / "host-1-1-0.psda").write_bytes(stored if content is None else content)
    return into


def of_version(version: int) -> bytes:
    """A file whose first frame says this version."""
    stored = (FOLDER / f"{VERSION}.psda").read_bytes()
    return MAGIC + bytes([version]) + stored[len(MAGIC) + 1 :]


async def replayed(redis_url: str, folder: Path) -> Result:
    """``psd replay`` of everything, beside a running loop."""
    arguments = ["--set", f"redis.url={redis_url}", "--set", f"archive.folder={folder}"]
    arguments += ["replay", "--from", "2016-01-01", "--to", "2024-01-01", "--forgotten"]
    return await asyncio.to_thread(CliRunner().invoke, command, arguments)


pytestmark = pytest.mark.psd(now_s=WRITTEN_AT_S)


def test_every_version_has_a_file_and_is_read() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {str(n) for n in range(1, VERSION + 1)}
    assert set(DAYS) == set(range(1, VERSION + 1))


async def test_version_1_is_replayed(psd: Runtime, redis_url: str, tmp_path: Path) -> None:
    folder = laid(tmp_path / "archive", 1)
    assert [each.id for each in read_entries(folder, 0, END_MS)] == [
        "0f2a6c3b1d4e5f60",
        "",
        "0f2a6c3b1d4e5f61",
    ]
    done = await replayed(redis_url, folder)
    assert done.exit_code == 0, done.output
    assert await sum_of(psd) == 25
    assert await psd.engine.counts(["hifive_1"], Range(NOON_S, NOON_S + 1)) == [1]


async def test_version_2_brings_back_what_people_decided(
    psd: Runtime, redis_url: str, tmp_path: Path
) -> None:
    done = await replayed(redis_url, laid(tmp_path / "archive", 2))
    assert done.exit_code == 0, done.output
    assert await sum_of(psd) == 10
    assert await psd.boards.members("april") == [1, 2, 6]
    assert [row.uid for row in (await psd.finals.read("april")).data] == ["1", "2", "6"]
    assert set(await psd.part(RewardsPart).ledger.blacklist()) == {"0"}
    assert [each.note for each in await psd.part(RewardsPart).ledger.overrides()] == ["case 981"]
    paid = await psd.part(RewardsPart).ledger.payouts([7], week_of(WEEK_S))
    assert paid[7].tokens == "1000"


async def test_decisions_are_archived_as_the_file_of_their_version_has_them(
    redis_url: str, tmp_path: Path
) -> None:
    """Whoever changes one raises VERSION, or gives the decision a new kind."""
    async with engine_on(redis_url, clock=ManualClock(WRITTEN_AT_S), archive=tmp_path) as psd:
        with counted_words():
            await write_boards(psd)
            await write_rewards(psd)
    kept = laid(tmp_path / "kept", VERSION)
    _, *wanted = read_entries(kept, 0, END_MS)
    assert [_told(each) for each in read_entries(tmp_path, 0, END_MS)] == [_told(e) for e in wanted]


def _told(entry: Entry) -> bytes:
    # A board's final has the sums of that moment, which are not those of the file's store; and
    # versions began one lower when it was written.
    return re.sub(rb'"version":\d+', b'"version":0', entry.body.partition(b'"final"')[0])


@pytest.mark.parametrize("version", [VERSION + 1, VERSION + 15])
async def test_a_file_of_a_newer_psd_is_refused_before_anything_is_booked(
    version: int, psd: Runtime, redis_url: str, tmp_path: Path
) -> None:
    folder = laid(tmp_path / "archive", 1)
    laid(folder, 2, of_version(version))
    done = await replayed(redis_url, folder)
    assert done.exit_code == 78
    assert f"in version {version} of the archive" in done.output
    assert await sum_of(psd) == 0


def test_another_byte_in_the_place_of_the_version_is_a_damage(tmp_path: Path) -> None:
    folder = laid(tmp_path, 2, of_version(0x42))
    damages: list[Damage] = []
    assert len(list(read_entries(folder, 0, END_MS, damages))) > 0
    assert [each.start for each in damages] == [0]
