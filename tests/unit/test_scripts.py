"""How the Lua files become scripts: each part once, in order, under a SHA that is its version."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from psd.store import scripts
from psd.store.scripts import Script, load_script, script_names

FILES = {
    "lib/numbers.lua": "-- Numbers.\nlocal one = 1\n",
    "lib/totals.lua": "-- Totals.\n-- @include lib/numbers: one\nlocal two = one + 1\n",
    "lib/leaf.lua": "-- Leaf.\n-- @include lib/numbers: one\nlocal three = one + 2\n",
    "engine/sum.lua": (
        "-- Sum.\n-- Mode: read\n-- @include lib/totals: two\n"
        "-- @include lib/leaf: three\n  -- why\nreturn two + three\n"
    ),
    "engine/book.lua": "-- Book.\n-- Mode: write\n-- @include lib/numbers: one\nreturn one -- 1\n",
    "rewards/level.lua": "-- Level.\n-- Mode: read\nreturn 0\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        write(tmp_path, name, text)
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_a_part_stands_once_before_what_includes_it(folder: Path) -> None:
    script = load_script("engine.sum", folder)
    assert script.source == (
        "local one=1\nlocal two=one + 1\nlocal three=one + 2\nreturn two + three\n"
    )


def test_the_sha_is_that_of_the_source(folder: Path) -> None:
    script = load_script("engine.book", folder)
    digest = hashlib.sha1(script.source.encode(), usedforsecurity=False).hexdigest()
    assert script.sha == digest.encode()
    assert script.sha != load_script("engine.sum", folder).sha


def test_lines_that_are_comments_do_not_travel(folder: Path) -> None:
    assert load_script("engine.book", folder).source == "local one=1\nreturn one -- 1\n"


def test_spaces_travel_within_texts_and_where_lua_needs_them(folder: Path) -> None:
    text = "local a = f('b, c = d', \"e = 'f, g\")\n    return a <= 1 and a == -1\n"
    write(folder, "engine/spaces.lua", f"-- Spaces.\n-- Mode: read\n{text}")
    assert load_script("engine.spaces", folder).source == (
        "local a=f('b, c = d',\"e = 'f, g\")\n return a <=1 and a==-1\n"
    )


def test_a_script_that_writes_nothing_is_told_by_its_header(folder: Path) -> None:
    assert load_script("engine.sum", folder).reads_only
    assert not load_script("engine.book", folder).reads_only


@pytest.mark.parametrize("header", ["", "-- Mode: reads\n", "-- Mode: read\n-- Mode: write\n"])
def test_a_script_that_does_not_say_whether_it_writes_is_an_error(
    folder: Path, header: str
) -> None:
    write(folder, "engine/none.lua", f"-- None. Writes nothing\n{header}return 1\n")
    with pytest.raises(ValueError, match=r"engine/none: .*'-- Mode: read' or '-- Mode: write'"):
        load_script("engine.none", folder)


def test_a_cycle_of_includes_is_an_error_that_shows_it(folder: Path) -> None:
    write(folder, "lib/a.lua", "-- A.\n-- @include lib/b: b\nlocal a = b\n")
    write(folder, "lib/b.lua", "-- B.\n-- @include lib/a: a\nlocal b = a\n")
    write(folder, "engine/loop.lua", "-- Loop.\n-- @include lib/a: a\nreturn a\n")
    with pytest.raises(ValueError, match="lib/a -> lib/b -> lib/a"):
        load_script("engine.loop", folder)


def test_a_part_that_is_missing_is_an_error(folder: Path) -> None:
    write(folder, "engine/lost.lua", "-- Lost.\n-- @include lib/none: none\nreturn none\n")
    with pytest.raises(FileNotFoundError, match=r"none\.lua"):
        load_script("engine.lost", folder)


@pytest.mark.parametrize(
    ("include", "refusal"),
    [
        ("-- @include lib/numbers: one, three", "includes three of lib/numbers, which has no such"),
        ("-- @include lib/numbers", "is not '-- @include <part>: <name>, <name>'"),
    ],
)
def test_an_include_line_that_is_not_true_is_refused(
    folder: Path, include: str, refusal: str
) -> None:
    text = f"-- Wrong.\n-- Mode: read\n{include}\nreturn one\n"
    write(folder, "engine/wrong.lua", text)
    with pytest.raises(ValueError, match=refusal):
        load_script("engine.wrong", folder)


def test_a_script_with_more_names_than_lua_allows_is_an_error(folder: Path) -> None:
    names = "".join(f"local name_{number} = {number}\n" for number in range(201))
    write(folder, "engine/many.lua", f"-- Many.\n-- Mode: read\n{names}")
    with pytest.raises(ValueError, match=r"engine\.many has 201 names at once, .* 200"):
        load_script("engine.many", folder)


def test_every_file_outside_lib_is_a_script(folder: Path) -> None:
    assert list(script_names(folder)) == ["engine.book", "engine.sum", "rewards.level"]


def test_a_script_is_read_once(folder: Path) -> None:
    assert load_script("engine.sum", folder) is load_script("engine.sum", folder)


def test_a_script_is_read_from_the_folder_that_stood_when_it_was_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "engine/own.lua", "-- Mode: read\nreturn 1\n")
    with monkeypatch.context() as patched:
        patched.setattr(scripts, "lua_folder", lambda: folder)
        script = Script("engine.own")
    assert script.sha == load_script("engine.own", folder).sha
