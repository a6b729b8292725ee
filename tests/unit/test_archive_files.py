"""What is appended is read back, in order, however the files were torn, spoiled or interrupted."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from psd.archive.entries import HEAD_BYTES, Entry, frame_of
from psd.archive.files import DayFiles
from psd.archive.order import Stamp
from psd.archive.reader import Damage, oldest_ms, read_entries
from psd.archive.writer import Archive, NoArchive, open_archive
from psd.config import ArchiveSettings
from psd.errors import ArchiveUnavailableError, ConfigError
from psd.observe.metrics import Metrics

NOON_MS = 1_460_462_400_000
"""2016-04-12 12:00:00 UTC."""

DAY_MS = 86_400_000
END_MS = 1 << 60


def entry(accepted_ms: int, name: str = "m", body: bytes = b"{}") -> Entry:
    return Entry(accepted_ms, name, body)


def archive_in(folder: Path, keep_days: int = 0) -> Archive:
    return Archive(ArchiveSettings(folder=str(folder), keep_days=keep_days), Metrics())


def ids(folder: Path, from_ms: int = 0, to_ms: int = END_MS) -> list[str]:
    return [each.id for each in read_entries(folder, from_ms, to_ms)]


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.psda"))


async def write(folder: Path, *appends: list[Entry]) -> None:
    """One process's archive: one frame an append."""
    archive = archive_in(folder)
    for entries in appends:
        await archive.append(entries)
    await archive.close()


def frame_bytes(entries: list[Entry]) -> int:
    """How long the frame of an append is."""
    return len(frame_of(entries, Stamp(1, 1)))


