"""What is copied of an archive, and what is put back into one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from psd.archive.entries import Entry, frame_of
from psd.archive.order import Stamp
from psd.backup.archive_files import copy_archive, put_back, whole_bytes
from psd.backup.manifest import BackupFile
from psd.errors import ConfigError

STORE = "5a1e09c3b7d2"
FRAMES = [
    frame_of([Entry(1_460_462_400_000 + n, f"m{n}", b"{}")], Stamp(1_460_462_400_000_000 + n, n))
    for n in range(3)
]


def archived(folder: Path, number: int, content: bytes, store: str = STORE) -> Path:
    """A file of an archive."""
    path = folder / "20160412" / f"host7-4711-1460462400000-{number}.{store}.psda"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def copied(folder: Path, backup: Path) -> list[BackupFile]:
    return [*copy_archive([folder], STORE, backup, lambda _: None)]


def test_a_frame_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    whole = b"".join(FRAMES)
    path = archived(tmp_path / "archive", 0, whole + FRAMES[0][:-1])
    assert whole_bytes(path) == len(whole)
    [file] = copied(tmp_path / "archive", tmp_path / "backup")
    assert file.bytes == len(whole)
    assert (tmp_path / "backup" / file.path).read_bytes() == whole


def test_a_spoiled_frame_is_copied_with_what_is_behind_it(tmp_path: Path) -> None:
    content = FRAMES[0] + b"x" * 60 + FRAMES[1]
    assert whole_bytes(archived(tmp_path, 0, content)) == len(content)


def test_what_another_store_accepted_is_not_copied(tmp_path: Path) -> None:
    archived(tmp_path / "archive", 0, FRAMES[0])
    archived(tmp_path / "archive", 1, FRAMES[1], "77d0e1a2b3c4")
    assert len(copied(tmp_path / "archive", tmp_path / "backup")) == 1


def test_two_folders_with_a_file_of_one_name_are_refused(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        archived(folder, 0, FRAMES[0])
    with pytest.raises(ConfigError, match="another folder has a file of this name"):
        [*copy_archive(folders, STORE, tmp_path / "backup", lambda _: None)]


@pytest.mark.parametrize(
    ("there", "found", "left"),
    [
        (None, "put", FRAMES[:2]),
        (FRAMES[:2], "there", FRAMES[:2]),
        (FRAMES, "there", FRAMES),
        (FRAMES[:1], "put", FRAMES[:2]),
        (FRAMES[2:], "other", FRAMES[2:]),
        (FRAMES[1:], "other", FRAMES[1:]),
    ],
)
def test_a_file_that_is_missing_or_shorter_is_put_back(
    there: list[bytes] | None, found: str, left: list[bytes], tmp_path: Path
) -> None:
    archived(tmp_path / "archive", 0, b"".join(FRAMES[:2]))
    files = copied(tmp_path / "archive", tmp_path / "backup")
    target = tmp_path / "target"
    if there is not None:
        archived(target, 0, b"".join(there))
    assert put_back(tmp_path / "backup", files, target, lambda _: None) == Counter({found: 1})
    [path] = target.rglob("*.psda")
    assert path.read_bytes() == b"".join(left)
    assert [*target.rglob(".*")] == []
