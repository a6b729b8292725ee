"""A day of the archive goes when three clocks say so, and one a day at most."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from psd.archive.deletion import LOOK_EVERY_S, MARK, SETTLED_S, Deletion
from psd.archive.entries import Entry
from psd.archive.folders import day_folders
from psd.archive.reader import read_entries
from psd.archive.writer import Archive
from psd.config import ArchiveSettings
from psd.observe.metrics import Metrics

NOON = datetime(2016, 4, 12, 12, tzinfo=UTC)
DAY_S = 86_400
MINUTE_S = 60


class Machine:
    """A process that writes once a minute, its two clocks and its stopwatch; it has been idle."""

    def __init__(self, folder: Path, keep_days: int) -> None:
        self.folder = folder
        self.keep_days = keep_days
        self.now_s = int(NOON.timestamp())
        self.own_ahead_s = self.store_ahead_s = 0
        self.restart()

    def restart(self) -> None:
        """Another process."""
        self.deletion = Deletion(self.folder, self.keep_days, lambda: float(self.now_s))

    def work(self, seconds: int, every_s: int = MINUTE_S) -> None:
        """Write now and then."""
        for _ in range(seconds // every_s):
            self.now_s += every_s
            own_ms, store_ms = (
                (self.now_s + ahead_s) * 1000 for ahead_s in (self.own_ahead_s, self.store_ahead_s)
            )
            self.deletion.consider(own_ms, store_ms)

    def days(self) -> list[str]:
        """The days that are there."""
        return [day.name for day in day_folders(self.folder)]


def day(before: int) -> str:
    return f"{NOON - timedelta(days=before):%Y%m%d}"


def machine_with(folder: Path, days: int, keep_days: int) -> Machine:
    """An archive with so many days, today's included."""
    for before in range(days):
        (folder / day(before)).mkdir()
        (folder / day(before) / f"host-1-{before}.psda").write_bytes(b"")
    (folder / "notes").mkdir()
    return Machine(folder, keep_days)


def test_the_oldest_day_goes_once_clocks_have_gone_evenly_for_an_hour(tmp_path: Path) -> None:
    machine = machine_with(tmp_path, 5, keep_days=3)
    machine.work(int(SETTLED_S) - MINUTE_S)
    assert len(machine.days()) == 5
    machine.work(2 * int(LOOK_EVERY_S))
    assert machine.days() == [day(3), day(2), day(1), day(0)]
    assert (tmp_path / "notes").is_dir()


@pytest.mark.slow("years of days")
def test_of_many_days_that_are_too_old_one_goes_a_day_whoever_deletes(tmp_path: Path) -> None:
    machine = machine_with(tmp_path, 40, keep_days=3)
    for gone in range(1, 6):
        for _ in range(3):
            machine.restart()
            machine.work(7 * 3600)
        machine.now_s += 3 * 3600
        assert len(machine.days()) == 40 - (gone + 1), "each midnight one, and one before the first"
        assert [path.name for path in tmp_path.glob(f"{MARK}*")] != []
    assert len(list(tmp_path.glob(f"{MARK}*"))) == 1


@pytest.mark.parametrize("whose", ["own_ahead_s", "store_ahead_s"])
def test_one_clock_that_is_ahead_deletes_nothing_however_long(tmp_path: Path, whose: str) -> None:
    machine = machine_with(tmp_path, 4, keep_days=3)
    setattr(machine, whose, 60 * DAY_S)
    for _ in range(5):
        machine.restart()
        machine.work(2 * 3600)
    assert len(machine.days()) == 4


def test_a_machine_whose_clocks_jump_deletes_nothing_within_the_hour(tmp_path: Path) -> None:
    """Redis is on the same machine, so both jump."""
    machine = machine_with(tmp_path, 4, keep_days=3)
    rng = random.Random(5)
    machine.work(2 * int(SETTLED_S))
    for _ in range(50):
        machine.own_ahead_s = machine.store_ahead_s = rng.choice([60, 400, -3]) * DAY_S
        machine.work(rng.randrange(MINUTE_S, int(SETTLED_S) - MINUTE_S, MINUTE_S))
        machine.own_ahead_s = machine.store_ahead_s = 0
        machine.work(MINUTE_S)
        machine.now_s -= machine.now_s % DAY_S - DAY_S // 2
    assert len(machine.days()) == 4


@pytest.mark.slow("years of days")
def test_a_machine_whose_clocks_stay_wrong_loses_a_day_a_day(tmp_path: Path) -> None:
    machine = machine_with(tmp_path, 30, keep_days=10)
    machine.own_ahead_s = machine.store_ahead_s = 400 * DAY_S
    machine.work(3 * DAY_S, every_s=10 * MINUTE_S)
    assert 27 - 1 <= len(machine.days()) <= 27
    machine.own_ahead_s = machine.store_ahead_s = 0
    left = len(machine.days())
    machine.work(2 * int(SETTLED_S))
    assert len(machine.days()) == left - 1, "a mark of the future holds nothing up"


@pytest.mark.slow("years of days")
def test_zero_keeps_all(tmp_path: Path) -> None:
    machine = machine_with(tmp_path, 400, keep_days=0)
    machine.work(3 * int(SETTLED_S))
    assert len(machine.days()) == 400


def test_a_file_of_somebody_else_in_a_day_stays(tmp_path: Path) -> None:
    machine = machine_with(tmp_path, 5, keep_days=3)
    (tmp_path / day(4) / "notes.txt").write_text("mine")
    machine.work(2 * int(SETTLED_S))
    assert (tmp_path / day(4) / "notes.txt").read_text() == "mine"


async def test_one_write_with_a_clock_60_days_ahead_deletes_no_day(tmp_path: Path) -> None:
    archive = Archive(ArchiveSettings(folder=str(tmp_path), keep_days=3), Metrics())
    noon_ms = int(NOON.timestamp()) * 1000
    for days in (0, 1, 2, 62):
        await archive.append([Entry(noon_ms + days * DAY_S * 1000, str(days), b"{}")])
    await archive.close()
    read = [entry.id for entry in read_entries(tmp_path, 0, 1 << 60)]
    assert read == ["0", "1", "2", "62"]