@contextmanager
def full_disk(free_bytes: int) -> Iterator[None]:
    """No file of this process may grow past so many bytes: writes are cut short, then fail."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_what_is_appended_is_read_back_byte_for_byte(tmp_path: Path) -> None:
    sent = [entry(NOON_MS + n, f"id{n}", os.urandom(n)) for n in range(300)]
    await write(tmp_path, sent[:1], sent[1:100], [], sent[100:101], sent[101:])
    assert list(read_entries(tmp_path, 0, END_MS)) == sent
    assert oldest_ms(tmp_path) == NOON_MS


async def test_a_window_is_half_open_and_reaches_over_midnight(tmp_path: Path) -> None:
    times = [NOON_MS + hour * 3_600_000 for hour in range(30)]
    await write(tmp_path, *([entry(at, str(at))] for at in times))
    assert [each.parent.name for each in files(tmp_path)] == ["20160412", "20160413"]
    assert ids(tmp_path) == [str(at) for at in times]
    assert ids(tmp_path, times[3], times[20]) == [str(at) for at in times[3:20]]
    assert ids(tmp_path, times[3], times[3] + 1) == [str(times[3])]
    assert ids(tmp_path, times[3], times[3]) == []
    assert ids(tmp_path, times[29] + 1) == []


async def test_the_files_of_all_writers_are_merged_by_time(tmp_path: Path) -> None:
    for writer in range(7):
        await write(tmp_path, *([entry(NOON_MS + n * 7 + writer)] for n in range(20)))
    assert len(files(tmp_path)) == 7
    read = [each.accepted_ms for each in read_entries(tmp_path, 0, END_MS)]
    assert read == list(range(NOON_MS, NOON_MS + 140))


@pytest.mark.slow("some 100 MB")
async def test_thousands_of_files_are_not_all_open_at_once(tmp_path: Path) -> None:
    day = tmp_path / "20160412"
    day.mkdir()
    for number in range(300):
        (day / f"{number:04}.psda").write_bytes(frame_of([entry(NOON_MS + number, str(number))]))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/dev/fd")) + 20, hard))
    try:
        assert ids(tmp_path) == [str(number) for number in range(300)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_clock_that_jumps_ahead_and_back_changes_no_order_and_no_time(
    tmp_path: Path,
) -> None:
    times = [NOON_MS, NOON_MS + 40 * DAY_MS, *range(NOON_MS, NOON_MS + 100)]
    await write(tmp_path, *([entry(at, str(n))] for n, at in enumerate(times)))
    read = list(read_entries(tmp_path, 0, END_MS))
    assert [each.id for each in read] == [str(n) for n in range(102)]
    assert [each.accepted_ms for each in read] == times


@pytest.mark.slow("every byte of a file")
async def test_a_file_torn_at_any_byte_keeps_every_whole_frame(tmp_path: Path) -> None:
    appends = [[entry(NOON_MS + n, f"id{n}", b"body %d" % n)] for n in range(3)]
    await write(tmp_path, *appends)
    [path] = files(tmp_path)
    whole = path.read_bytes()
    ends = [0]
    for append in appends:
        ends.append(ends[-1] + frame_bytes(append))
    assert ends[-1] == len(whole)
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        damages: list[Damage] = []
        kept = sum(end <= size for end in ends[1:])
        read = [each.id for each in read_entries(tmp_path, 0, END_MS, damages)]
        assert read == [f"id{n}" for n in range(kept)], size
        torn = [] if size in ends else [Damage(path, ends[kept], size, is_tail=True)]
        assert damages == torn, size


@pytest.mark.slow("every byte of a file")
async def test_a_spoiled_frame_costs_its_own_entries_only(tmp_path: Path) -> None:
    appends = [[entry(NOON_MS + n, f"id{n}", b"body %d" % n)] for n in range(3)]
    await write(tmp_path, *appends)
    [path] = files(tmp_path)
    whole = path.read_bytes()
    start = frame_bytes(appends[0])
    end = start + frame_bytes(appends[1])
    for spoiled in range(start, end):
        content = bytearray(whole)
        content[spoiled] ^= 0x55
        path.write_bytes(content)
        damages: list[Damage] = []
        read = [each.id for each in read_entries(tmp_path, 0, END_MS, damages)]
        assert read == ["id0", "id2"], spoiled
        assert damages == [Damage(path, start, end, is_tail=False)], spoiled
    assert str(damages[0]) == f"{path}: spoiled frame at byte {start} ({end - start} bytes)"


@pytest.mark.slow("every byte of a file")
async def test_zeros_and_garbage_behind_the_frames_are_one_torn_tail(tmp_path: Path) -> None:
    await write(tmp_path, [entry(NOON_MS, "a")])
    [path] = files(tmp_path)
    size = path.stat().st_size
    for tail in (bytes(100_000), b"psd\x01" * 30_000, os.urandom(70_000)):
        path.write_bytes(path.read_bytes()[:size] + tail)
        damages: list[Damage] = []
        assert len(list(read_entries(tmp_path, 0, END_MS, damages))) == 1
        assert damages == [Damage(path, size, size + len(tail), is_tail=True)]


async def test_appends_that_wait_for_one_fsync_go_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[int] = []
    write_files = DayFiles.write

    def counting(self: DayFiles, entries: list[Entry], stamp: Stamp) -> int:
        writes.append(len(entries))
        return write_files(self, entries, stamp)

    monkeypatch.setattr(DayFiles, "write", counting)
    archive = archive_in(tmp_path)
    await asyncio.gather(*(archive.append([entry(NOON_MS, str(n))]) for n in range(50)))
    first = asyncio.create_task(archive.append([entry(NOON_MS, "first")]))
    await asyncio.sleep(0)
    await asyncio.gather(first, *(archive.append([entry(NOON_MS, "late")]) for _ in range(9)))
    await archive.close()
    assert writes == [50, 1, 9]
    assert len(ids(tmp_path)) == 60


async def test_an_append_returns_after_the_fsync_and_not_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    sync = os.fdatasync

    def noting(descriptor: int) -> None:
        sync(descriptor)
        synced.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr("psd.archive.files._sync_data", noting)
    archive = archive_in(tmp_path)
    for number in range(3):
        await archive.append([entry(NOON_MS + number)])
        assert synced[-1] == files(tmp_path)[0].stat().st_size
    assert len(synced) == 3
    await archive.close()


async def test_a_full_disk_is_an_outage_that_leaves_no_half_frame(tmp_path: Path) -> None:
    archive = archive_in(tmp_path)
    await archive.append([entry(NOON_MS, "kept")])
    [path] = files(tmp_path)
    size = path.stat().st_size
    late = [entry(NOON_MS + 1, "late", os.urandom(500))]
    with full_disk(size + HEAD_BYTES + 20), pytest.raises(ArchiveUnavailableError) as caught:
        await archive.append(late)
    assert caught.value.retryable
    assert path.stat().st_size == size
    with full_disk(10):
        for _ in range(5):
            with pytest.raises(ArchiveUnavailableError):
                await archive.append(late)
    assert files(tmp_path) == [path], "failed attempts leave no files behind"
    await archive.append(late)
    await archive.close()
    damages: list[Damage] = []
    read = [each.id for each in read_entries(tmp_path, 0, END_MS, damages)]
    assert (read, damages) == (["kept", "late"], [])


async def test_a_failed_fsync_fails_everybody_who_waited_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    archive = archive_in(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("psd.archive.files._sync_data", fail)
        waiting = [archive.append([entry(NOON_MS)]) for _ in range(3)]
        answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(answer) for answer in answers] == [ArchiveUnavailableError] * 3
    await archive.append([entry(NOON_MS, "again")])
    await archive.close()
    assert ids(tmp_path) == ["again"]


async def test_whoever_stops_waiting_takes_nothing_from_the_others(tmp_path: Path) -> None:
    archive = archive_in(tmp_path)
    gone = asyncio.create_task(archive.append([entry(NOON_MS, "gone")]))
    stays = asyncio.create_task(archive.append([entry(NOON_MS, "stays")]))
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    await archive.close()
    assert ids(tmp_path) == ["gone", "stays"]


@pytest.mark.slow("some 100 MB")
async def test_a_large_append_is_cut_into_frames_of_a_bounded_size(tmp_path: Path) -> None:
    await write(tmp_path, [entry(NOON_MS, str(n), os.urandom(300_000)) for n in range(20)])
    [path] = files(tmp_path)
    assert path.read_bytes().count(b"psd\x02") == 5
    assert ids(tmp_path) == [str(n) for n in range(20)]


def test_a_folder_that_cannot_be_written_is_refused_by_its_name(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    settings = ArchiveSettings(folder=str(in_the_way / "archive"))
    with pytest.raises(ConfigError, match=r"archive\.folder = '.*file/archive': .*File exists"):
        open_archive(settings, Metrics())


async def test_an_archive_that_is_off_touches_no_disk(tmp_path: Path) -> None:
    settings = ArchiveSettings(enabled=False, folder=str(tmp_path / "archive"))
    archive = open_archive(settings, Metrics())
    assert isinstance(archive, NoArchive)
    await archive.append(unmade())
    await archive.close()
    assert files(tmp_path) == []
    assert not (tmp_path / "archive").exists()


def unmade() -> Iterator[Any]:
    raise AssertionError("an entry was made")
    yield


async def test_the_metrics_tell_messages_bytes_and_time(tmp_path: Path) -> None:
    metrics = Metrics()
    archive = Archive(ArchiveSettings(folder=str(tmp_path)), metrics)
    await archive.append([entry(NOON_MS), entry(NOON_MS)])
    await archive.close()
    value = metrics.registry.get_sample_value
    assert value("psd_archived_total") == 2
    assert value("psd_archived_bytes_total") == files(tmp_path)[0].stat().st_size
    assert value("psd_archive_seconds_count") == 1


async def test_an_archive_holds_nothing_for_strangers(tmp_path: Path) -> None:
    await write(tmp_path / "new" / "archive", [entry(NOON_MS)])
    today = datetime.fromtimestamp(NOON_MS // 1000, UTC)
    day = tmp_path / "new" / "archive" / f"{today:%Y%m%d}"
    modes = [path.stat().st_mode & 0o007 for path in (day.parent, day, *day.iterdir())]
    assert modes == [0, 0, 0]
