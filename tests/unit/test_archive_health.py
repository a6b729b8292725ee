"""A disk that cannot be written is told when it begins, while it lasts, and when it ends."""

from __future__ import annotations

import logging
import os
import resource
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from psd.archive import health
from psd.archive.entries import Entry
from psd.archive.reader import read_entries
from psd.archive.writer import Archive
from psd.cli.doctor.doctor_opens import examine_opened
from psd.config import ArchiveSettings, Settings
from psd.errors import ArchiveUnavailableError
from psd.observe.metrics import Metrics

NOON_MS = 1_460_462_400_000
END_MS = 1 << 60
ROOM = 1 << 40


def entry(name: str, size: int = 2) -> Entry:
    return Entry(NOON_MS, name, os.urandom(size))


class Disk:
    """What statvfs tells of a disk with so much room."""

    def __init__(self, free_bytes: int, inodes: int = 1000) -> None:
        self.f_frsize = 4096
        self.f_bavail = self.f_bfree = free_bytes // 4096
        self.f_files, self.f_ffree = 10_000, inodes


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def archive(
    tmp_path: Path, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Archive]:
    monkeypatch.setattr(health.os, "statvfs", lambda _path: Disk(ROOM))
    made = Archive(ArchiveSettings(folder=str(tmp_path / "archive")), metrics)
    await made.append([entry("first")])
    yield made
    await made.close()


@contextmanager
def full_disk(free_bytes: int) -> Iterator[None]:
    """No file of this process may grow past so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def sample(metrics: Metrics, name: str) -> float | None:
    return metrics.registry.get_sample_value(name)


async def test_a_full_disk_is_told_by_readiness_log_and_metric_until_there_is_room(
    archive: Archive, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    assert await archive.readiness() == {"archive": "ok"}
    with full_disk(100):
        for _ in range(3):
            with pytest.raises(ArchiveUnavailableError):
                await archive.append([entry("late", 5000)])
        for _ in range(2):
            told = (await archive.readiness())["archive"]
            assert told.startswith("cannot be written since ")
            assert "(File too large)" in told
        assert sample(metrics, "psd_archive_failures_total") == 3
        assert sample(metrics, "psd_archive_failing") == 1
        assert [each.levelno for each in caplog.records] == [logging.ERROR]
    # Nobody sends a write to a server that is not ready: it finds out by itself.
    assert await archive.readiness() == {"archive": "ok"}
    assert sample(metrics, "psd_archive_failing") == 0
    assert "can be written again" in caplog.messages[-1]
    await archive.append([entry("late", 5000)])
    assert len(caplog.records) == 2


async def test_a_write_that_finds_room_again_ends_the_failure(
    archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    with full_disk(10), pytest.raises(ArchiveUnavailableError):
        await archive.append([entry("late")])
    await archive.append([entry("late")])
    assert await archive.readiness() == {"archive": "ok"}
    assert len(caplog.records) == 2


@pytest.mark.parametrize("how", ["removed", "moved away", "replaced"])
async def test_a_folder_that_is_taken_away_is_made_again_and_what_follows_is_kept(
    archive: Archive, tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What goes into a file that nobody can find any more is not kept."""
    folder = tmp_path / "archive"
    if how == "removed":
        shutil.rmtree(folder)
    else:
        folder.rename(tmp_path / "elsewhere")
    if how == "replaced":
        folder.mkdir()
    await archive.append([entry("second")])
    assert [each.id for each in read_entries(folder, 0, END_MS)] == ["second"]
    assert "a file of the archive was taken away" in caplog.messages


async def test_a_folder_that_became_a_file_is_a_failure(archive: Archive, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    folder.rename(tmp_path / "elsewhere")
    folder.write_bytes(b"")
    with pytest.raises(ArchiveUnavailableError):
        await archive.append([entry("second")])
    assert "cannot be written since" in (await archive.readiness())["archive"]


async def test_an_idle_process_finds_out_as_well(archive: Archive, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    folder.rename(tmp_path / "elsewhere")
    folder.write_bytes(b"")
    assert "cannot be written since" in (await archive.readiness())["archive"]


@pytest.mark.parametrize(
    ("disk", "told"),
    [
        (Disk(ROOM), "ok"),
        (Disk(312_000_000), "ok: 311 MB are free on the disk of "),
        (Disk(4096), "the disk of "),
        (Disk(ROOM, inodes=0), "the disk of "),
    ],
    ids=["room", "little room", "no room", "no inodes"],
)
async def test_little_room_is_told_before_there_is_none(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: Disk, told: str
) -> None:
    monkeypatch.setattr(health.os, "statvfs", lambda _path: disk)
    found = (await archive.readiness())["archive"]
    assert found.startswith(told)
    settings = Settings(archive=ArchiveSettings(folder=str(tmp_path / "archive")))
    [doctor] = [each async for each in examine_opened(settings) if each.check == "archive"]
    assert doctor.ok is told.startswith("ok")
    assert told.removeprefix("ok: ") in doctor.found or told == "ok"
