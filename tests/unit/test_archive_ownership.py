"""Whose files of an archive a store may read."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from psd.archive.entries import Entry
from psd.archive.files import DayFiles
from psd.archive.folders import store_of
from psd.archive.order import unnumbered
from psd.archive.ownership import files_owned, name_of_lost_store
from psd.archive.places import Places, places_of
from psd.archive.reader import files_by_store, read_entries
from psd.errors import ConfigError

OURS, OTHER, THIRD = "0123456789ab", "ba9876543210", "aaaaaaaaaaaa"
ARCHIVE = Path("archive")
NOON_MS = 1_460_462_400_000


def test_a_file_of_before_names_no_store_whatever_the_host_is_called() -> None:
    name = "-4711-1460462400000-0.psda"
    for host in ("host7", "a.example.com", f"h.{OTHER}"):
        assert store_of(Path(f"{host}{name}")) == ""
    assert store_of(Path(f"a.example.com-4711-1460462400000-0.{OURS}.psda")) == OURS


def test_a_store_reads_its_own_files_and_those_that_name_none() -> None:
    owned = files_owned(ARCHIVE, OURS, {OURS: 2, "": 3, OTHER: 4, THIRD: 1})
    assert (owned.stores, owned.left_out) == (frozenset({OURS}), {THIRD: 1, OTHER: 4})
    assert files_owned(ARCHIVE, OURS, {"": 3}).left_out == {}
    assert files_owned(ARCHIVE, OURS, {}).left_out == {}


def test_files_of_another_store_are_read_when_it_is_named() -> None:
    owned = files_owned(ARCHIVE, OURS, {OURS: 2, OTHER: 4, THIRD: 1}, [OTHER])
    assert (owned.stores, owned.left_out) == (frozenset({OURS, OTHER}), {THIRD: 1})


def test_where_all_files_are_of_others_nothing_is_read_and_the_sentence_says_why() -> None:
    with pytest.raises(ConfigError, match=f"all files are of {OTHER}, and .* {OURS}; .*--store"):
        files_owned(ARCHIVE, OURS, {OTHER: 4})
    with pytest.raises(ConfigError, match=f"all files are of {THIRD}, {OTHER}, and .* no name yet"):
        files_owned(ARCHIVE, "", {OTHER: 4, THIRD: 1})


def test_a_store_that_was_emptied_takes_the_name_of_the_files() -> None:
    owned = files_owned(ARCHIVE, "", {OTHER: 4, "": 1})
    assert (owned.stores, owned.left_out, owned.takes_name) == (frozenset({OTHER}), {}, OTHER)
    assert files_owned(ARCHIVE, "", {"": 1}).takes_name == ""


def write_one(folder: Path, store: str, accepted_ms: int = NOON_MS) -> DayFiles:
    """Files that are open, with one entry."""
    files = DayFiles(folder, keep_days=0)
    files.belong_to(store)
    files.write([Entry(accepted_ms, "id", store.encode())], unnumbered(accepted_ms))
    return files


def test_a_store_without_a_name_is_the_one_whose_newest_files_lie_there(tmp_path: Path) -> None:
    assert name_of_lost_store(tmp_path / "nothing") == ""
    write_one(tmp_path, THIRD, NOON_MS - 86_400_000).close()
    write_one(tmp_path, "", NOON_MS + 86_400_000).close()
    files = write_one(tmp_path, OURS)
    # While somebody writes them, they are a living store's.
    assert name_of_lost_store(tmp_path) == ""
    assert name_of_lost_store(tmp_path, {"8c1f/0"}) == ""
    files.close()
    assert name_of_lost_store(tmp_path) == OURS
    write_one(tmp_path, OTHER).close()
    assert name_of_lost_store(tmp_path) == ""


def test_of_a_living_store_at_the_same_server_the_name_is_handed_out(tmp_path: Path) -> None:
    with contextlib.closing(write_one(tmp_path, OURS)):
        Places(tmp_path).note(OURS, {"8c1f/0", "77d0/0"})
        assert name_of_lost_store(tmp_path, {"8c1f/0"}) == OURS
        for elsewhere in ({"8c1f/1"}, {"a1b2/0"}, frozenset()):
            assert name_of_lost_store(tmp_path, elsewhere) == ""
        with contextlib.closing(write_one(tmp_path, OTHER)):
            assert name_of_lost_store(tmp_path, {"8c1f/0"}) == ""


def test_the_last_note_of_where_a_store_is_stands(tmp_path: Path) -> None:
    noted = Places(tmp_path)
    assert places_of(tmp_path, OURS) == frozenset()
    for places in ({"8c1f/0"}, {"77d0/0"}, {"77d0/0"}, frozenset()):
        noted.note(OURS, places)
    assert places_of(tmp_path, OURS) == {"77d0/0"}
    assert places_of(tmp_path, OTHER) == frozenset()
    assert [path.name for path in tmp_path.iterdir()] == [f".{OURS}.place"]


def test_a_folder_that_cannot_be_written_has_no_note(tmp_path: Path) -> None:
    noted = Places(tmp_path / "nothing")
    noted.note(OURS, {"8c1f/0"})
    assert places_of(tmp_path / "nothing", OURS) == frozenset()
    (tmp_path / "nothing").mkdir()
    noted.note(OURS, {"8c1f/0"})
    assert places_of(tmp_path / "nothing", OURS) == {"8c1f/0"}


def test_a_process_whose_store_changed_begins_another_file(tmp_path: Path) -> None:
    files = write_one(tmp_path, OURS)
    files.belong_to(OURS)
    files.write([Entry(NOON_MS, "id", b"2")], unnumbered(NOON_MS))
    files.belong_to(OTHER)
    files.write([Entry(NOON_MS, "id", b"3")], unnumbered(NOON_MS))
    files.close()
    assert files_by_store(tmp_path, 0, 1 << 60) == {OURS: 1, OTHER: 1}


def test_the_files_of_two_stores_in_one_folder_are_told_apart(tmp_path: Path) -> None:
    for store in (OURS, OTHER, ""):
        write_one(tmp_path, store).close()
    assert files_by_store(tmp_path, 0, 1 << 60) == {OURS: 1, OTHER: 1, "": 1}
    found = [entry.body for entry in read_entries(tmp_path, 0, 1 << 60, stores={OURS})]
    assert sorted(found) == [b"", OURS.encode()]
    assert len(list(read_entries(tmp_path, 0, 1 << 60))) == 3
